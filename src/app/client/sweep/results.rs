//! What the runs of a sweep came to: best first, as a table, as CSV, as JSON. Pure.

use std::cmp::Ordering;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::space::Point;
use crate::app::client::{figure, text};
use crate::wire::stubs::coordinator::{RunState, RunStatus};

/// What makes one run better than another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::app::client) enum By {
    /// Accuracy on held-out rows: more is better. Of real values the loss
    #[default]
    Accuracy,
    /// Loss on held-out rows: less is better
    Loss,
}

/// One run that is over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Place among the points.
    pub(super) place: usize,
    pub(super) point: Point,
    /// Id of the run; none if the coordinator did not take it.
    pub(super) run: Option<String>,
    /// Whether an earlier call had asked for it already.
    pub(super) known: bool,
    pub(super) state: &'static str,
    pub(super) accuracy: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) rounds: Option<i32>,
    pub(super) seconds: Option<f64>,
    pub(super) digest: Option<String>,
    /// Why it has no figures.
    pub(super) reason: Option<String>,
}

impl Outcome {
    /// A run that the coordinator did not take.
    pub(super) fn refused(place: usize, point: Point, reason: String) -> Outcome {
        Outcome {
            place,
            point,
            run: None,
            known: false,
            state: "refused",
            accuracy: None,
            loss: None,
            rounds: None,
            seconds: None,
            digest: None,
            reason: Some(reason),
        }
    }

    /// A run that ended.
    pub(super) fn of(place: usize, point: Point, known: bool, status: &RunStatus) -> Outcome {
        let report = status.report.as_ref();
        let metrics = report.and_then(|report| report.metrics.as_ref());
        let unmeasured = (status.state == RunState::SUCCEEDED && metrics.is_none())
            .then(|| "nobody held rows to measure it on".to_owned());
        Outcome {
            place,
            point,
            run: Some(status.run.clone()),
            known,
            state: text::state(status.state),
            accuracy: report.and_then(|report| report.accuracy),
            loss: metrics.map(|metrics| metrics.loss),
            rounds: status.round,
            seconds: report.and_then(|report| report.seconds),
            digest: report.and_then(|report| report.digest.as_deref().map(hex::encode)),
            reason: status.error.clone().or(unmeasured),
        }
    }

    /// Whether the run reached its last round.
    pub(super) fn succeeded(&self) -> bool {
        self.state == text::state(RunState::SUCCEEDED)
    }

    /// What it is ranked by: more is better.
    fn merit(&self, by: By) -> Option<f64> {
        let merit = match by {
            By::Accuracy if self.accuracy.is_some() => self.accuracy,
            By::Accuracy | By::Loss => self.loss.map(|loss| -loss),
        };
        merit.filter(|merit| !merit.is_nan())
    }

    /// The point, on one line.
    pub(super) fn shown(&self) -> String {
        let pairs = self
            .point
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    /// A line on it while others are still under way.
    pub(super) fn line(&self, done: usize, all: usize) -> String {
        let figures = match (self.accuracy, self.loss) {
            (Some(accuracy), Some(loss)) => format!("accuracy {accuracy:.4}  loss {loss:.4}"),
            (None, Some(loss)) => format!("loss {}", figure::number(loss)),
            _ => format!("{}: {}", self.state, self.reason.as_deref().unwrap_or("-")),
        };
        let known = if self.known { "  (was there)" } else { "" };
        format!("{done}/{all}  {}  {figures}{known}", self.shown())
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let values = self.point.iter().cloned();
        let values: Map<String, Value> = values.map(|(key, value)| (key, value.into())).collect();
        json!({
            "event": "run",
            "run": self.run,
            "values": values,
            "state": self.state,
            "known": self.known,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "digest": self.digest,
            "error": self.reason,
        })
    }
}

/// Puts the best first. Equals keep the order of the points; what has no figure comes last.
pub(super) fn rank(outcomes: &mut [Outcome], by: By) {
    outcomes.sort_by(|a, b| {
        let better = match (a.merit(by), b.merit(by)) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => b.succeeded().cmp(&a.succeeded()),
        };
        better.then(a.place.cmp(&b.place))
    });
}

