//! A sweep: a grid or a random search as many runs over the same nodes at once, which can be taken up again.

mod point;
mod results;
mod space;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use clap::Args;
use crossbeam_channel::{Receiver, Sender, unbounded};
use serde_json::json;

use super::failure::Failure;
use super::follow::{follow, resume};
use super::options::{ClusterOptions, RunOptions};
use super::session::Session;
use super::settings::Known;
use super::view::{View, print, print_json, written};
use crate::seed::Seed;
use crate::wire::stubs::coordinator::{Plan, SubmitReply, SubmitRequest};
use point::{key, plan};
pub(super) use results::By;
use results::{Outcome, csv, rank, table};
use space::{Point, Space};

/// Runs that a coordinator takes at once.
const MOST_AT_ONCE: u16 = 64;

/// Shown below the help.
pub(super) const EXAMPLES: &str = "Examples:
  client 127.0.0.1 5105 sweep --grid 'lr=0.01|0.1' --grid 'strategy=fedavg|scaffold' --rounds 20
  client 127.0.0.1 5105 sweep --random 20 --range lr=log:0.001..1 --range batch=int:8..64 --by loss
  client sweep --state runs --grid 'seed=1|2|3' --csv seeds.csv      on a cluster in this process

Called again, also after Ctrl-C, a sweep takes up the runs it finds, finished or under way, and does
only what is missing. What to try is part of the runs, so that further values may be added; --name
begins anew. With --json every finished run is an object with `event`: run, `values`, `state`, `known`
(it was there before), `accuracy`, `loss`, `rounds`, `seconds`, `digest` and `error`; the last line
has `event`: sweep.";

/// What to try.
#[derive(Debug, Default, Args)]
pub struct SweepOptions {
    /// Values to try for an option of a run (--help of `train` lists them), separated by `|`; may be given again with
    /// more values of the same option, or for others: every combination is a run
    #[arg(long, value_name = "KEY=VALUE|VALUE", help_heading = "The sweep")]
    pub grid: Vec<String>,
    /// With --random: a range to draw a number from. `log:` draws factors evenly, `int:` integers
    #[arg(
        long,
        value_name = "KEY=[log:|int:]LOW..HIGH",
        requires = "random",
        help_heading = "The sweep"
    )]
    pub range: Vec<String>,
    /// Draw so many points, from --seed, in place of trying every combination
    #[arg(long, value_name = "N", help_heading = "The sweep")]
    pub random: Option<usize>,
    /// Runs under way at once
    #[arg(long, value_name = "K", default_value_t = 4, help_heading = "The sweep",
        value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_AT_ONCE)))]
    pub parallel: u16,
    /// What makes a run better than another
    #[arg(long, value_enum, default_value_t, help_heading = "The sweep")]
    pub by: By,
    /// Runs are found again by this name and their plans
    #[arg(
        long,
        value_name = "NAME",
        default_value = "sweep",
        help_heading = "The sweep"
    )]
    pub name: String,
    /// Write the results, best first, to this file
    #[arg(long, value_name = "FILE", help_heading = "The sweep")]
    pub csv: Option<PathBuf>,
    /// What all runs have in common
    #[command(flatten)]
    pub run: RunOptions,
    /// The cluster
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// One run to ask for.
struct Wish {
    place: usize,
    point: Point,
    key: String,
    plan: Plan,
}

/// The wishes, taken one after the other until all are or the queue is closed.
struct Queue {
    wishes: Vec<Wish>,
    next: AtomicUsize,
    closed: AtomicBool,
}

impl Queue {
    fn next(&self) -> Option<&Wish> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.wishes.get(next).filter(|_| !self.is_closed())
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// What a worker tells of a wish.
enum Told {
    Done(Outcome),
    /// There is no room for the run now.
    Waits(String),
    /// Neither this one nor another can be had.
    Lost(Failure),
}

/// Runs what was asked for; fails if every run did, or the coordinator was lost.
pub(super) fn run(
    open: impl Fn() -> Result<Session, Failure> + Sync,
    options: &SweepOptions,
    view: &View,
) -> Result<(), Failure> {
    let known = Known::default();
    let space = Space::parse(&options.grid, &options.range, |key| known.of_run(key))
        .map_err(Failure::usage)?;
    let keys: Vec<String> = space.keys().map(str::to_owned).collect();
    let wishes = wishes(&space, options)?;
    let mut outcomes = Vec::with_capacity(wishes.len());
    let queue = Queue {
        wishes,
        next: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
    };
    let (send, finished) = unbounded();
    let workers = usize::from(options.parallel).min(queue.wishes.len());
    let ended = thread::scope(|scope| {
        for _ in 0..workers {
            let (send, queue, open) = (send.clone(), &queue, &open);
            scope.spawn(move || work(open, queue, &send));
        }
        drop(send);
        let ended = collect(&finished, &queue, view, &mut outcomes);
        queue.close();
        ended
    });
    let lost = match ended? {
        Some(lost) if outcomes.is_empty() => return Err(lost),
        lost => lost,
    };
    rank(&mut outcomes, options.by);
    if let Some(file) = &options.csv {
        let text = csv(&keys, &outcomes).map_err(Failure::failed)?;
        std::fs::write(file, text).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", file.display()))
        })?;
    }
    let ended = conclude(&keys, &outcomes, options, view);
    lost.map_or(ended, Err)
}

