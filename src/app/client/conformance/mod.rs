//! `client conformance HOST:PORT`: tries a compute node, in whatever language, against the protocol.

mod abilities;
mod bench;
mod blobs;
mod busy;
mod check;
mod connections;
mod evaluation;
mod faults;
mod greeting;
mod place;
mod report;
mod training;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use crate::app::dial::CallFailed;
use crate::app::program::parse_span;
use crate::net::Address;
use bench::Bench;
use check::{Check, said};
use report::Report;
use work::Work;

/// Which node to try, and what to ask it.
#[derive(Debug, Args)]
pub struct ConformanceOptions {
    /// The node's address
    #[arg(value_name = "HOST:PORT")]
    pub node: Address,
    /// What it trains [default: mlp:FEATURES-32-CLASSES or softmax:FEATURES-CLASSES, of real values linear:FEATURES or
    /// mlp:FEATURES-32-1,output=value, whichever it takes]
    #[arg(long, value_name = "SPEC")]
    pub model: Option<String>,
    /// Rows that it has [default: those it hosts, otherwise builtin:digits]
    #[arg(long, value_name = "SPEC")]
    pub data: Option<String>,
    /// Files of data specs lie below this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data_root: PathBuf,
    /// No call may take longer
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = parse_span)]
    pub limit: Duration,
}

/// Told below the options.
pub const EXAMPLES: &str = "Examples:
  client conformance 127.0.0.1:5106                      a node on its own rows, or on the digits
  client conformance 127.0.0.1:5106 --model torch:cnn    with a model that only the node knows
  client conformance 127.0.0.1:5106 --data path:rows.csv --data-root DIR
  client conformance 127.0.0.1:5106 --quiet              failed checks and the summary alone
  client conformance 127.0.0.1:5106 --json               one object for each check, and a summary

Each check is passed, failed or does not apply; of a failed one is said what the protocol asks for and where.
Exit codes: 0 all that apply passed, 1 one failed or the node was not reached, 2 wrong usage.
How to write a node: docs/nodes-in-any-language.md";

/// All checks, in the order in which they are done.
fn checks() -> impl Iterator<Item = &'static Check> {
    [
        greeting::CHECKS,
        training::CHECKS,
        faults::CHECKS,
        evaluation::CHECKS,
        abilities::CHECKS,
        blobs::CHECKS,
        busy::CHECKS,
        connections::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Tries the node, tells of each check as it is done, and fails if one was not passed.
pub(super) fn run(options: &ConformanceOptions, json: bool, quiet: bool) -> Result<(), Failure> {
    let mut bench = Bench::greet(options.node.clone(), options.limit)
        .map_err(|call| unreached(&options.node, &call))?;
    let work = Work::find(&mut bench, options);
    bench.set_work(work);
    let mut report = Report::new(json, quiet);
    for check in checks() {
        let found = (check.run)(&mut bench);
        report.tell(check, &found)?;
    }
    report.end(&options.node)
}

fn unreached(node: &Address, call: &CallFailed) -> Failure {
    let failure = Failure::failed(format!("{node} did not answer `hello`: {}", said(call)));
    match call {
        CallFailed::Net(_) => failure.hint(
            "a node serves `ComputeNode` of idl/compute_node.thrift in strict binary Thrift, unframed",
        ),
        _ => failure.hint("`hello` answers with a HelloReply; see docs/nodes-in-any-language.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn checks_have_names_of_their_own_and_a_section_that_exists() {
        let page = include_str!("../../../../docs/nodes-in-any-language.md");
        let mut names = BTreeSet::new();
        for check in checks() {
            assert!(names.insert(check.name), "{} twice", check.name);
            let anchor = format!("<a id=\"{}\"></a>", check.section);
            assert!(page.contains(&anchor), "no {anchor} for {}", check.name);
        }
    }

    #[test]
    fn checks_point_at_what_the_idl_has() {
        let files = [
            ("types.thrift", include_str!("../../../../idl/types.thrift")),
            (
                "compute_node.thrift",
                include_str!("../../../../idl/compute_node.thrift"),
            ),
        ];
        for check in checks() {
            let (file, place) = check.idl.split_once([' ', ',']).expect("file and place");
            let text = files.iter().find(|(name, _)| *name == file);
            let (_, text) = text.unwrap_or_else(|| panic!("{file} is no file of the IDL"));
            for word in place.split('.').filter(|word| !word.contains("head")) {
                assert!(text.contains(word), "{file} has no {word}");
            }
        }
    }
}
