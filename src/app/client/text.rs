//! Messages as text for people: progress lines and tables. Pure functions.

use std::fmt::Write;

use super::figure::{self, Figure};
use super::foreign::plain;
use crate::wire::stubs::coordinator::{
    Event, EventKind, NodeState, NodeStatus, Report, RoundReport, RunState, RunStatus, WatchReply,
};

/// A curve in so many characters at most: each the mean of the values it stands for.
pub(super) fn sparkline(values: &[f64], width: usize) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let chunk = finite.len().div_ceil(width.max(1)).max(1);
    let means = finite
        .chunks(chunk)
        .map(|part| part.iter().sum::<f64>() / part.len() as f64);
    means
        .map(|mean| match high > low {
            true => LEVELS[(((mean - low) / (high - low)) * 7.0).round() as usize],
            false => LEVELS[3],
        })
        .collect()
}

/// A node's state in one word.
fn node_state(state: NodeState) -> &'static str {
    match state {
        NodeState::NEW => "new",
        NodeState::UP => "up",
        NodeState::DOWN => "down",
        NodeState::LEAVING => "leaving",
        NodeState::BARRED => "barred",
        _ => "unknown",
    }
}

/// A run's state in one word.
pub(super) fn state(state: RunState) -> &'static str {
    match state {
        RunState::RUNNING => "running",
        RunState::SUCCEEDED => "succeeded",
        RunState::FAILED => "failed",
        RunState::CANCELLED => "cancelled",
        RunState::STOPPED => "stopped",
        _ => "unknown",
    }
}

/// The line of an event, if it has one.
pub(super) fn line(event: &Event, reply: &WatchReply) -> Option<String> {
    match event.kind {
        EventKind::ROUND => event.round.as_ref().map(|round| round_line(round, reply)),
        EventKind::NOTICE => event.message.as_ref().map(|text| format!("note: {text}")),
        _ => None,
    }
}

fn round_line(round: &RoundReport, reply: &WatchReply) -> String {
    let rounds = reply.status.rounds.unwrap_or(0);
    let width = rounds.to_string().len();
    let mut line = format!("round {:>width$}/{rounds}", round.round);
    if let Some(metrics) = &round.metrics {
        let _ = write!(line, "  {}", figure::line(metrics));
    }
    let _ = write!(line, "  {} rows", round.rows.unwrap_or(0));
    if round.counted < round.asked {
        let (counted, asked) = (round.counted.unwrap_or(0), round.asked.unwrap_or(0));
        let _ = write!(line, "  {counted} of {asked} shards");
    }
    let _ = write!(line, "  {}", nodes(reply));
    let millis = round.seconds.unwrap_or(0.0) * 1e3;
    let _ = write!(line, "  {millis:.0} ms");
    line
}

fn nodes(reply: &WatchReply) -> String {
    let (up, known) = (reply.nodes_up.unwrap_or(0), reply.nodes_known.unwrap_or(0));
    format!("{up}/{known} nodes")
}

/// What stands behind the bar: the newest round, or what the run waits for.
pub(super) fn progress(reply: &WatchReply) -> String {
    let waits = reply.events.is_empty() && reply.status.state == RunState::RUNNING;
    let Some(last) = reply.status.last.as_ref().filter(|_| !waits) else {
        return reply.status.activity.clone().unwrap_or_default();
    };
    let mut text = String::new();
    if let Some(metrics) = &last.metrics {
        let _ = write!(text, "{}  ", figure::line(metrics));
    }
    let seconds = last.seconds.unwrap_or(0.0);
    if seconds > 0.0 {
        let rate = last.rows.unwrap_or(0) as f64 / seconds;
        let _ = write!(text, "{rate:.0} rows/s  ");
    }
    text + &nodes(reply)
}

/// What nodes do, on one line: each of few, how many of many.
pub(super) fn doing(nodes: &[NodeStatus]) -> String {
    const FEW: usize = 6;
    let busy = |node: &NodeStatus| node.busy.unwrap_or(0);
    let word = |node: &NodeStatus| match (node.state, busy(node)) {
        (NodeState::UP, 0) => "idle".to_owned(),
        (NodeState::UP, 1) => "1 task".to_owned(),
        (NodeState::UP, tasks) => format!("{tasks} tasks"),
        (state, _) => node_state(state).to_owned(),
    };
    if nodes.len() <= FEW {
        let each = nodes
            .iter()
            .map(|node| format!("{} {}", node.address, word(node)));
        return each.collect::<Vec<_>>().join("  ");
    }
    let count = |of: &dyn Fn(&NodeStatus) -> bool| nodes.iter().filter(|node| of(node)).count();
    let up = |node: &NodeStatus| node.state == NodeState::UP;
    let working = count(&|node| up(node) && busy(node) > 0);
    let idle = count(&|node| up(node) && busy(node) == 0);
    let away = nodes.iter().find(|node| !up(node));
    let away = away.map_or(String::new(), |first| {
        let others = nodes.len() - working - idle;
        format!(
            "  {others} not up, such as {} ({})",
            first.address,
            word(first)
        )
    });
    format!("{working} nodes busy, {idle} idle{away}")
}

/// How well a run did that is done, if anybody could measure it.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let metrics = report.metrics.as_ref();
    metrics
        .map(Figure::of)
        .or(report.accuracy.map(Figure::Accuracy))
}

/// One sentence about a run that is done.
pub(super) fn summary(report: &Report) -> String {
    let what = figure(report).map_or("nothing", Figure::said);
    format!(
        "run {}: {} rounds in {:.2} s, {what} on {} held-out rows:",
        report.run,
        report.rounds.unwrap_or(0),
        report.seconds.unwrap_or(0.0),
        report.metrics.as_ref().map_or(0, |metrics| metrics.rows)
    )
}

