//! The options that may be set, as the command line knows them.

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::Setting;
use crate::app::client::options::{ClusterOptions, RunOptions};
use crate::net::Address;
use crate::spec::nearest;

/// In a run file: the coordinator that is asked.
pub(super) const COORDINATOR: &str = "coordinator";

/// The options of a run and of a cluster of its own.
pub(in crate::app::client) struct Known {
    all: Command,
    cluster: Command,
}

impl Default for Known {
    fn default() -> Known {
        let empty = || {
            Command::new("run")
                .disable_help_flag(true)
                .no_binary_name(true)
        };
        Known {
            all: ClusterOptions::augment_args(RunOptions::augment_args(empty())),
            cluster: ClusterOptions::augment_args(empty()),
        }
    }
}

impl Known {
    /// The option's name, for what may be written with `_` or be another name of it.
    pub(super) fn name(&self, key: &str) -> Option<String> {
        let key = key.replace('_', "-");
        if matches!(key.as_str(), "set" | "file") {
            return None;
        }
        let option = self.all.get_arguments().find(|option| {
            let aliases = option.get_visible_aliases().unwrap_or_default();
            option.get_long() == Some(&key) || aliases.contains(&key.as_str())
        });
        option?.get_long().map(str::to_owned)
    }

    pub(super) fn is_of_cluster(&self, name: &str) -> bool {
        let mut options = self.cluster.get_arguments();
        options.any(|option| option.get_long() == Some(name))
    }

    /// The name of an option of a run, for any that it may be written by.
    ///
    /// # Errors
    /// When there is none.
    pub(in crate::app::client) fn of_run(&self, key: &str) -> Result<String, String> {
        let is_of_run = |name: &str| name != COORDINATOR && !self.is_of_cluster(name);
        let name = self.name(key).filter(|name| is_of_run(name));
        name.ok_or_else(|| self.unknown(key, is_of_run))
    }

    /// Whether an option of this name takes this value; the name.
    pub(super) fn check(&self, setting: &Setting) -> Result<String, String> {
        let Setting { key, value, .. } = setting;
        let name = self.name(key);
        let name = name.ok_or_else(|| self.unknown(key, |_| true))?;
        match self.parse(&name, value) {
            // What it needs beside it may be said elsewhere.
            Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                Err(format!("{name} = {value}: {}", reason(&error)))
            }
            _ => Ok(name),
        }
    }

    /// Puts a value in the place of the one that the option of this name had.
    ///
    /// # Errors
    /// When the option does not take it.
    pub(in crate::app::client) fn update(
        &self,
        options: &mut RunOptions,
        name: &str,
        value: &str,
    ) -> Result<(), String> {
        let matches = self.parse(name, value);
        let updated = matches.and_then(|matches| options.update_from_arg_matches(&matches));
        updated.map_err(|error| format!("{name} = {value}: {}", reason(&error)))
    }

    fn parse(&self, name: &str, value: &str) -> Result<ArgMatches, clap::Error> {
        let line = [option(name, value)];
        self.all.clone().try_get_matches_from(line)
    }

    fn unknown(&self, key: &str, takes: impl Fn(&str) -> bool) -> String {
        let names = self.all.get_arguments().filter_map(clap::Arg::get_long);
        let names: Vec<&str> = names
            .filter(|name| self.name(name).is_some())
            .chain([COORDINATOR])
            .filter(|name| takes(name))
            .collect();
        match nearest(&key.replace('_', "-"), &names) {
            Some(name) => format!("`{key}` is no option of a run; did you mean `{name}`?"),
            None => format!("`{key}` is no option of a run; known: {}", names.join(", ")),
        }
    }
}

/// What a setting becomes on the command line.
pub(super) fn option(name: &str, value: &str) -> String {
    format!("--{name}={value}")
}

/// Whether a text is an address of a coordinator.
pub(super) fn check_coordinator(text: &str) -> Result<(), String> {
    match text.parse::<Address>() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{COORDINATOR} = {text}: {error}")),
    }
}

/// What the command line says of a value, without its advice on usage.
fn reason(error: &clap::Error) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;

    fn check(key: &str, value: &str) -> Result<String, String> {
        Known::default().check(&Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: Origin::Set,
        })
    }

    #[test]
    fn options_are_known_by_each_of_their_names() {
        assert_eq!(check("weight_decay", "0.1").unwrap(), "weight-decay");
        assert_eq!(check("participants", "4").unwrap(), "shards");
        assert_eq!(
            check("attackers", "0.3").unwrap(),
            "attackers",
            "needs attack"
        );
        assert_eq!(
            check("drop-stragglers", "false").unwrap(),
            "drop-stragglers"
        );
        let known = Known::default();
        assert!(known.is_of_cluster("nodes") && !known.is_of_cluster("rounds"));
    }

    #[test]
    fn what_is_wrong_is_said_with_key_and_value() {
        let says = |key, value, text: &str| {
            let error = check(key, value).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        says("round", "3", "did you mean `rounds`?");
        says("set", "lr=3", "no option");
        says("rounds", "many", "rounds = many: ");
        says("strategy", "fedavgg", "fedavg");
        says("nodes", "0", "nodes = 0");
        says("drop_stragglers", "yes", "drop-stragglers = yes: ");
        says("coordinators", "h:1", "no option");
    }

    #[test]
    fn what_a_setting_does_not_name_stays_as_it_was() {
        let mut options = RunOptions {
            standardise: Some(true),
            drop_stragglers: Some(true),
            rounds: Some(3),
            ..RunOptions::default()
        };
        let known = Known::default();
        for (name, value) in [("lr", "0.5"), ("drop-stragglers", "false")] {
            known.update(&mut options, name, value).unwrap();
        }
        assert_eq!((options.lr, options.rounds), (Some(0.5), Some(3)));
        let switches = (options.standardise, options.drop_stragglers);
        assert_eq!(switches, (Some(true), Some(false)));
        let error = known.update(&mut options, "rounds", "many").unwrap_err();
        assert!(error.starts_with("rounds = many: "), "{error}");
    }

    #[test]
    fn only_options_of_a_run_are_those_of_a_run() {
        let known = Known::default();
        assert_eq!(known.of_run("weight_decay").unwrap(), "weight-decay");
        assert_eq!(known.of_run("participants").unwrap(), "shards");
        let error = known.of_run("nodes").unwrap_err();
        assert!(
            error.starts_with("`nodes` is no option of a run"),
            "{error}"
        );
    }
}
