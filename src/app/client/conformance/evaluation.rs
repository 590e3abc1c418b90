//! Evaluation by the node, and first parameters from it.

use super::bench::Bench;
use super::check::{Check, Checked, failed};
use super::{faults, work};
use crate::ml::metrics::Metrics;
use crate::wire::convert::{EVALUATES, INITIALISES, foreign};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "evaluate",
        rule: "of private rows, the node evaluates on those it holds out; counts have to add up; the same request has the same answer",
        idl: "types.thrift Metrics",
        section: "evaluate",
        run: evaluate,
    },
    Check {
        name: "initialise",
        rule: "layout and first parameters of a model that the coordinator does not know, from the seed alone",
        idl: "compute_node.thrift InitialiseReply",
        section: "initialise",
        run: initialise,
    },
    Check {
        name: "initialise: unknown model",
        rule: "a model that it does not know is a `Fault`",
        idl: "compute_node.thrift ComputeNode.initialise",
        section: "initialise",
        run: faults::initialise,
    },
];

fn evaluate(bench: &mut Bench) -> Checked {
    let hosts = bench
        .hello
        .hosted
        .as_ref()
        .is_some_and(|hosted| !hosted.is_empty());
    if hosts && !bench.can(EVALUATES) {
        return failed(
            "it hosts rows, which nobody else can evaluate on, but does not name the ability `evaluate`",
        );
    }
    bench.needs(EVALUATES)?;
    let plain = metrics(bench, false)?;
    let again = metrics(bench, false)?;
    let full = metrics(bench, true)?;
    if (plain.rows, plain.correct, plain.loss) != (again.rows, again.correct, again.loss) {
        return failed("the same request has another answer when it is asked again");
    }
    if (plain.rows, plain.correct) != (full.rows, full.correct) {
        return failed("with `full` it finds other rows, or others correct");
    }
    let correct = plain
        .correct
        .map_or(String::new(), |n| format!("{n} correct, "));
    Ok(format!(
        "{} rows, {correct}loss {:.4}",
        plain.rows, plain.loss
    ))
}

fn metrics(bench: &mut Bench, full: bool) -> Result<Metrics, super::check::NotPassed> {
    let attempt = bench.attempt();
    let work = bench.work()?;
    let request = work.evaluate(attempt, full);
    let reply = bench.call("evaluate", |node| node.evaluate(&request))?;
    let found = foreign::metrics(&reply.metrics, work.classes)?;
    if !found.loss.is_finite() {
        return failed(format!("the loss is {}", found.loss));
    }
    if work.is_private() && !(1..=work.rows[0]).contains(&reply.metrics.rows) {
        let (rows, there) = (found.rows, work.rows[0]);
        return failed(format!(
            "it evaluated on {rows} rows; the shard has {there}"
        ));
    }
    Ok(found)
}

fn initialise(bench: &mut Bench) -> Checked {
    bench.needs(INITIALISES)?;
    let work = bench.work()?;
    let first = work::initialise(bench, &work.model)?;
    let second = work::initialise(bench, &work.model)?;
    if first != second {
        return failed("the same seed has other parameters when it is asked again");
    }
    if first.layout() != work.parameters.layout() {
        return failed(format!(
            "its layout of {} is not the one that it trains: {} and {} values",
            work.model,
            first.layout().elements(),
            work.parameters.layout().elements()
        ));
    }
    Ok(format!(
        "{} values, the same twice",
        first.layout().elements()
    ))
}
