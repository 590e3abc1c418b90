//! Completions for shells and manual pages, made from the command lines of the three programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::arguments::Arguments;
use super::failure::Failure;
use super::view::{View, written};
use crate::app::{coordinator, node};

/// A program of the three.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Program {
    /// This one
    #[default]
    Client,
    /// The one that hands out shards and averages updates
    Coordinator,
    /// The one that trains
    ComputeNode,
}

impl Program {
    fn command(self) -> clap::Command {
        match self {
            Program::Client => Arguments::command(),
            Program::Coordinator => coordinator::command(),
            Program::ComputeNode => node::command(),
        }
    }
}

/// Shown below the help.
pub(super) const EXAMPLES: &str = "Examples:
  client completions bash > ~/.local/share/bash-completion/completions/client
  client completions bash --of coordinator > ~/.local/share/bash-completion/completions/coordinator
  client completions zsh > ~/.zfunc/_client              with ~/.zfunc in $fpath, before compinit";

/// Completions of which program, for which shell.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// The shell
    pub shell: Shell,
    /// The program
    #[arg(long, value_enum, default_value_t)]
    pub of: Program,
}

/// Where to write the manual.
#[derive(Debug, Args)]
pub struct ManualOptions {
    /// Folder for the pages, such as /usr/local/share/man/man1
    pub folder: PathBuf,
}

/// Prints a script that a shell reads.
pub(super) fn completions(options: &CompletionsOptions) -> Result<(), Failure> {
    let mut command = options.of.command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    written(io::Write::write_all(&mut io::stdout().lock(), &script))
}

/// Writes a page for each program and each command of the client.
pub(super) fn manual(options: &ManualOptions, view: &View) -> Result<(), Failure> {
    let cannot = |path: &Path, error: &io::Error| {
        Failure::failed(format!("cannot write {}: {error}", path.display()))
    };
    let folder = &options.folder;
    fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    for program in Program::value_variants() {
        let command = program.command();
        clap_mangen::generate_to(command, folder).map_err(|error| cannot(folder, &error))?;
    }
    view.say(&format!("wrote manual pages to {}", folder.display()));
    Ok(())
}
