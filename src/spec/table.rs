//! Tables of what can be chosen by a spec.

use std::fmt::Write;

use super::error::nearest;
use super::{Arguments, Spec, SpecError};

/// An option a row takes.
#[derive(Clone, Copy, Debug)]
pub struct OptionHelp {
    /// Its key.
    pub key: &'static str,
    /// What its value may be, briefly: `0..1`, `f32|f64`, `NUMBER`.
    pub value: &'static str,
    /// What it does, in one line, with its default.
    pub help: &'static str,
}

/// One thing that can be chosen by name.
pub struct Row<T> {
    /// Its name.
    pub name: &'static str,
    /// Other names for it; numbers are welcome.
    pub aliases: &'static [&'static str],
    /// What stands behind the name, for example `IN-HIDDEN-OUT`; empty when nothing does.
    pub value: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
    /// The options it takes.
    pub options: &'static [OptionHelp],
    /// Makes it from the arguments. Arguments it leaves unread are an error.
    pub build: fn(&mut Arguments) -> Result<T, SpecError>,
}

/// Everything of one kind that can be chosen by name.
pub struct Table<T: 'static> {
    /// What the rows are, for help and errors: `policy`, `model`.
    pub kind: &'static str,
    /// The rows, in the order of the help.
    pub rows: &'static [Row<T>],
}

impl<T> Table<T> {
    /// Makes what `text` names.
    ///
    /// # Errors
    /// When the text is malformed, the name or an option unknown, or a value not allowed.
    pub fn build(&self, text: &str) -> Result<T, SpecError> {
        self.build_spec(&text.parse()?)
    }

    /// Makes what a parsed spec names.
    ///
    /// # Errors
    /// As [`Table::build`].
    pub fn build_spec(&self, spec: &Spec) -> Result<T, SpecError> {
        let row = self.row(spec.name())?;
        let known: Vec<&str> = row.options.iter().map(|option| option.key).collect();
        if let Some((key, _)) = spec.options().find(|(key, _)| !known.contains(key)) {
            return Err(SpecError::UnknownOption {
                what: format!("{} {}", self.kind, row.name),
                key: key.to_owned(),
                near: nearest(key, &known),
                known,
            });
        }
        let mut arguments = Arguments::new(self.kind, row.name, spec);
        let built = (row.build)(&mut arguments)?;
        arguments.finish()?;
        Ok(built)
    }

    /// The row of a name or alias.
    ///
    /// # Errors
    /// When there is none.
    pub fn row(&self, name: &str) -> Result<&'static Row<T>, SpecError> {
        let named = |row: &&Row<T>| row.name == name || row.aliases.contains(&name);
        self.rows.iter().find(named).ok_or_else(|| {
            let known = self.names();
            SpecError::UnknownName {
                kind: self.kind,
                name: name.to_owned(),
                near: nearest(name, &known),
                known,
            }
        })
    }

    /// The names of the rows, without aliases.
    pub fn names(&self) -> Vec<&'static str> {
        self.rows.iter().map(|row| row.name).collect()
    }

    /// The text for `--help`: a line for each row, and one for each of its options.
    pub fn help(&self) -> String {
        let usages: Vec<String> = self.rows.iter().map(Row::usage).collect();
        let width = usages.iter().map(String::len).max().unwrap_or(0);
        let mut text = String::new();
        for (row, usage) in self.rows.iter().zip(&usages) {
            let _ = write!(text, "  {usage:width$}  {}", row.help);
            if !row.aliases.is_empty() {
                let _ = write!(text, " (also: {})", row.aliases.join(", "));
            }
            text.push('\n');
            for option in row.options {
                let usage = format!("{}={}", option.key, option.value);
                let _ = writeln!(text, "      {usage:width$}  {}", option.help);
            }
        }
        text
    }
}

impl<T> Row<T> {
    /// Name and value as they are written.
    fn usage(&self) -> String {
        match self.value {
            "" => self.name.to_owned(),
            value => format!("{}:{value}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: Table<(Option<String>, f64, bool)> = Table {
        kind: "policy",
        rows: &[
            Row {
                name: "random",
                aliases: &["1"],
                value: "",
                help: "any free node",
                options: &[],
                build: |_| Ok((None, 0.0, false)),
            },
            Row {
                name: "load-balancing",
                aliases: &["2"],
                value: "NAME",
                help: "the freest node",
                options: &[
                    OptionHelp {
                        key: "share",
                        value: "0..1",
                        help: "how much; 0.5",
                    },
                    OptionHelp {
                        key: "insist",
                        value: "no|yes",
                        help: "whether; no",
                    },
                    OptionHelp {
                        key: "ignored",
                        value: "X",
                        help: "never read",
                    },
                ],
                build: |arguments| {
                    let name = arguments.value().map(str::to_owned);
                    let share =
                        arguments.number("share", 0.5, 0.0..=1.0, "a number from 0 to 1")?;
                    let insist = arguments.choice("insist", &[("no", false), ("yes", true)])?;
                    Ok((name, share, insist))
                },
            },
        ],
    };

    fn error(text: &str) -> String {
        TABLE.build(text).unwrap_err().to_string()
    }

    #[test]
    fn names_aliases_values_and_options_build() {
        assert_eq!(TABLE.build("1"), Ok((None, 0.0, false)));
        assert_eq!(TABLE.build("load-balancing"), Ok((None, 0.5, false)));
        let all = TABLE.build("2:x,share=1,insist=yes");
        assert_eq!(all, Ok((Some("x".to_owned()), 1.0, true)));
    }

    #[test]
    fn errors_say_what_is_wrong_and_what_is_right() {
        assert_eq!(
            error("rando"),
            "unknown policy `rando`; did you mean `random`? known: random, load-balancing"
        );
        assert_eq!(
            error("9"),
            "unknown policy `9`; known: random, load-balancing"
        );
        assert_eq!(
            error("2:shar=1"),
            "policy load-balancing: unknown option `shar`; did you mean `share`? \
             known: share, insist, ignored"
        );
        assert_eq!(
            error("random:a=1"),
            "policy random: unknown option `a`; none is known"
        );
        assert_eq!(
            error("random:x"),
            "policy random takes no value, but `x` was given"
        );
        for bad in ["x", "2", "-0.1", "NaN", ""] {
            assert_eq!(
                error(&format!("2:share={bad}")),
                format!(
                    "policy load-balancing: `share={bad}` is not allowed; give a number from 0 to 1"
                )
            );
        }
        assert_eq!(
            error("2:insist=maybe"),
            "policy load-balancing: `insist=maybe` is not allowed; give no or yes"
        );
        assert_eq!(
            error("2:ignored=1"),
            "policy load-balancing: option `ignored=1` has no effect here"
        );
    }

    #[test]
    fn help_has_a_line_for_every_row_and_option() {
        assert_eq!(
            TABLE.help(),
            "  random               any free node (also: 1)\n\
             \u{20} load-balancing:NAME  the freest node (also: 2)\n\
             \u{20}     share=0..1           how much; 0.5\n\
             \u{20}     insist=no|yes        whether; no\n\
             \u{20}     ignored=X            never read\n"
        );
    }
}
