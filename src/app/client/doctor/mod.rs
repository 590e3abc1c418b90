//! `client doctor HOST PORT`: looks at a coordinator and its nodes, and says what is wrong and what to do about it.
//!
//! Looking is asking the coordinator; what its answers mean is decided by functions of them, one file a subject.

mod coordinator;
mod crew;
mod data;
mod finding;
mod hosted;
mod nodes;
mod reach;
mod report;
mod runs;
mod said;

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use crate::clock;
use crate::net::Address;
use crate::wire::convert::plan::is_private;
use crate::wire::stubs::coordinator::{RunStatus, RunsRequest};
use finding::Finding;
use reach::{Reached, reach};
use report::Report;

/// No call takes longer, whatever --timeout allows.
const LONGEST: Duration = Duration::from_secs(10);

/// Which coordinator to look at, and what else.
#[derive(Debug, Args)]
#[command(
    override_usage = "client doctor <HOST> <PORT> [OPTIONS]\n       client <HOST> <PORT> doctor [OPTIONS]"
)]
pub struct DoctorOptions {
    /// The coordinator's address, unless it stands before the command
    #[arg(value_names = ["HOST", "PORT"], num_args = 0..=2)]
    pub coordinator: Vec<String>,
    /// Say too whether this data spec is right, and on whose machine its files are looked for
    #[arg(long, value_name = "SPEC")]
    pub data: Option<String>,
}

/// Told below the options.
pub const EXAMPLES: &str = "Examples:
  client doctor 127.0.0.1 5105                         coordinator, nodes, private shards, runs
  client doctor 127.0.0.1 5105 --data path:rows.csv    and where the files of these data are looked for
  client doctor 127.0.0.1 5105 --quiet                 warnings, problems and the summary alone
  client doctor 127.0.0.1 5105 --json                  one object for each check, and a summary
  client 127.0.0.1 5105 doctor                         the address first, as in other commands

Each check is ok, a warning or a problem; what is not ok comes with a hint. Nodes are seen with the coordinator's eyes:
they need not be reachable from here, and are not tried. What an older release does not tell is `not told`, and no fault.
Exit codes: 0 no problem, 1 a problem, or no coordinator was reached, 2 wrong usage.";

/// Looks, tells of each finding, and fails if one is a problem.
pub(super) fn run(
    at: Option<&Address>,
    options: &DoctorOptions,
    timeout: Duration,
    (json, quiet): (bool, bool),
) -> Result<(), Failure> {
    let at = options.address(at)?;
    let mut report = Report::new(json, quiet);
    for finding in findings(&at, options.data.as_deref(), timeout.min(LONGEST)) {
        report.tell(&finding)?;
    }
    report.end(&at)
}

fn findings(at: &Address, data: Option<&str>, limit: Duration) -> Vec<Finding> {
    let mut reached = match reach(at, limit) {
        Ok(reached) => reached,
        Err(problem) => {
            // Who hosts private rows is not known.
            let data = data.filter(|spec| !is_private(spec));
            let data = data.map(|spec| data::look(spec, &[]));
            return [problem].into_iter().chain(data).collect();
        }
    };
    let runs = all_runs(&mut reached, limit);
    let Reached {
        hello,
        nodes,
        clock,
        finding,
        ..
    } = reached;
    let mut found = vec![finding];
    found.extend(coordinator::look(&hello, clock));
    found.extend(nodes::look(&nodes));
    found.extend(crew::look(&nodes));
    found.extend(hosted::look(&nodes));
    found.extend(data.map(|spec| data::look(spec, &nodes)));
    found.extend(match runs {
        Ok(runs) => runs::look(&runs, at),
        Err(problem) => vec![problem],
    });
    found
}

fn all_runs(reached: &mut Reached, limit: Duration) -> Result<Vec<RunStatus>, Finding> {
    let asked = reached.open.call("runs", clock::now() + limit, |to| {
        to.runs(&RunsRequest::default())
    });
    asked.map(|reply| reply.runs).map_err(|failed| {
        let hint = "see the coordinator's log";
        Finding::problem("run", format!("runs are not told: {failed}"), hint)
    })
}

impl DoctorOptions {
    /// The address, from before the command or after it.
    fn address(&self, before: Option<&Address>) -> Result<Address, Failure> {
        let usage = "client doctor <HOST> <PORT>";
        match (before, &self.coordinator[..]) {
            (Some(at), []) => Ok(at.clone()),
            (Some(_), _) => Err(Failure::usage("the address is given twice").hint(usage)),
            (None, []) => Err(Failure::usage("no coordinator is named").hint(usage)),
            (None, parts) => {
                let text = parts.join(",");
                let wrong = |error| format!("`{}` is no address: {error}", parts.join(" "));
                let at = text.parse::<Address>();
                at.map_err(|error| Failure::usage(wrong(error)).hint(usage))
            }
        }
    }
}
