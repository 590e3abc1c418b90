//! What a training answers: the shape of an update, and that the same request has the same answer.

use super::bench::Bench;
use super::check::{Check, Checked, failed};
use super::work::{LARGEST, Trained, Work};
use crate::ml::parameters::{Parameters, Values};

/// Of the usual learning rate so much that nothing moves far.
const TINY: f64 = 2e-6;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "train: answers",
        rule: "the update has the layout's length, finite values within `largest_update`, and codec `raw` where none was asked for",
        idl: "compute_node.thrift TrainReply.update",
        section: "train",
        run: answers,
    },
    Check {
        name: "train: rows and loss",
        rule: "rows of the shard, not counting repeats by epochs, and the mean loss of the last epoch",
        idl: "compute_node.thrift TrainReply.rows",
        section: "train",
        run: rows,
    },
    Check {
        name: "train: new minus old",
        rule: "the update is the difference, new minus old parameters; with next to no learning rate it is next to nothing",
        idl: "compute_node.thrift TrainReply.update",
        section: "train",
        run: difference,
    },
    Check {
        name: "train: same again",
        rule: "asked again for the same run, round, shards and parameters, it gives the same bytes",
        idl: "compute_node.thrift ComputeNode.train",
        section: "asked-again",
        run: again,
    },
    Check {
        name: "train: other parameters",
        rule: "training begins with the parameters of the request, so that others give another update",
        idl: "compute_node.thrift TrainRequest.parameters",
        section: "asked-again",
        run: other,
    },
];

fn answers(bench: &mut Bench) -> Checked {
    let work: &Work = bench.found_work().as_ref().map_err(Clone::clone)?;
    let trained = work.first.as_ref().map_err(Clone::clone)?;
    let largest = largest(&trained.update);
    if largest > LARGEST {
        return failed(format!(
            "the update reaches {largest}; `largest_update` was {LARGEST}"
        ));
    }
    Ok(format!(
        "{} of {}: {} values in {:.0} ms",
        work.model,
        work.shards[0].name,
        work.parameters.layout().elements(),
        trained.took.as_secs_f64() * 1e3
    ))
}

fn rows(bench: &mut Bench) -> Checked {
    let work = bench.work()?;
    let reply = &work.first()?.reply;
    let (found, there) = (reply.rows, work.rows[0]);
    let right = match work.is_private() {
        true => (1..=there).contains(&found),
        false => found == there,
    };
    if !right {
        let most = if work.is_private() { "up to " } else { "" };
        return failed(format!(
            "it trained on {found} rows; the shard has {most}{there}"
        ));
    }
    if !reply.loss.is_finite() {
        return failed(format!("the loss is {}", reply.loss));
    }
    if let Some(epochs) = reply.epochs
        && !(1..=2).contains(&epochs)
    {
        return failed(format!("it did {epochs} epochs; asked were 2"));
    }
    Ok(format!("{found} rows, loss {:.4}", reply.loss))
}

fn difference(bench: &mut Bench) -> Checked {
    let attempt = bench.attempt();
    let work = bench.work()?;
    work.first()?;
    let mut request = work.train(attempt);
    request.training.learning_rate *= TINY;
    let rate = request.training.learning_rate;
    let update = bench.train(&request)?.update;
    let old = &work.parameters;
    let (moved, there) = (length(&update), length(old));
    if there > 0.0 && moved > 0.1 * there {
        let rest = update.minus(old).map(|rest| length(&rest)).unwrap_or(moved);
        let guess = match rest < 0.1 * there {
            true => "; it seems to send the new parameters themselves",
            false => "",
        };
        return failed(format!(
            "with learning rate {rate:.0e} the update is {moved:.3} long, the parameters {there:.3}{guess}"
        ));
    }
    Ok(format!("{moved:.1e} long with learning rate {rate:.0e}"))
}

fn again(bench: &mut Bench) -> Checked {
    let attempt = bench.attempt();
    let work = bench.work()?;
    let first = work.first()?;
    let second = bench.train(&work.train(attempt))?;
    same(first, &second)
}

fn same(first: &Trained, second: &Trained) -> Checked {
    let (a, b) = (first.update.to_bytes(), second.update.to_bytes());
    match a.iter().zip(&b).position(|(a, b)| a != b) {
        None if first.reply.rows == second.reply.rows => Ok(format!("{} bytes alike", a.len())),
        None => failed(format!(
            "{} rows at first, {} when asked again",
            first.reply.rows, second.reply.rows
        )),
        Some(byte) => {
            let layout = first.update.layout();
            let (tensor, at) = layout.place(byte / layout.dtype().size());
            failed(format!(
                "the answers differ first in `{tensor}`, value {at}; take all chance from the request's seed, round and shard"
            ))
        }
    }
}

fn other(bench: &mut Bench) -> Checked {
    let attempt = bench.attempt();
    let work = bench.work()?;
    let first = work.first()?;
    let mut request = work.train(attempt);
    request.parameters = bench.payload(&work.other_parameters())?;
    let second = bench.train(&request)?;
    match first.update == second.update {
        true => failed(
            "the update is the same bit for bit: does it train from its own parameters, or answer from memory?",
        ),
        false => Ok("another update".to_owned()),
    }
}

fn values(of: &Parameters) -> Box<dyn Iterator<Item = f64> + '_> {
    match of.values() {
        Values::F32(values) => Box::new(values.iter().map(|value| f64::from(*value))),
        Values::F64(values) => Box::new(values.iter().copied()),
    }
}

pub(super) fn largest(of: &Parameters) -> f64 {
    values(of).fold(0.0, |most, value| value.abs().max(most))
}

/// The Euclidean one.
fn length(of: &Parameters) -> f64 {
    values(of).map(|value| value * value).sum::<f64>().sqrt()
}
