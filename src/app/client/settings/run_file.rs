//! Run files: TOML with one option of a run a line, every value with its line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Origin, Setting, Wrong, known};

/// The settings of a run file in the order of their lines, and all that is wrong with how it is written.
pub(super) fn parse(text: &str) -> (Vec<Setting>, Vec<Wrong>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let at = |span: Range<usize>| Origin::Line(line_of(text, span.start));
    let mut wrong: Vec<Wrong> = errors
        .iter()
        .map(|error| Wrong {
            at: at(error.span().unwrap_or(0..0)),
            what: error.message().to_owned(),
        })
        .collect();
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut settings = Vec::new();
    for (key, value) in entries {
        let (origin, key) = (at(key.span()), key.get_ref().to_string());
        let checked = match scalar(&key, value) {
            Ok(value) if key == known::COORDINATOR => {
                known::check_coordinator(&value).map(|()| value)
            }
            other => other,
        };
        match checked {
            Ok(value) => settings.push(Setting { key, value, origin }),
            Err(what) => wrong.push(Wrong { at: origin, what }),
        }
    }
    (settings, wrong)
}

/// The value as it would stand on the command line.
fn scalar(key: &str, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace('_', "")),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|error| format!("{key} = {number}: {error}")),
        DeValue::Float(number) => Ok(number.as_str().replace('_', "")),
        DeValue::Boolean(switch) => Ok(switch.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) => {
            Err(format!("{key} is a text, a number, true or false"))
        }
        DeValue::Table(_) => Err(format!(
            "[{key}]: a run file has no tables; write its keys at the top"
        )),
    }
}

/// From 1.
fn line_of(text: &str, place: usize) -> usize {
    let before = &text.as_bytes()[..place.min(text.len())];
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_lines() {
        let text = "# what\nrounds = 1_0\n\nlr = 0.5 # fast\nmodel = 'mlp:64-8-10'\nseed = 0x1f\ndrop_stragglers = true\n";
        let (settings, wrong) = parse(text);
        assert!(wrong.is_empty(), "{wrong:?}");
        let found: Vec<String> = settings
            .iter()
            .map(|setting| format!("{} {} {}", setting.origin, setting.key, setting.value))
            .collect();
        assert_eq!(
            found,
            [
                "line 2 rounds 10",
                "line 4 lr 0.5",
                "line 5 model mlp:64-8-10",
                "line 6 seed 31",
                "line 7 drop_stragglers true",
            ]
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = "rounds = \nlr = 0.1\nmodel = [1]\n\n[cluster]\nnodes = 3\n";
        let (settings, wrong) = parse(text);
        let lines: Vec<String> = wrong.iter().map(|wrong| wrong.at.to_string()).collect();
        assert_eq!(lines, ["line 1", "line 3", "line 5"], "{wrong:?}");
        assert!(settings.iter().any(|setting| setting.key == "lr"));
        let (_, wrong) = parse("coordinator = \"nowhere\"\n");
        assert!(wrong[0].what.contains("nowhere"), "{wrong:?}");
    }
}