/// Heading and cells, in the order given.
fn rows(keys: &[String], outcomes: &[Outcome], digits: Option<usize>) -> Vec<Vec<String>> {
    let number = |value: Option<f64>| match (value, digits) {
        (Some(value), Some(digits)) => format!("{value:.digits$}"),
        (Some(value), None) => value.to_string(),
        (None, _) => String::new(),
    };
    let heading = [
        "state", "accuracy", "loss", "rounds", "seconds", "run", "digest", "reason",
    ];
    let mut rows = vec![keys.to_vec()];
    rows[0].extend(heading.map(str::to_owned));
    for outcome in outcomes {
        let values = outcome.point.iter().map(|(_, value)| value.clone());
        let mut row: Vec<String> = values.collect();
        row.extend([
            outcome.state.to_owned(),
            number(outcome.accuracy),
            number(outcome.loss),
            outcome
                .rounds
                .map_or(String::new(), |rounds| rounds.to_string()),
            number(outcome.seconds),
            outcome.run.clone().unwrap_or_default(),
            outcome.digest.clone().unwrap_or_default(),
            outcome.reason.clone().unwrap_or_default(),
        ]);
        rows.push(row);
    }
    rows
}

/// The outcomes for people.
pub(super) fn table(keys: &[String], outcomes: &[Outcome]) -> String {
    let mut rows = rows(keys, outcomes, Some(4));
    for row in &mut rows {
        // A digest is for programs.
        row.remove(keys.len() + 6);
        row.iter_mut()
            .filter(|cell| cell.is_empty())
            .for_each(|cell| "-".clone_into(cell));
    }
    rows[0]
        .iter_mut()
        .for_each(|cell| *cell = cell.to_uppercase());
    text::table(&rows)
}

/// The outcomes as the text of a CSV file.
pub(super) fn csv(keys: &[String], outcomes: &[Outcome]) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows(keys, outcomes, None) {
        writer
            .write_record(&row)
            .map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(place: usize, accuracy: f64, loss: f64) -> Outcome {
        Outcome {
            run: Some(format!("r{place}")),
            state: "succeeded",
            accuracy: Some(accuracy),
            loss: Some(loss),
            rounds: Some(3),
            seconds: Some(0.25),
            reason: None,
            ..refused(place)
        }
    }

    fn refused(place: usize) -> Outcome {
        let point = vec![("lr".to_owned(), place.to_string())];
        Outcome::refused(place, point, "no, never".to_owned())
    }

    fn ranked(by: By, mut outcomes: Vec<Outcome>) -> Vec<usize> {
        rank(&mut outcomes, by);
        outcomes.iter().map(|outcome| outcome.place).collect()
    }

    #[test]
    fn the_best_comes_first_and_what_failed_last() {
        let all = vec![
            refused(0),
            outcome(3, 0.8, f64::NAN),
            outcome(2, 0.9, 0.3),
            outcome(1, 0.9, 0.4),
            outcome(4, 0.7, 0.1),
        ];
        assert_eq!(ranked(By::Accuracy, all.clone()), [1, 2, 3, 4, 0]);
        assert_eq!(ranked(By::Loss, all), [4, 2, 1, 3, 0]);
        let of_values = |place, loss| Outcome {
            accuracy: None,
            ..outcome(place, 0.0, loss)
        };
        let all = vec![
            refused(0),
            of_values(1, 0.3),
            of_values(2, 0.1),
            of_values(3, f64::NAN),
        ];
        assert_eq!(all[1].line(2, 4), "2/4  lr=1  loss 0.3000");
        assert_eq!(ranked(By::Accuracy, all), [2, 1, 3, 0]);
    }

    #[test]
    fn tables_and_files_have_a_row_for_each() {
        let (keys, outcomes) = (["lr".to_owned()], [outcome(1, 0.9375, 0.5), refused(0)]);
        assert_eq!(
            table(&keys, &outcomes),
            "LR  STATE      ACCURACY  LOSS    ROUNDS  SECONDS  RUN  REASON\n\
             1   succeeded  0.9375    0.5000  3       0.2500   r1   -\n\
             0   refused    -         -       -       -        -    no, never\n"
        );
        let file = csv(&keys, &outcomes).unwrap();
        assert_eq!(
            String::from_utf8(file).unwrap(),
            "lr,state,accuracy,loss,rounds,seconds,run,digest,reason\n\
             1,succeeded,0.9375,0.5,3,0.25,r1,,\n\
             0,refused,,,,,,,\"no, never\"\n"
        );
        assert_eq!(
            outcomes[0].line(2, 4),
            "2/4  lr=1  accuracy 0.9375  loss 0.5000"
        );
        assert_eq!(outcomes[1].line(3, 4), "3/4  lr=0  refused: no, never");
        assert_eq!(outcomes[1].json()["values"]["lr"], "0");
    }
}
