//! The command line as it is typed, `client IP PORT [COMMAND] ...`, as one in which the address is an option.

use std::ffi::OsString;

use clap::CommandFactory;

use super::arguments::Arguments;
use crate::net::Address;

/// A command line in which the address is an option.
#[derive(Debug)]
pub struct Line {
    /// The program and what follows.
    pub arguments: Vec<OsString>,
    /// The place of the command.
    pub command: usize,
}

/// Rewrites `client IP PORT ...` so that the address is an option and the command is always there.
///
/// # Errors
/// When the address is half of one.
pub fn normalise(given: impl IntoIterator<Item = OsString>) -> Result<Line, String> {
    let mut given = given.into_iter().peekable();
    let program = given.next().unwrap_or_else(|| OsString::from("client"));
    let mut arguments = vec![program];
    let commands = commands();
    let is_address = given.peek().is_some_and(|first| {
        let first = first.to_string_lossy();
        !first.starts_with('-')
            && !commands.iter().any(|name| *name == first)
            && !first.ends_with(".toml")
    });
    if is_address && let Some(first) = given.next() {
        let address = address(&first.to_string_lossy(), &mut given)?;
        arguments.push(OsString::from(format!("--at={address}")));
    }
    let rest: Vec<OsString> = given.collect();
    let names = |text: &OsString, names: &[&str]| names.contains(&&*text.to_string_lossy());
    let first_word = rest.iter().enumerate().position(|(at, argument)| {
        let is_value = at > 0 && names(&rest[at - 1], &["--state", "--timeout", "--log-format"]);
        !is_value && !argument.to_string_lossy().starts_with('-')
    });
    let named = first_word.filter(|&at| commands.iter().any(|name| rest[at] == name.as_str()));
    let asks_for_help = rest
        .first()
        .is_some_and(|first| names(first, &["-h", "--help", "-V", "--version"]));
    let command = arguments.len() + named.unwrap_or(0);
    if !asks_for_help && named.is_none() {
        arguments.push(OsString::from("train"));
    }
    arguments.extend(rest);
    Ok(Line { arguments, command })
}

fn address(first: &str, rest: &mut impl Iterator<Item = OsString>) -> Result<Address, String> {
    let text = match first.parse::<Address>() {
        Ok(_) => first.to_owned(),
        Err(_) => {
            let port = rest.next().map(|port| port.to_string_lossy().into_owned());
            let port = port.ok_or_else(|| {
                format!("`{first}` is neither a command nor an address with a port")
            })?;
            format!("{first},{port}")
        }
    };
    text.parse().map_err(|error| {
        format!(
            "`{}` is no address of a coordinator: {error}",
            text.replace(',', " ")
        )
    })
}

/// Names of the commands, to tell them from addresses.
fn commands() -> Vec<String> {
    let command = Arguments::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    names.chain(["help"]).map(str::to_owned).collect()
}
