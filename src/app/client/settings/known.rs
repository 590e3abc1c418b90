//! The options that may be set, as the command line knows them.

use clap::error::ErrorKind;
use clap::{ArgAction, Args, Command};

use super::Setting;
use crate::app::client::options::{ClusterOptions, RunOptions};
use crate::net::Address;
use crate::spec::nearest;

/// In a run file: the coordinator that is asked.
pub(super) const COORDINATOR: &str = "coordinator";

/// The options of a run and of a cluster of its own.
pub(super) struct Known {
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

    /// What a setting becomes on the command line; nothing for a switch that is off.
    pub(super) fn option(&self, setting: &Setting) -> Option<String> {
        let Setting { key, value, .. } = setting;
        match (self.is_switch(key), value.as_str()) {
            (true, "false") => None,
            (true, "true") => Some(format!("--{key}")),
            _ => Some(format!("--{key}={value}")),
        }
    }

    fn is_switch(&self, name: &str) -> bool {
        let mut options = self.all.get_arguments();
        options.any(|option| {
            option.get_long() == Some(name) && matches!(option.get_action(), ArgAction::SetTrue)
        })
    }

    /// Whether an option of this name takes this value; the name.
    pub(super) fn check(&self, setting: &Setting) -> Result<String, String> {
        let Some(key) = self.name(&setting.key) else {
            return Err(self.unknown(&setting.key));
        };
        let setting = Setting {
            key,
            ..setting.clone()
        };
        if self.is_switch(&setting.key) && !matches!(setting.value.as_str(), "true" | "false") {
            let Setting { key, value, .. } = setting;
            return Err(format!("{key} = {value}: is true or false"));
        }
        let checked = self.all.clone().try_get_matches_from(self.option(&setting));
        match checked {
            // What it needs beside it may be said elsewhere.
            Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                let Setting { key, value, .. } = setting;
                Err(format!("{key} = {value}: {}", reason(&error)))
            }
            _ => Ok(setting.key),
        }
    }

    fn unknown(&self, key: &str) -> String {
        let names = self.all.get_arguments().filter_map(clap::Arg::get_long);
        let names: Vec<&str> = names
            .filter(|name| self.name(name).is_some())
            .chain([COORDINATOR])
            .collect();
        match nearest(&key.replace('_', "-"), &names) {
            Some(name) => format!("`{key}` is no option of a run; did you mean `{name}`?"),
            None => format!("`{key}` is no option of a run; known: {}", names.join(", ")),
        }
    }
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
        says("drop_stragglers", "yes", "true or false");
    }
}
