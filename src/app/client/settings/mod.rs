//! Options of a run that are not given as flags: from a run file, the environment and `--set`.
//!
//! A setting has the name of an option of `train` and becomes that option, put before the flags of the command line. So flags win
//! over `--set`, that over the environment, that over the file; and what an option may be is said in one place.

mod check;
mod effective;
mod known;
mod run_file;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

pub(super) use check::run as check;
pub(super) use effective::{run as config, run_file_of};
pub(super) use known::Known;

use super::arguments::{Arguments, Command};
use super::failure::Failure;
use super::line::Line;
use super::options::RunOptions;

/// Beginning of the names of environment variables.
const ENVIRONMENT: &str = "ROUNDTABLE_";

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the run file, on this line.
    Line(usize),
    /// In an environment variable.
    Variable(String),
    /// By `--set`.
    Set,
    /// By this flag, or not at all.
    Flag(String),
}

impl Origin {
    /// Whether both stand side by side, so that neither is meant to win over the other.
    fn is_beside(&self, other: &Origin) -> bool {
        use Origin::{Line, Variable};
        matches!(
            (self, other),
            (Line(_), Line(_)) | (Variable(_), Variable(_))
        )
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Line(line) => write!(out, "line {line}"),
            Origin::Variable(name) => out.write_str(name),
            Origin::Set => out.write_str("--set"),
            Origin::Flag(name) => write!(out, "--{name}"),
        }
    }
}

/// An option's value, said elsewhere than by its flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The option's long name.
    key: String,
    value: String,
    origin: Origin,
}

/// Something that is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    at: Origin,
    what: String,
}

/// Every setting that counts, by key, and everything that is wrong.
#[derive(Debug, Default)]
pub(super) struct Layers {
    settings: BTreeMap<String, Setting>,
    /// The coordinator that the run file names.
    coordinator: Option<String>,
    /// Options that are given as flags, which win.
    flags: BTreeSet<String>,
    wrong: Vec<Wrong>,
}

impl Layers {
    /// From all that is said beside flags.
    fn read(
        run: &RunOptions,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Layers, Failure> {
        let mut layers = Layers::default();
        let known = Known::default();
        if let Some(path) = &run.file {
            let (settings, wrong) = run_file::parse(&read(path)?);
            layers.wrong = wrong;
            settings
                .into_iter()
                .for_each(|setting| layers.add(&known, setting));
        }
        for (name, value) in variables {
            let key = name.strip_prefix(ENVIRONMENT).map(str::to_lowercase);
            // Other programs have variables of such names too.
            if let Some(key) = key.and_then(|key| known.name(&key)) {
                let origin = Origin::Variable(name);
                layers.add(&known, Setting { key, value, origin });
            }
        }
        for text in &run.set {
            match text.split_once('=') {
                Some((key, value)) => {
                    let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
                    let origin = Origin::Set;
                    layers.add(&known, Setting { key, value, origin });
                }
                None => layers.wrong.push(Wrong {
                    at: Origin::Set,
                    what: format!("`{text}` is not KEY=VALUE"),
                }),
            }
        }
        Ok(layers)
    }

    /// Adds a setting, in the place of one said before it.
    fn add(&mut self, known: &Known, setting: Setting) {
        let is_line = matches!(setting.origin, Origin::Line(_));
        if setting.key == known::COORDINATOR && is_line {
            self.coordinator = Some(setting.value);
            return;
        }
        let checked = match setting.key == known::COORDINATOR {
            true => Err(
                "the coordinator is named before the command, `client IP PORT`, or in a run file"
                    .to_owned(),
            ),
            false => known.check(&setting),
        };
        let checked = checked.and_then(|key| match self.settings.get(&key) {
            Some(other) if other.origin.is_beside(&setting.origin) => Err(format!(
                "`{}` is another name of what {} says",
                setting.key, other.origin
            )),
            _ => Ok(key),
        });
        match checked {
            Ok(key) => {
                let setting = Setting {
                    key: key.clone(),
                    ..setting
                };
                self.settings.insert(key, setting);
            }
            Err(what) => {
                let at = setting.origin;
                self.wrong.push(Wrong { at, what });
            }
        }
    }

    /// As options of `train`; those of a cluster only where there is none yet.
    fn options(&self, own_cluster: bool) -> Vec<String> {
        let known = Known::default();
        self.settings
            .values()
            .filter(|setting| own_cluster || !known.is_of_cluster(&setting.key))
            .map(|setting| known::option(&setting.key, &setting.value))
            .collect()
    }
}

/// What the command line asks for, with all that is said elsewhere, and what that was.
///
/// # Errors
/// When the run file cannot be read, or anything that is said is wrong: all of it. `check` gets what is wrong in the layers.
pub(super) fn parse(line: Line) -> Result<(Arguments, Layers), Failure> {
    let Line {
        mut arguments,
        command,
    } = line;
    let matches = Arguments::command().get_matches_from(&arguments);
    let plain = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let Some((run, takes_cluster)) = plain.command.run_options() else {
        return Ok((plain, Layers::default()));
    };
    let mut layers = Layers::read(run, variables())?;
    layers.flags = flags(&matches);
    if !layers.wrong.is_empty() && !matches!(plain.command, Command::Check(_)) {
        return Err(failure(run.file.as_deref(), &layers.wrong));
    }
    let at = layers.coordinator.as_deref().filter(|_| plain.at.is_none());
    let mut options = layers.options(takes_cluster && plain.at.is_none() && at.is_none());
    options.extend(at.map(|at| format!("--at={at}")));
    let place = command + 1;
    arguments.splice(place..place, options.into_iter().map(OsString::from));
    // What stands further behind wins.
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    let matches = Arguments::command()
        .args_override_self(true)
        .mut_subcommand(name, |command| command.args_override_self(true))
        .get_matches_from(arguments);
    let parsed = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Ok((parsed, layers))
}

/// Long names of the options that were given on the command line.
fn flags(matches: &ArgMatches) -> BTreeSet<String> {
    let Some((_, matches)) = matches.subcommand() else {
        return BTreeSet::new();
    };
    let given = matches
        .ids()
        .filter(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine));
    given.map(|id| id.as_str().replace('_', "-")).collect()
}

/// Variables of the environment that are text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.into_string().ok()?))
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the run file {}: {error}",
            path.display()
        ))
        .hint("an example: examples/run.toml")
    })
}

fn failure(path: Option<&Path>, wrong: &[Wrong]) -> Failure {
    let message = match path {
        Some(path) => format!("{} cannot be run", path.display()),
        None => "what is set cannot be run".to_owned(),
    };
    wrong
        .iter()
        .fold(Failure::usage(message), |failure, wrong| {
            failure.detail(format!("{}: {}", wrong.at, wrong.what))
        })
}