/// Every point with its plan; points that come to the same plan are tried once.
fn wishes(space: &Space, options: &SweepOptions) -> Result<Vec<Wish>, Failure> {
    let seed = Seed(options.run.seed.unwrap_or(1).cast_unsigned());
    let points = match options.random {
        Some(points) => space.draw(points, seed),
        None => space.all(),
    };
    let mut wishes: Vec<Wish> = Vec::new();
    for point in points.map_err(Failure::usage)? {
        let plan = plan(&options.run, &point).map_err(|error| {
            Failure::usage(error).hint("values are separated by `|`: --grid 'lr=0.01|0.1'")
        })?;
        let key = key(&options.name, &plan);
        if !wishes.iter().any(|wish| wish.key == key) {
            let place = wishes.len();
            wishes.push(Wish {
                place,
                point,
                key,
                plan,
            });
        }
    }
    match wishes.len() {
        0 => Err(Failure::usage("there is nothing to try").hint("--random takes 1 or more")),
        _ => Ok(wishes),
    }
}

/// Takes one wish after the other until none is left, or a coordinator is out of reach. One without room is waited for.
fn work(open: &impl Fn() -> Result<Session, Failure>, queue: &Queue, send: &Sender<Told>) {
    let tell = |told| send.send(told).is_ok();
    let mut session = match open() {
        Ok(session) => session,
        Err(failure) => {
            tell(Told::Lost(failure));
            return;
        }
    };
    while let Some(wish) = queue.next() {
        let found = loop {
            match fulfil(&mut session, wish) {
                // Runs of others end some day.
                Err(busy) if busy.is_busy() && !queue.is_closed() => {
                    tell(Told::Waits(busy.reason()));
                    session.rest();
                }
                found => break found,
            }
        };
        let found = found.map_or_else(Told::Lost, Told::Done);
        let lost = matches!(found, Told::Lost(_));
        if !tell(found) || lost {
            return;
        }
    }
}

/// Asks for a run, or for the one there is, and waits for its end.
fn fulfil(session: &mut Session, wish: &Wish) -> Result<Outcome, Failure> {
    let point = wish.point.clone();
    let request = SubmitRequest {
        key: wish.key.clone(),
        plan: wish.plan.clone(),
    };
    let SubmitReply { run, created } = match session.submit(&request) {
        Ok(reply) => reply,
        // This plan cannot be run; others may.
        Err(failure) if failure.is_usage() => {
            return Ok(Outcome::refused(wish.place, point, failure.reason()));
        }
        Err(failure) => return Err(failure),
    };
    let known = created == Some(false);
    let since = if known { resume(session, &run)? } else { 0 };
    let status = follow(session, &run, since, &View::Quiet, None)?;
    Ok(Outcome::of(wish.place, point, known, &status))
}

/// Shows what comes as it comes. When the coordinator is lost, that is said at once, nothing more is begun, and what is under way
/// is waited for; why, the first time.
fn collect(
    told: &Receiver<Told>,
    queue: &Queue,
    view: &View,
    outcomes: &mut Vec<Outcome>,
) -> Result<Option<Failure>, Failure> {
    let mut lost = None;
    let mut waits = String::new();
    for told in told {
        match told {
            Told::Done(outcome) => {
                match view {
                    View::Json => written(print_json(&outcome.json()))?,
                    _ => view.say(&outcome.line(outcomes.len() + 1, queue.wishes.len())),
                }
                outcomes.push(outcome);
            }
            Told::Waits(reason) if reason != waits => {
                view.say(&format!("waiting: {reason}"));
                waits = reason;
            }
            Told::Waits(_) => {}
            Told::Lost(failure) => {
                queue.close();
                if lost.is_none() {
                    view.say(&format!(
                        "no more runs are begun: {}; those under way are waited for",
                        failure.reason()
                    ));
                    lost = Some(failure);
                }
            }
        }
    }
    Ok(lost)
}

fn conclude(
    keys: &[String],
    outcomes: &[Outcome],
    options: &SweepOptions,
    view: &View,
) -> Result<(), Failure> {
    let count = |which: fn(&Outcome) -> bool| outcomes.iter().filter(|o| which(o)).count();
    let (known, good) = (count(|o| o.known), count(Outcome::succeeded));
    let (all, failed) = (outcomes.len(), outcomes.len() - good);
    let best = outcomes.first().filter(|best| best.succeeded());
    match view {
        View::Json => written(print_json(&json!({
            "event": "sweep",
            "name": options.name,
            "runs": all,
            "known": known,
            "failed": failed,
            "best": best.and_then(|best| best.run.clone()),
        })))?,
        _ => {
            view.say(&format!(
                "{all} runs: {known} were there already, {failed} failed"
            ));
            written(print(table(keys, outcomes).trim_end()))?;
        }
    }
    match best {
        Some(_) => Ok(()),
        None => Err(Failure::failed(format!("of {all} runs none succeeded"))),
    }
}

/// What becomes of a sweep when its client is interrupted.
pub(super) fn left(own: bool, state: Option<&Path>) -> String {
    let what = match (own, state) {
        (true, None) => "its runs end with their cluster; with --state DIR they would be kept",
        (true, Some(_)) => "its runs are kept; the same command goes on with them",
        (false, _) => "runs under way go on; the same command takes them up",
    };
    format!("stopped: {what}")
}
