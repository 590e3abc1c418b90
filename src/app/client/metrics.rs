//! How well a run's model does, in full: for each class, which are taken for which, how large the errors of real values
//! are, and how far participants differ.

use std::fmt::Write;

use serde_json::{Value, json};

use super::failure::Failure;
use super::figure;
use super::session::Session;
use super::text::table;
use super::view::{print, print_json, written};
use crate::ml::metrics::Confusion;
use crate::wire::stubs::coordinator::{RunStatus, StatusRequest};
use crate::wire::stubs::types::Metrics;

/// A matrix of more classes is too wide for a terminal.
const WIDEST: usize = 32;

/// Prints the metrics of a run: after its end, or after its newest round.
pub(super) fn run(session: &mut Session, run: String, json: bool) -> Result<(), Failure> {
    let request = StatusRequest { run };
    let status = session.call("status", |to| to.status(&request))?;
    let Some(metrics) = newest(&status) else {
        let failure = Failure::failed(format!("run {} has no metrics", status.run));
        return Err(
            failure.hint("rows are held out with --held-out 0.2; the first round brings metrics")
        );
    };
    if json {
        let mut value = json!({
            "event": "metrics",
            "run": status.run,
            "round": status.round,
            "rows": metrics.rows,
            "accuracy": metrics.accuracy,
            "loss": metrics.loss,
            "classes": confusion(metrics).map(|all| classes(&all)),
        });
        add_details(&mut value, Some(metrics));
        return written(print_json(&value));
    }
    written(print(text(&status, metrics).trim_end()))
}

fn newest(status: &RunStatus) -> Option<&Metrics> {
    let report = status.report.as_ref();
    let last = status.last.as_ref();
    let ended = report.and_then(|report| report.metrics.as_ref());
    ended.or(last.and_then(|last| last.metrics.as_ref()))
}

/// What is known beyond accuracy and loss, as further members of an object; null where it is not known.
pub(super) fn add_details(to: &mut Value, metrics: Option<&Metrics>) {
    let matrix = metrics.and_then(confusion);
    let rows = matrix.as_ref().map(|all| {
        let rows = all.counts().chunks(all.classes());
        rows.map(<[u64]>::to_vec).collect::<Vec<_>>()
    });
    let spread = metrics.and_then(|metrics| metrics.spread.as_ref());
    to["macro_f1"] = json!(matrix.as_ref().map(Confusion::macro_f1));
    to["auc"] = json!(metrics.and_then(|metrics| metrics.auc));
    to["auc_error"] = json!(metrics.and_then(|metrics| metrics.auc_error));
    to["confusion"] = json!(rows);
    let errors = metrics.and_then(|metrics| metrics.regression.as_ref());
    to["rmse"] = json!(errors.map(|errors| errors.mse.sqrt()));
    to["mae"] = json!(errors.map(|errors| errors.mae));
    to["r2"] = json!(errors.and_then(|errors| errors.r2));
    to["spread"] = json!(spread.map(|spread| json!({
        "participants": spread.participants,
        "mean": spread.mean,
        "deviation": spread.deviation,
        "worst_tenth": spread.worst_tenth,
    })));
}

/// The matrix that a coordinator told, if it is one.
fn confusion(metrics: &Metrics) -> Option<Confusion> {
    let told = metrics.confusion.as_deref()?;
    let counts: Result<Vec<u64>, _> = told.iter().map(|&count| u64::try_from(count)).collect();
    Confusion::from_counts(counts.ok()?)
}

fn classes(all: &Confusion) -> Vec<Value> {
    let class = |class: usize| {
        let scores = all.scores(class);
        json!({
            "class": class,
            "rows": scores.rows,
            "said": scores.said,
            "precision": scores.precision,
            "recall": scores.recall,
            "f1": scores.f1,
        })
    };
    (0..all.classes()).map(class).collect()
}

