//! A report as one HTML file that needs nothing else: no script, no resource from elsewhere.

use std::fmt::Write;

use super::chart::{Curve, lines};
use super::markdown::{NOTICES, accuracies, configuration, errors, facts, newest};
use super::story::{Story, Totals};
use crate::app::client::foreign::escaped;

/// The whole page.
pub(super) fn document(story: &Story) -> String {
    let run = escaped(&story.status.run);
    let totals = story.totals();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Run {run}</title>\n<style>\n{}</style>\n<h1>Run {run}</h1>\n",
        include_str!("style.css")
    );
    let (long, short): (Vec<_>, Vec<_>) = facts(story)
        .into_iter()
        .partition(|(name, _)| matches!(*name, "survived" | "why it ended" | "digest"));
    page += "<dl class=\"tiles\">\n";
    for (name, value) in &short {
        let _ = writeln!(
            page,
            "<div><dt>{name}</dt><dd>{}</dd></div>",
            escaped(value)
        );
    }
    page += "</dl>\n";
    for (name, value) in &long {
        let (open, close) = match *name {
            "digest" => ("<code>", "</code>"),
            _ => ("", ""),
        };
        let value = escaped(value);
        let _ = writeln!(
            page,
            "<p><span class=\"dim\">{name}:</span> {open}{value}{close}</p>"
        );
    }
    if let Some(missing) = story.missing() {
        let _ = writeln!(page, "<p class=\"dim\">{missing}</p>");
    }
    charts(&mut page, story);
    nodes(&mut page, &totals);
    let lines: Vec<String> = configuration(story).lines().map(escaped).collect();
    let _ = writeln!(
        page,
        "<h2>Configuration</h2>\n<p class=\"dim\">A run file: <code>client train FILE</code> does the run again.</p>\n<pre>{}</pre>",
        lines.join("\n")
    );
    happened(&mut page, story);
    page + "</html>\n"
}

fn charts(page: &mut String, story: &Story) {
    let of = |value: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
        let rounds = story.rounds.iter().enumerate();
        rounds
            .filter_map(|(place, round)| Some((f64::from(round.round), value(place)?)))
            .collect()
    };
    let rounds = &story.rounds;
    let held_out = of(&|place| Some(rounds[place].metrics.as_ref()?.loss));
    let training = of(&|place| rounds[place].training_loss);
    let seconds = of(&|place| Some(rounds[place].seconds? * 1e3));
    let curve = |name, points| Curve { name, points };
    let drawn = [
        (
            "Accuracy on held-out rows",
            vec![curve("accuracy", accuracies(story))],
        ),
        (
            "Root mean squared error on held-out rows",
            vec![curve("RMSE", errors(story))],
        ),
        (
            "Loss",
            vec![
                curve("on held-out rows", held_out),
                curve("of training", training),
            ],
        ),
        ("Milliseconds a round", vec![curve("milliseconds", seconds)]),
    ];
    page.push_str("<h2>Rounds</h2>\n<div class=\"charts\">\n");
    for (label, curves) in drawn {
        let svg = lines(label, &curves);
        if svg.is_empty() {
            continue;
        }
        let keys: String = match curves.len() {
            1 => String::new(),
            _ => curves
                .iter()
                .enumerate()
                .map(|(number, curve)| {
                    format!("<span class=\"key c{number}\">{}</span>", curve.name)
                })
                .collect(),
        };
        let _ = writeln!(
            page,
            "<figure><figcaption>{label}{keys}</figcaption>{svg}</figure>"
        );
    }
    page.push_str("</div>\n");
}

fn nodes(page: &mut String, totals: &Totals) {
    if totals.nodes.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Nodes</h2>\n<div class=\"wide\"><table>\n<tr><th>node<th>share of the rows<th class=\"n\">shards<th class=\"n\">rows\
         <th class=\"n\">busy<th class=\"n\">rows a second<th class=\"n\">failures<th class=\"n\">refusals\n",
    );
    let all: i64 = totals.nodes.iter().filter_map(|did| did.rows).sum();
    for did in &totals.nodes {
        let (rows, seconds) = (did.rows.unwrap_or(0), did.seconds.unwrap_or(0.0));
        let share = rows as f64 / all.max(1) as f64;
        let rate = match seconds > 0.0 {
            true => format!("{:.0}", rows as f64 / seconds),
            false => String::new(),
        };
        let _ = writeln!(
            page,
            "<tr><td>{}<td><meter min=\"0\" max=\"1\" value=\"{share:.4}\"></meter> {:.1} %<td class=\"n\">{}<td class=\"n\">{rows}\
             <td class=\"n\">{seconds:.2} s<td class=\"n\">{rate}<td class=\"n\">{}<td class=\"n\">{}",
            escaped(&did.node),
            share * 100.0,
            did.shards.unwrap_or(0),
            did.failures.unwrap_or(0),
            did.refusals.unwrap_or(0)
        );
    }
    page.push_str(
        "</table></div>\n<p class=\"dim\">Training in vain counts too: failed attempts, audits, second attempts. Busy is the time from dispatch to answer, of several at once the sum.</p>\n",
    );
}

fn happened(page: &mut String, story: &Story) {
    let omitted = story.rounds.iter().flat_map(|round| {
        let omitted = round.omitted.iter().flatten();
        omitted.map(|omission| {
            let said = format!("shard {} was left out: {}", omission.shard, omission.reason);
            (round.round, said)
        })
    });
    let omitted: Vec<(i32, String)> = omitted.collect();
    if story.notices.is_empty() && omitted.is_empty() {
        return;
    }
    page.push_str("<h2>What happened</h2>\n");
    let all = story.notices.len().max(omitted.len());
    if all > NOTICES {
        let _ = writeln!(
            page,
            "<p class=\"dim\">The newest {NOTICES} of each kind.</p>"
        );
    }
    page.push_str("<ul>\n");
    for (round, said) in newest(&story.notices).iter().chain(newest(&omitted)) {
        let said = escaped(said);
        let _ = writeln!(page, "<li><span class=\"dim\">round {round}</span> {said}");
    }
    page.push_str("</ul>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stubs::coordinator::{Contribution, Omission, RoundReport, RunStatus};

    #[test]
    fn foreign_text_stays_text() {
        let foreign = "<script>alert(1)</script>";
        let story = Story {
            status: RunStatus {
                run: foreign.to_owned(),
                error: Some(foreign.to_owned()),
                ..RunStatus::default()
            },
            rounds: vec![RoundReport {
                round: 1,
                omitted: Some(vec![Omission {
                    shard: foreign.to_owned(),
                    reason: foreign.to_owned(),
                }]),
                nodes: Some(vec![Contribution {
                    node: foreign.to_owned(),
                    ..Contribution::default()
                }]),
                ..RoundReport::default()
            }],
            notices: vec![(1, foreign.to_owned())],
        };
        let page = document(&story);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.matches("&lt;script&gt;").count() >= 6, "{page}");
    }
}
