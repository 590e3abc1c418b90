//! What all papers share: a cluster, a plan run up to where it is known enough, the course of its accuracy, tables.

use std::path::PathBuf;
use std::time::Duration;

use roundtable::app::{dial, embedded};
use roundtable::clock;
use roundtable::net::Address;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{
    CancelRequest, EventKind, Plan, RoundReport, SubmitRequest, WatchRequest,
};
use roundtable::wire::stubs::types::DataRef;
use sha2::{Digest, Sha256};

/// What the command line says.
pub struct Setting {
    pub data: PathBuf,
    pub seeds: Option<u64>,
    pub rounds: Option<i32>,
    pub only: String,
    /// Where runs are kept, so that a table that was broken off goes on.
    pub state: Option<PathBuf>,
}

impl Setting {
    /// The seeds to measure on.
    pub fn seeds(&self, usual: u64) -> std::ops::RangeInclusive<u64> {
        1..=self.seeds.unwrap_or(usual)
    }

    /// Where a run ends at the latest.
    pub fn rounds(&self, usual: i32) -> i32 {
        self.rounds.map_or(usual, |most| most.min(usual))
    }

    /// Whether the row of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.split_whitespace().all(|word| name.contains(word))
    }

    /// A coordinator and two nodes in this process.
    pub fn cluster(&self) -> embedded::Cluster {
        let config = embedded::Config {
            nodes: 2,
            data_root: self.data.clone(),
            state: self.state.clone(),
            ..embedded::Config::default()
        };
        embedded::Cluster::start(config).expect("a cluster")
    }
}

/// Rows cut into shards.
pub fn data(spec: &str, partition: &str, shards: i32) -> Option<DataRef> {
    Some(DataRef {
        spec: spec.to_owned(),
        partition: Some(partition.to_owned()),
        shards: Some(shards),
        ..DataRef::default()
    })
}

/// Plain local training.
pub fn training(epochs: i32, batch: i32, learning_rate: f64) -> Option<Training> {
    Some(Training {
        epochs: Some(epochs),
        batch: Some(batch),
        learning_rate,
        ..Training::default()
    })
}

/// How a run went.
pub struct Course {
    /// Accuracy on held-out rows after each round.
    pub accuracy: Vec<f64>,
    /// Mean training loss of each round.
    pub loss: Vec<f64>,
    /// Of all rounds together.
    pub seconds: f64,
    /// Why it ended early, if it failed.
    pub failure: Option<String>,
}

impl Course {
    /// Rounds to this accuracy as the FedAvg paper counts them: on the curve of the best so far, between the two rounds
    /// where it crosses. Before the first round the accuracy counts as 0.
    pub fn rounds_to(&self, target: f64) -> Option<f64> {
        let mut before = 0.0f64;
        for (done, &now) in self.accuracy.iter().enumerate() {
            if now >= target {
                return Some(done as f64 + (target - before) / (now - before));
            }
            before = before.max(now);
        }
        None
    }

    /// Mean accuracy of the last few rounds.
    pub fn last(&self, count: usize) -> f64 {
        mean(&self.accuracy[self.accuracy.len().saturating_sub(count)..])
    }

    /// The accuracy of the best round.
    pub fn best(&self) -> f64 {
        self.accuracy.iter().copied().fold(f64::NAN, f64::max)
    }

    fn add(&mut self, round: &RoundReport) {
        let metrics = round.metrics.as_ref();
        let accuracy = metrics.and_then(|metrics| metrics.accuracy);
        self.accuracy.push(accuracy.unwrap_or(f64::NAN));
        self.loss.push(round.training_loss.unwrap_or(f64::NAN));
        self.seconds += round.seconds.unwrap_or(0.0);
    }
}

/// Runs a plan to its end, or until `enough` says that its course is long enough; then it is cancelled. Where runs are
/// kept, the same plan is the same run.
pub fn run_until(address: &Address, plan: Plan, enough: impl Fn(&Course) -> bool) -> Course {
    let key = hex::encode(Sha256::digest(format!("{plan:?}")));
    let mut client = dial::coordinator(address, Duration::from_secs(5)).expect("a connection");
    let soon = || clock::now() + Duration::from_secs(120);
    let request = SubmitRequest { key, plan };
    let submitted = client.call("submit", soon(), |client| client.submit(&request));
    let run = submitted.expect("a good plan").run;
    let mut course = Course {
        accuracy: Vec::new(),
        loss: Vec::new(),
        seconds: 0.0,
        failure: None,
    };
    let (mut after, mut cancelled) = (0, false);
    loop {
        let request = WatchRequest {
            run: run.clone(),
            after: Some(after),
            max_wait_ms: Some(30_000),
        };
        let reply = client.call("watch", soon(), |client| client.watch(&request));
        let reply = reply.expect("events");
        after = reply.events.last().map_or(after, |last| last.sequence);
        if !cancelled {
            let rounds = reply.events.iter().filter_map(|event| event.round.as_ref());
            rounds.for_each(|round| course.add(round));
        }
        let last = reply.events.last().map(|event| event.kind);
        if last == Some(EventKind::ENDED) {
            course.failure = reply.status.error.filter(|_| !cancelled);
            return course;
        }
        if !cancelled && enough(&course) {
            let request = CancelRequest { run: run.clone() };
            let answer = client.call("cancel", soon(), |client| client.cancel(&request));
            answer.expect("an answer");
            cancelled = true;
        }
    }
}

/// Runs a plan to its end.
pub fn run(address: &Address, plan: Plan) -> Course {
    run_until(address, plan, |_| false)
}

/// The mean of these values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean and, of several values, their least and largest.
pub fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values {
        [one] => format!("{one:.digits$}"),
        _ => format!(
            "{:.digits$} ({least:.digits$} to {most:.digits$})",
            mean(values)
        ),
    }
}

/// The head of a table.
pub fn head(columns: &[&str]) {
    row(columns);
    row(&vec!["---"; columns.len()]);
}

/// A row of a table, printed as soon as it is known.
pub fn row<T: AsRef<str>>(cells: &[T]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}
