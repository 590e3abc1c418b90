//! A run told as a document: HTML, Markdown, a table of its rounds, or event files for TensorBoard.

mod chart;
mod html;
mod markdown;
mod rounds;
mod story;

use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::session::Session;
use super::tensorboard;
use super::view::{View, print, written};
use story::Story;

/// Shown below the help.
pub(super) const EXAMPLES: &str = "Examples:
  client 127.0.0.1 5105 report RUN                   report-RUN.html, complete in one file
  client 127.0.0.1 5105 report RUN --md              the same as Markdown, on stdout
  client 127.0.0.1 5105 report RUN --csv -o run.csv  a line for each round
  client --state runs report RUN --tensorboard tb    then: tensorboard --logdir tb";

/// Which run to tell of, and how.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Id of the run
    pub run: String,
    /// Markdown instead of HTML
    #[arg(long, group = "form")]
    pub md: bool,
    /// A table of the rounds, as comma-separated values
    #[arg(long, group = "form")]
    pub csv: bool,
    /// Event files for TensorBoard, in a folder of the run's name below this one
    #[arg(long, value_name = "DIR", group = "form", conflicts_with = "output")]
    pub tensorboard: Option<PathBuf>,
    /// File to write; `-` for stdout [default: report-RUN.html, and stdout for --md and --csv]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Writes the report.
pub(super) fn run(
    session: &mut Session,
    options: &ReportOptions,
    view: &View,
) -> Result<(), Failure> {
    let story = Story::read(session, &options.run)?;
    if let Some(folder) = &options.tensorboard {
        let mut writer = tensorboard::Writer::create(folder, &options.run)?;
        for round in &story.rounds {
            writer.round(round)?;
        }
        return writer.finish(view);
    }
    let text = if options.csv {
        rounds::csv(&story.rounds)
    } else if options.md {
        markdown::document(&story)
    } else {
        html::document(&story)
    };
    let stdout = Path::new("-");
    let default = match options.csv || options.md {
        true => stdout.to_owned(),
        false => PathBuf::from(format!("report-{}.html", options.run)),
    };
    let output = options.output.as_deref().unwrap_or(&default);
    if output == stdout {
        return written(print(text.trim_end()));
    }
    std::fs::write(output, text)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", output.display())))?;
    view.say(&format!("wrote {}", output.display()));
    Ok(())
}