fn text(status: &RunStatus, metrics: &Metrics) -> String {
    let matrix = confusion(metrics);
    let round = status.round.unwrap_or(0);
    let mut text = format!("run {} after round {round}\n", status.run);
    let mut rows = vec![cells("rows", metrics.rows.to_string())];
    if let Some(accuracy) = metrics.accuracy {
        rows.push(cells("accuracy", number(accuracy)));
    }
    if let Some(errors) = &metrics.regression {
        rows.push(cells("RMSE", figure::number(errors.mse.sqrt())));
        rows.push(cells("MAE", figure::number(errors.mae)));
        let r2 = errors.r2.map(number);
        rows.push(cells("R2", r2.unwrap_or_else(|| "-".to_owned())));
        let values = format!(
            "mean {} +- {}",
            number(errors.mean),
            number(errors.variance.sqrt())
        );
        rows.push(cells("values", values));
    }
    rows.push(cells("loss", figure::number(metrics.loss)));
    if let Some(all) = &matrix {
        rows.push(cells("macro F1", number(all.macro_f1())));
    }
    if let Some(auc) = metrics.auc {
        let error = metrics.auc_error.map(|error| format!(" +- {error:.1e}"));
        rows.push(cells("AUC", number(auc) + &error.unwrap_or_default()));
    }
    if let Some(spread) = &metrics.spread {
        let said = format!(
            "accuracy {:.4} +- {:.4}, worst tenth {:.4}, over {}",
            spread.mean, spread.deviation, spread.worst_tenth, spread.participants
        );
        rows.push(cells("participants", said));
    }
    text += &table(&rows);
    if let Some(all) = &matrix {
        let _ = write!(text, "\n{}", table(&class_rows(all)));
        if all.classes() <= WIDEST {
            let _ = write!(text, "\n{}", table(&matrix_rows(all)));
        }
    }
    text
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn cells(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn class_rows(all: &Confusion) -> Vec<Vec<String>> {
    let heading = ["CLASS", "ROWS", "PRECISION", "RECALL", "F1"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend((0..all.classes()).map(|class| {
        let scores = all.scores(class);
        let shares = [scores.precision, scores.recall, scores.f1].map(number);
        let mut row = vec![class.to_string(), scores.rows.to_string()];
        row.extend(shares);
        row
    }));
    rows
}

fn matrix_rows(all: &Confusion) -> Vec<Vec<String>> {
    let mut heading = vec!["RIGHT\\SAID".to_owned()];
    heading.extend((0..all.classes()).map(|class| class.to_string()));
    let mut rows = vec![heading];
    for (class, counts) in all.counts().chunks(all.classes()).enumerate() {
        let mut row = vec![class.to_string()];
        row.extend(counts.iter().map(|&count| match count {
            0 => ".".to_owned(),
            count => count.to_string(),
        }));
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stubs::types::{Regression, Spread};

    fn metrics() -> Metrics {
        Metrics {
            rows: 7,
            loss: 0.5,
            accuracy: Some(5.0 / 7.0),
            confusion: Some(vec![2, 1, 1, 3]),
            auc: Some(0.875),
            auc_error: Some(0.0005),
            spread: Some(Spread {
                participants: 3,
                mean: 0.7,
                deviation: 0.1,
                worst_tenth: 0.6,
            }),
            ..Metrics::default()
        }
    }

    #[test]
    fn all_that_is_known_is_printed() {
        let status = RunStatus {
            run: "r1".to_owned(),
            round: Some(3),
            ..RunStatus::default()
        };
        assert_eq!(
            text(&status, &metrics()),
            "run r1 after round 3\n\
             rows          7\n\
             accuracy      0.7143\n\
             loss          0.5000\n\
             macro F1      0.7083\n\
             AUC           0.8750 +- 5.0e-4\n\
             participants  accuracy 0.7000 +- 0.1000, worst tenth 0.6000, over 3\n\
             \n\
             CLASS  ROWS  PRECISION  RECALL  F1\n\
             0      3     0.6667     0.6667  0.6667\n\
             1      4     0.7500     0.7500  0.7500\n\
             \n\
             RIGHT\\SAID  0  1\n\
             0           2  1\n\
             1           1  3\n"
        );
    }

    #[test]
    fn errors_of_real_values_are_printed() {
        let metrics = Metrics {
            rows: 9,
            loss: 0.125,
            regression: Some(Regression {
                mse: 0.25,
                mae: 0.375,
                mean: -3.0,
                variance: 4.0,
                r2: Some(0.9375),
            }),
            ..Metrics::default()
        };
        let status = RunStatus {
            run: "r1".to_owned(),
            round: Some(3),
            ..RunStatus::default()
        };
        assert_eq!(
            text(&status, &metrics),
            "run r1 after round 3\n\
             rows    9\n\
             RMSE    0.5000\n\
             MAE     0.3750\n\
             R2      0.9375\n\
             values  mean -3.0000 +- 2.0000\n\
             loss    0.1250\n"
        );
        let mut value = json!({});
        add_details(&mut value, Some(&metrics));
        assert_eq!(
            (value["rmse"].as_f64(), value["mae"].as_f64()),
            (Some(0.5), Some(0.375))
        );
        assert_eq!(
            (value["r2"].as_f64(), value["auc"].is_null()),
            (Some(0.9375), true)
        );
    }

    #[test]
    fn members_are_null_where_nothing_is_known() {
        let mut value = json!({});
        add_details(&mut value, None);
        assert!(value["confusion"].is_null() && value["spread"].is_null());
        add_details(&mut value, Some(&metrics()));
        assert_eq!(value["confusion"], json!([[2, 1], [1, 3]]));
        assert_eq!(value["spread"]["participants"], 3);
        let nonsense = Metrics {
            confusion: Some(vec![1, -1, 0, 0]),
            ..metrics()
        };
        add_details(&mut value, Some(&nonsense));
        assert!(value["confusion"].is_null() && value["macro_f1"].is_null());
    }
}
