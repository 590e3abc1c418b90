//! A report as Markdown.

use std::fmt::Write;

use super::story::Story;
use crate::app::client::figure;
use crate::app::client::settings;
use crate::app::client::text::{sparkline, state};
use crate::wire::stubs::types::Metrics;

/// Notices that are listed, the newest.
pub(super) const NOTICES: usize = 200;
/// Points of the curve of characters.
const SPARK: usize = 40;

/// The whole report.
pub(super) fn document(story: &Story) -> String {
    let mut text = format!("# Run {}\n\n", story.status.run);
    let totals = story.totals();
    for (name, value) in facts(story) {
        let _ = writeln!(text, "- {name}: {value}");
    }
    for (name, points) in [("accuracy", accuracies(story)), ("RMSE", errors(story))] {
        let curve: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        if curve.len() > 1 {
            let curve = sparkline(&curve, SPARK);
            let _ = writeln!(text, "- {name} over the rounds: `{curve}`");
        }
    }
    if let Some(missing) = story.missing() {
        let _ = writeln!(text, "\n{missing}");
    }
    if !totals.nodes.is_empty() {
        text += "\n## Nodes\n\n| node | shards | rows | busy | failures | refusals |\n| --- | --- | --- | --- | --- | --- |\n";
    }
    for did in &totals.nodes {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} s | {} | {} |",
            cell(&did.node),
            did.shards.unwrap_or(0),
            did.rows.unwrap_or(0),
            did.seconds.unwrap_or(0.0),
            did.failures.unwrap_or(0),
            did.refusals.unwrap_or(0)
        );
    }
    if !story.notices.is_empty() {
        text += "\n## What happened\n\n";
    }
    for (round, notice) in newest(&story.notices) {
        let _ = writeln!(text, "- after round {round}: {}", cell(notice));
    }
    let _ = write!(
        text,
        "\n## Configuration\n\n```toml\n{}```\n",
        configuration(story)
    );
    text
}

/// What stands at the top of a report, by name.
pub(super) fn facts(story: &Story) -> Vec<(&'static str, String)> {
    let (status, totals) = (&story.status, story.totals());
    let metrics = story.metrics();
    let errors = metrics.and_then(|metrics| metrics.regression.as_ref());
    let seconds = status.report.as_ref().and_then(|report| report.seconds);
    let seconds = seconds.unwrap_or(totals.seconds);
    let rate = totals.rows as f64 / totals.seconds.max(1e-9);
    let rounds = format!(
        "{} of {}",
        status.round.unwrap_or(0),
        status.rounds.unwrap_or(0)
    );
    let survived = format!(
        "{} attempts that failed, {} declined, {} shards left out",
        totals.retries, totals.refusals, totals.omitted
    );
    let named = [
        ("state", Some(state(status.state).to_owned())),
        (
            "accuracy",
            metrics
                .and_then(|m| m.accuracy)
                .map(|value| format!("{value:.4}")),
        ),
        ("RMSE", errors.map(|e| figure::number(e.mse.sqrt()))),
        ("MAE", errors.map(|e| figure::number(e.mae))),
        ("R2", errors.and_then(|e| e.r2).map(|r2| format!("{r2:.4}"))),
        ("loss", metrics.map(|m| figure::number(m.loss))),
        ("rounds", Some(rounds)),
        ("time", Some(format!("{seconds:.2} s"))),
        ("rows a second", Some(format!("{rate:.0}"))),
        ("survived", Some(survived)),
        (
            "audited shards",
            (totals.audited > 0).then(|| totals.audited.to_string()),
        ),
        ("why it ended", status.error.clone()),
        ("digest", story.digest().map(hex::encode)),
    ];
    let known = named.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Rounds and accuracies, where both are known.
pub(super) fn accuracies(story: &Story) -> Vec<(f64, f64)> {
    measured(story, |metrics| metrics.accuracy)
}

/// Rounds and roots of mean squared errors, where values are real.
pub(super) fn errors(story: &Story) -> Vec<(f64, f64)> {
    measured(story, |metrics| {
        Some(metrics.regression.as_ref()?.mse.sqrt())
    })
}

fn measured(story: &Story, of: impl Fn(&Metrics) -> Option<f64>) -> Vec<(f64, f64)> {
    let rounds = story.rounds.iter();
    rounds
        .filter_map(|round| Some((f64::from(round.round), of(round.metrics.as_ref()?)?)))
        .collect()
}

/// The newest notices.
pub(super) fn newest(notices: &[(i32, String)]) -> &[(i32, String)] {
    &notices[notices.len().saturating_sub(NOTICES)..]
}

/// The run's configuration as a run file.
pub(super) fn configuration(story: &Story) -> String {
    let plan = story.status.plan.as_ref();
    plan.map_or(String::new(), settings::run_file_of)
}

/// A text that cannot end a cell or begin something else.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "\\|")
}