/// A table with a heading, columns as wide as their longest cell.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let each = |row: &Vec<String>| row.iter().map(|cell| plain(cell)).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(each).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The runs, one a line.
pub(super) fn runs(runs: &[RunStatus]) -> String {
    let mut rows = vec![cells(["RUN", "STATE", "ROUND", "ACCURACY", "WHAT"])];
    for run in runs {
        let metrics = run.last.as_ref().and_then(|last| last.metrics.as_ref());
        let figure = metrics.map(Figure::of).map(|figure| match figure {
            Figure::Accuracy(_) => figure.number(),
            other => format!("{} {}", other.name(), other.number()),
        });
        let (round, rounds) = (run.round.unwrap_or(0), run.rounds.unwrap_or(0));
        rows.push(vec![
            run.run.clone(),
            state(run.state).to_owned(),
            format!("{round}/{rounds}"),
            figure.unwrap_or_else(|| "-".to_owned()),
            run.activity.clone().unwrap_or_default(),
        ]);
    }
    table(&rows)
}

/// One run in full.
pub(super) fn status(run: &RunStatus) -> String {
    let plan = run.plan.clone().unwrap_or_default();
    let data = plan.data.map(|data| data.spec).unwrap_or_default();
    let metrics = run.last.as_ref().and_then(|last| last.metrics.as_ref());
    let figure = metrics.map(Figure::of);
    let digest = run.last.as_ref().and_then(|last| last.digest.as_deref());
    let (round, rounds) = (run.round.unwrap_or(0), run.rounds.unwrap_or(0));
    let mut rows = vec![
        cells(["run", &run.run]),
        cells(["state", state(run.state)]),
        cells(["round", &format!("{round} of {rounds}")]),
        cells(["doing", run.activity.as_deref().unwrap_or("-")]),
        cells(["data", &data]),
        cells(["model", plan.model.as_deref().unwrap_or("-")]),
        cells(["strategy", plan.strategy.as_deref().unwrap_or("-")]),
        cells(["codec", plan.codec.as_deref().unwrap_or("-")]),
    ];
    if let Some(figure) = figure {
        rows.push(cells([figure.name(), &figure.number()]));
    }
    if let Some(digest) = digest {
        rows.push(cells(["digest", &hex::encode(digest)]));
    }
    if let Some(hint) = &run.hint {
        rows.push(cells(["hint", hint]));
    }
    table(&rows)
}

/// The nodes, one a line.
pub(super) fn node_table(nodes: &[NodeStatus]) -> String {
    let heading = [
        "NODE",
        "STATE",
        "BUSY",
        "LOAD",
        "ROWS/S",
        "DONE",
        "FAILED",
        "REFUSED",
        "LAST FAILURE",
    ];
    let mut rows = vec![cells(heading)];
    for node in nodes {
        let number = |number: Option<i64>| number.unwrap_or(0).to_string();
        let speed = node.rows_per_second.map(|speed| format!("{speed:.0}"));
        let failure = node.failure.as_ref().map(|failure| {
            let age = node.failure_age_ms.unwrap_or(0) / 1000;
            format!("{failure} ({age} s ago)")
        });
        rows.push(vec![
            node.address.clone(),
            node_state(node.state).to_owned(),
            format!("{}/{}", node.busy.unwrap_or(0), node.slots.unwrap_or(0)),
            format!("{:.2}", node.load.unwrap_or(0.0)),
            speed.unwrap_or_else(|| "-".to_owned()),
            number(node.completed),
            number(node.failed),
            number(node.refused),
            failure.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stubs::types::Metrics;

    fn reply() -> WatchReply {
        WatchReply {
            status: RunStatus {
                rounds: Some(20),
                ..RunStatus::default()
            },
            nodes_up: Some(3),
            nodes_known: Some(4),
            ..WatchReply::default()
        }
    }

    #[test]
    fn a_round_is_a_line() {
        let event = Event {
            kind: EventKind::ROUND,
            round: Some(RoundReport {
                round: 3,
                metrics: Some(Metrics {
                    rows: 360,
                    loss: 0.21,
                    accuracy: Some(0.94167),
                    ..Metrics::default()
                }),
                asked: Some(10),
                counted: Some(9),
                rows: Some(1293),
                seconds: Some(0.0123),
                ..RoundReport::default()
            }),
            ..Event::default()
        };
        assert_eq!(
            line(&event, &reply()).unwrap(),
            "round  3/20  accuracy 0.9417  loss 0.2100  1293 rows  9 of 10 shards  3/4 nodes  12 ms"
        );
    }

    #[test]
    fn notices_are_lines_and_starts_are_not() {
        let notice = Event {
            kind: EventKind::NOTICE,
            message: Some("waiting".to_owned()),
            ..Event::default()
        };
        assert_eq!(line(&notice, &reply()).unwrap(), "note: waiting");
        let start = Event {
            kind: EventKind::STARTED,
            ..Event::default()
        };
        assert_eq!(line(&start, &reply()), None);
    }

    #[test]
    fn tables_align() {
        let node = NodeStatus {
            address: "127.0.0.1:5106".to_owned(),
            state: NodeState::UP,
            slots: Some(2),
            ..NodeStatus::default()
        };
        let text = node_table(&[node]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("STATE"), lines[1].find("up"));
        assert!(lines[1].contains("0/2"), "{text}");
    }

    #[test]
    fn what_a_node_says_stays_in_its_cell() {
        let node = NodeStatus {
            failure: Some("gone\nRUN  STATE\u{1b}[1m".to_owned()),
            ..NodeStatus::default()
        };
        let text = node_table(&[node]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("gone RUN  STATE\u{fffd}[1m"), "{text}");
    }
}
