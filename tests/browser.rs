//! The dashboard in a real browser: no complaints on its console, bounded under a flood, and its buttons work.
//!
//! Skipped with a message where Chromium or playwright-core is missing. `DASHBOARD_SHOTS=FOLDER` keeps screenshots.

mod programs;

use std::path::Path;
use std::process::{Command, Stdio};

use programs::watched::Watched;
use programs::{PATIENCE, dial};
use roundtable::clock;
use roundtable::wire::stubs::coordinator::{Plan, SubmitRequest};

fn has_browser() -> bool {
    let runs = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir("tests/browser");
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let chromium = std::env::var("CHROMIUM").unwrap_or("/usr/bin/chromium".to_owned());
    let found =
        Path::new(&chromium).exists() && runs("node", &["-e", "require('playwright-core')"]);
    if !found {
        println!(
            "skipped: Chromium at {chromium} and playwright-core; `apt-get install chromium` and `npm install --prefix tests/browser` install them"
        );
    }
    found
}

#[test]
fn the_page_shows_a_run_and_stays_small() {
    if !has_browser() {
        return;
    }
    let watched = Watched::start(&[]);
    let _nodes = [watched.node(&["0"]), watched.node(&["0"])];
    watched.until("/readyz", 200);
    let request = SubmitRequest {
        key: "shown".to_owned(),
        plan: Plan {
            rounds: Some(1_000_000),
            ..Plan::default()
        },
    };
    let deadline = clock::now() + PATIENCE;
    let reply = dial(&watched.program).call("submit", deadline, |to| to.submit(&request));
    let run = reply.expect("a run").run;
    let mut check = Command::new("node");
    check
        .arg("tests/browser/check.cjs")
        .args([&watched.url, &run]);
    check.args(std::env::var_os("DASHBOARD_SHOTS"));
    let output = check.output().expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
}
