//! The client: asks for runs, shows them, prints how well they did.

mod arguments;
mod asked;
mod conformance;
mod data_options;
mod doctor;
mod failure;
mod figure;
mod follow;
mod foreign;
mod kept;
mod line;
mod manual;
mod metrics;
mod model;
mod options;
mod partition;
mod plot;
mod predict;
mod progress;
mod report;
mod request;
mod session;
mod settings;
mod stats;
mod sweep;
mod tensorboard;
mod text;
mod verify;
mod view;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::logs;
use super::signals::Ending;
use crate::clock;
use crate::wire::stubs::coordinator::{
    CancelRequest, NodesRequest, ResumeRequest, RunStatus, RunsRequest, StatusRequest,
    SubmitRequest,
};
use arguments::{Arguments, Command};
use asked::Asked;
use failure::Failure;
use follow::{follow, resume, verdict};
use line::normalise;
use options::RunOptions;
use session::Session;
use settings::Layers;
use view::{View, print, print_json, written};

/// What is said when the user interrupts; it depends on what is going on.
type LastWords = Arc<Mutex<String>>;

/// Does what the command line says.
pub fn main(given: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = normalise(given).map_err(|error| {
        let hint = "client [<IP> <PORT>] [COMMAND]; see client --help";
        Failure::usage(error).hint(hint)
    });
    let done = line
        .and_then(settings::parse)
        .and_then(|(arguments, layers)| {
            // What a client has to say is its output.
            logs::start("error", arguments.log.log_format);
            run(arguments, &layers)
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(),
    }
}

fn run(arguments: Arguments, layers: &Layers) -> Result<(), Failure> {
    let view = View::new(arguments.json, arguments.quiet);
    let json = arguments.json;
    let last_words = on_interrupt()?;
    if let (Some(at), Some(_)) = (&arguments.at, &arguments.state) {
        let message = format!("--state is for a cluster of its own, not for {at}");
        return Err(Failure::usage(message).hint("leave the address or the option out"));
    }
    if let (Command::Doctor(_), Some(_)) = (&arguments.command, &arguments.state) {
        let failure = Failure::usage("doctor looks at a coordinator that runs, not at a folder");
        return Err(failure.hint("leave --state out"));
    }
    if let Some(cluster) = arguments.command.cluster() {
        cluster.fit(arguments.at.as_ref())?;
    }
    let asked = Asked::new(&arguments, view.speaks());
    let open = || asked.open();
    let state = arguments.state.as_deref();
    let left = |session: &Session, run: &str| left(session, run, asked.is_own(), state);
    match arguments.command {
        Command::Train(options) => {
            let mut session = open()?;
            let run = submit(&mut session, &options.run)?;
            set(&last_words, left(&session, &run));
            finish(&mut session, &run, &view, options.tensorboard.as_deref())
        }
        Command::Sweep(options) => {
            set(&last_words, sweep::left(asked.is_own(), state));
            sweep::run(open, &options, &view)
        }
        Command::Submit(options) => {
            let mut session = open()?;
            let run = submit(&mut session, &options)?;
            let whom = whom(&session, state);
            view.say(&format!("follow it with `client {whom} watch {run}`"));
            if json {
                return written(print_json(&json!({"event": "submitted", "run": run})));
            }
            written(print(&run))
        }
        Command::Watch(options) => {
            let mut session = open()?;
            set(&last_words, left(&session, &options.run));
            let board = options.tensorboard.as_deref();
            finish(&mut session, &options.run, &view, board)
        }
        Command::Status(options) => match options.run {
            Some(run) => {
                let request = StatusRequest { run };
                let status = open()?.call("status", |to| to.status(&request))?;
                show_run(&status, json)
            }
            None => runs(&mut open()?, json),
        },
        Command::Runs => runs(&mut open()?, json),
        Command::Metrics(options) => metrics::run(&mut open()?, options.run, json),
        Command::Cancel(options) => {
            let request = CancelRequest { run: options.run };
            let status = open()?.call("cancel", |to| to.cancel(&request))?;
            show_run(&status, json)
        }
        Command::Resume(options) => {
            let run = &options.run;
            let mut session = open()?;
            if !asked.is_own() {
                let request = ResumeRequest { run: run.clone() };
                let status = session.call("resume", |to| to.resume(&request))?;
                return show_run(&status, json);
            }
            // A run that was cut off goes on by itself, and may be over by now.
            let since = resume(&mut session, run)?;
            set(&last_words, left(&session, run));
            let status = follow(&mut session, run, since, &view, None)?;
            conclude(&status, &view)
        }
        Command::Nodes => nodes(&mut open()?, json),
        Command::Model(options) => model::run(&mut open()?, &options, json),
        Command::Predict(options) => predict::run(open, &options, json),
        Command::Partition(options) => match &arguments.at {
            Some(at) => {
                let message = format!("partition counts shards here and asks nothing of {at}");
                Err(Failure::usage(message).hint("leave the address out"))
            }
            None => partition::run(&options, json),
        },
        Command::Check(options) => {
            let root = kept::data_root(state, options.cluster.data_root.as_deref());
            let at = arguments.at.as_ref();
            settings::check(layers, &options, at, &root, json)
        }
        Command::Report(options) => report::run(&mut open()?, &options, &view),
        Command::Completions(options) => manual::completions(&options),
        Command::Manual(options) => manual::manual(&options, &view),
        Command::Stats(options) => match asked.is_known() {
            true => stats::run(Some(&mut open()?), &options, json),
            false => stats::run(None, &options, json),
        },
        Command::Config(options) => settings::config(&mut open()?, &options.run, json),
        Command::Conformance(options) => match &arguments.at {
            Some(at) => {
                let message = format!("conformance tries a node and asks nothing of {at}");
                Err(Failure::usage(message).hint("client conformance HOST:PORT"))
            }
            None => conformance::run(&options, json, arguments.quiet),
        },
        Command::Doctor(options) => doctor::run(
            arguments.at.as_ref(),
            &options,
            arguments.timeout,
            (json, arguments.quiet),
        ),
        Command::Verify(options) => verify::run(open, &options.names, json),
    }
}

/// Asks for a run under a key of our own, so that asking again is asking once.
fn submit(session: &mut Session, options: &RunOptions) -> Result<String, Failure> {
    let request = SubmitRequest {
        key: format!("{:016x}{:016x}", clock::chance(), clock::chance()),
        plan: request::plan(options),
    };
    let reply = session.submit(&request)?;
    Ok(reply.run)
}

/// Follows a run to its end, which is the client's.
fn finish(
    session: &mut Session,
    run: &str,
    view: &View,
    tensorboard: Option<&Path>,
) -> Result<(), Failure> {
    let board = match tensorboard {
        Some(folder) => {
            // Nothing is written, nor replaced, for a run that there is not.
            let request = StatusRequest {
                run: run.to_owned(),
            };
            let status = session.call("status", |to| to.status(&request))?;
            Some(tensorboard::Writer::create(folder, &status.run)?)
        }
        None => None,
    };
    let status = follow(session, run, 0, view, board)?;
    conclude(&status, view)
}

/// Shows how a run ended.
fn conclude(status: &RunStatus, view: &View) -> Result<(), Failure> {
    written(view.result(status))?;
    verdict(status)
}

fn runs(session: &mut Session, json: bool) -> Result<(), Failure> {
    let reply = session.call("runs", |to| to.runs(&RunsRequest::default()))?;
    if json {
        for run in &reply.runs {
            show_run(run, true)?;
        }
        return Ok(());
    }
    written(print(text::runs(&reply.runs).trim_end()))
}

fn show_run(status: &RunStatus, json: bool) -> Result<(), Failure> {
    if !json {
        return written(print(text::status(status).trim_end()));
    }
    let last = status.last.as_ref();
    let metrics = last.and_then(|last| last.metrics.as_ref());
    let regression = metrics.and_then(|metrics| metrics.regression.as_ref());
    written(print_json(&json!({
        "run": status.run,
        "state": text::state(status.state),
        "round": status.round,
        "rounds": status.rounds,
        "accuracy": metrics.and_then(|metrics| metrics.accuracy),
        "rmse": regression.map(|errors| errors.mse.sqrt()),
        "digest": last.and_then(|last| last.digest.as_deref()).map(hex::encode),
        "activity": status.activity,
        "error": status.error,
        "hint": status.hint,
    })))
}

fn nodes(session: &mut Session, json: bool) -> Result<(), Failure> {
    let reply = session.call("nodes", |to| to.nodes(&NodesRequest {}))?;
    if !json {
        return written(print(text::node_table(&reply.nodes).trim_end()));
    }
    for node in &reply.nodes {
        written(print_json(&json!({
            "address": node.address,
            "state": node.state.name().unwrap_or("UNKNOWN").to_lowercase(),
            "busy": node.busy,
            "slots": node.slots,
            "load": node.load,
            "rows_per_second": node.rows_per_second,
            "completed": node.completed,
            "failed": node.failed,
            "refused": node.refused,
            "failure": node.failure,
            "failure_age_ms": node.failure_age_ms,
        })))?;
    }
    Ok(())
}

/// How the coordinator is named on later command lines.
fn whom(session: &Session, state: Option<&Path>) -> String {
    match state {
        Some(folder) => format!("--state {}", folder.display()),
        None => spaced(session),
    }
}

fn spaced(session: &Session) -> String {
    format!("{} {}", session.at().host, session.at().port)
}

/// What becomes of a run when its client is interrupted.
fn left(session: &Session, run: &str, own: bool, state: Option<&Path>) -> String {
    match state {
        Some(folder) => format!(
            "stopped: run {run} is kept\n  go on with it: client --state {} resume {run}",
            folder.display()
        ),
        None if own => format!("stopped: run {run} ends with its cluster"),
        None => detached(session, run),
    }
}

fn detached(session: &Session, run: &str) -> String {
    let at = spaced(session);
    format!(
        "detached: run {run} goes on\n  follow it:   client {at} watch {run}\n  call it off: client {at} cancel {run}"
    )
}

fn set(last_words: &LastWords, words: String) {
    *last_words.lock().unwrap_or_else(PoisonError::into_inner) = words;
}

/// The first interrupt ends the client with exit code 130, after a word on what goes on without it.
fn on_interrupt() -> Result<LastWords, Failure> {
    let last_words = LastWords::new(Mutex::new("stopped".to_owned()));
    let words = last_words.clone();
    let cannot = |error| Failure::failed(format!("cannot catch signals: {error}"));
    let ending = Ending::catch().map_err(cannot)?;
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            ending.wait();
            let words = words.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(io::stderr(), "\n{}", words.as_str());
            std::process::exit(130);
        })
        .map_err(cannot)?;
    Ok(last_words)
}
