//! Log lines of the three programs: as text or as JSON, on the standard error stream.

mod about;
mod format;

use clap::{Args, ValueEnum};

pub use about::{About, listed};

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Time, level and message, then `key=value` of what the line is about
    #[default]
    Text,
    /// One object a line: `ts`, `level`, `message`, and a member for each key
    Json,
}

/// Options about log lines, which all programs have.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct LogOptions {
    /// What log lines, on the standard error stream, look like; RUST_LOG=debug has more of them, RUST_LOG=warn less
    #[arg(
        long,
        value_name = "text|json",
        value_enum,
        default_value_t,
        global = true,
        hide_possible_values = true
    )]
    pub log_format: Format,
}

/// Logs from now on: `RUST_LOG` decides how much, `level` otherwise.
pub fn start(level: &str, format: Format) {
    let environment = env_logger::Env::default().default_filter_or(level);
    let mut builder = env_logger::Builder::from_env(environment);
    match format {
        Format::Text => builder.format_target(false).format_key_values(format::keys),
        Format::Json => builder.format(format::json),
    };
    // Whoever logs already goes on doing so.
    let _ = builder.try_init();
}
