//! The client: asks for runs, shows them, prints how well they did.

mod arguments;
mod conformance;
mod data_options;
mod doctor;
mod failure;
mod figure;
mod follow;
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
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::embedded::{self, Cluster};
use super::logs;
use super::signals::Ending;
use crate::clock;
use crate::wire::stubs::coordinator::{
    CancelRequest, NodesRequest, ResumeRequest, RunState, RunStatus, RunsRequest, StatusRequest,
    SubmitRequest,
};
use arguments::{Arguments, Command, TrainOptions, normalise};
use failure::Failure;
use follow::{follow, verdict};
use options::{ClusterOptions, RunOptions};
use session::Session;
use settings::Layers;
use sweep::SweepOptions;
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
    // A cluster of its own: for `train`, and for whatever is asked of the runs that are kept in a folder.
    let own = match &arguments.command {
        Command::Train(TrainOptions { cluster, .. })
        | Command::Sweep(SweepOptions { cluster, .. })
            if arguments.at.is_none() =>
        {
            Some(start(cluster, arguments.state.clone(), &view)?)
        }
        _ if arguments.state.is_some() => Some(start(
            &ClusterOptions::default(),
            arguments.state.clone(),
            &view,
        )?),
        _ => None,
    };
    let at = own.as_ref().map(Cluster::address).or(arguments.at.clone());
    let open = || match &at {
        Some(at) => Session::connect(at.clone(), arguments.timeout),
        None => Err(
            Failure::usage("this command asks a coordinator, and none is named")
                .hint("client <IP> <PORT> COMMAND; `client` alone trains on a cluster of its own"),
        ),
    };
    match arguments.command {
        Command::Train(options) => {
            options.cluster.fit(arguments.at.as_ref())?;
            let mut session = open()?;
            let run = submit(&mut session, &options.run)?;
            set(
                &last_words,
                left(&session, &run, own.is_some(), arguments.state.as_deref()),
            );
            finish(&mut session, &run, &view, options.tensorboard.as_deref())
        }
        Command::Sweep(options) => {
            options.cluster.fit(arguments.at.as_ref())?;
            set(
                &last_words,
                sweep::left(own.is_some(), arguments.state.as_deref()),
            );
            sweep::run(open, &options, &view)
        }
        Command::Submit(options) => {
            let mut session = open()?;
            let run = submit(&mut session, &options)?;
            view.say(&format!(
                "follow it with `client {} watch {run}`",
                spaced(&session)
            ));
            if json {
                return written(print_json(&json!({"event": "submitted", "run": run})));
            }
            written(print(&run))
        }
        Command::Watch(options) => {
            let mut session = open()?;
            let words = left(
                &session,
                &options.run,
                own.is_some(),
                arguments.state.as_deref(),
            );
            set(&last_words, words);
            finish(
                &mut session,
                &options.run,
                &view,
                options.tensorboard.as_deref(),
            )
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
            let run = options.run.clone();
            let request = ResumeRequest { run: options.run };
            let mut session = open()?;
            // A run that was cut off goes on by itself.
            let running = StatusRequest { run: run.clone() };
            let mut status = session.call("status", |to| to.status(&running))?;
            if status.state != RunState::RUNNING {
                status = session.call("resume", |to| to.resume(&request))?;
            }
            if own.is_none() {
                return show_run(&status, json);
            }
            set(
                &last_words,
                left(&session, &run, true, arguments.state.as_deref()),
            );
            finish(&mut session, &run, &view, None)
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
        Command::Check(options) => settings::check(layers, &options, arguments.at.as_ref(), json),
        Command::Report(options) => report::run(&mut open()?, &options, &view),
        Command::Completions(options) => manual::completions(&options),
        Command::Manual(options) => manual::manual(&options, &view),
        Command::Stats(options) => match &at {
            Some(_) => stats::run(Some(&mut open()?), &options, json),
            None => stats::run(None, &options, json),
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

/// Starts a cluster in this process.
fn start(
    options: &ClusterOptions,
    state: Option<PathBuf>,
    view: &View,
) -> Result<Cluster, Failure> {
    let config = embedded::Config {
        state,
        ..options.into()
    };
    let cluster = Cluster::start(config).map_err(|error| Failure::failed(error.0))?;
    view.say(&format!(
        "coordinator at {} with {} compute nodes in this process",
        cluster.address(),
        cluster.nodes()
    ));
    if let Some(url) = cluster.dashboard() {
        view.say(&format!("dashboard at {url}"));
    }
    Ok(cluster)
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
    let board = tensorboard.map(|folder| tensorboard::Writer::create(folder, run));
    let status = follow(session, run, view, board.transpose()?)?;
    written(view.result(&status))?;
    verdict(&status)
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
