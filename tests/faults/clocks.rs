//! Clocks that differ, and wall clocks that are set back or ahead (acceptance test 19).
//!
//! Programs measure time by the monotonic clock. The wall clock is for names only: of attempts and of runs, and for
//! the chance in the number of a node's life, which is compared with others for being the same, never for being later.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use roundtable::net::Server;
use tempfile::TempDir;

use crate::effort::{figure, skip};
use crate::liars::Liar;
use crate::party::{Party, follow, plan, undisturbed};
use crate::programs::{Program, dial, train, until_nodes, write_list};

const NODE: &str = env!("CARGO_BIN_EXE_compute_node");
const COORDINATOR: &str = env!("CARGO_BIN_EXE_coordinator");
const DAY: &str = "86400";

/// A program whose monotonic clock is so many seconds ahead. None without the right to do that.
fn ahead(seconds: &str, program: &[&str]) -> Option<Program> {
    let unshare = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--time", "--monotonic", seconds, "--fork", "--kill-child"]);
        command.args(words);
        command
    };
    let can = unshare(&["true"]).output();
    let can = can.is_ok_and(|output| output.status.success());
    can.then(|| Program::start(&mut unshare(program)))
}

#[test]
fn monotonic_clocks_years_apart_are_no_reason_to_worry() {
    let test = "monotonic clocks years apart";
    let plan = plan(4, 8);
    let calm = undisturbed(plan.clone());
    let Some(node) = ahead("100000000", &[NODE, "0", "0"]) else {
        return skip(test, "`unshare --time --monotonic` does not work here");
    };
    let other = Program::node(&["0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[node.address, other.address]);
    let list = list.to_str().expect("a name");
    let asked = [
        COORDINATOR,
        "0",
        "round-robin",
        "--heartbeat",
        "200ms",
        "--nodes",
        list,
    ];
    let coordinator = ahead("1000000000", &asked).expect("it worked before");
    let outcome = follow(&mut dial(&coordinator), plan);
    outcome.must_equal(&calm);
    assert_eq!(outcome.notices, Vec::<String>::new());
    let measured = format!("no notice, {} retries, same bits", outcome.retries);
    figure(
        "monotonic clocks 3 and 30 years ahead",
        "no false `down`, same bits",
        measured,
    );
}

/// A wall clock that tests can set.
struct WallClock {
    folder: TempDir,
    library: PathBuf,
}

impl WallClock {
    fn new() -> Result<WallClock, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("wall_clock.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg("tests/faults/wall_clock.c")
            .output();
        match compiled {
            Ok(output) if output.status.success() => Ok(WallClock { folder, library }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(format!("no C compiler: {error}")),
        }
    }

    fn set(&self, to: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, to).expect("it is written");
        std::fs::rename(new, self.file()).expect("it is moved");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("now")
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Program {
        Program::start(
            Command::new(program)
                .args(arguments)
                .env("LD_PRELOAD", &self.library)
                .env("WALL_CLOCK", self.file()),
        )
    }
}

/// Two lives of a coordinator, the wall clock said by these words in each, over a node that notes what it is asked.
fn two_lives(clock: &WallClock, first: &str, second: &str) -> [Vec<i64>; 2] {
    let plan = plan(2, 4);
    let calm = undisturbed(plan.clone());
    let honest = Program::node(&["0"]);
    let witness = Arc::new(Liar::telling(|_| (), &honest));
    let server: Server = Liar::serve_shared(witness.clone());
    let list = clock.folder.path().join("nodes.txt");
    write_list(&list, &[server.address()]);
    let list = list.to_str().expect("a name");
    [first, second].map(|now| {
        clock.set(now);
        let coordinator = clock.start(COORDINATOR, &["0", "round-robin", "--nodes", list]);
        let outcome = follow(&mut dial(&coordinator), plan.clone());
        outcome.must_equal(&calm);
        assert_eq!(outcome.notices, Vec::<String>::new());
        witness.attempts()
    })
}

fn in_common(lives: &[Vec<i64>; 2]) -> usize {
    let [first, second] = lives
        .each_ref()
        .map(|life| life.iter().collect::<BTreeSet<_>>());
    assert!(!first.is_empty() && !second.is_empty());
    first.intersection(&second).count()
}

#[test]
fn a_coordinator_started_again_two_days_earlier_goes_on_as_ever() {
    let clock = match WallClock::new() {
        Ok(clock) => clock,
        Err(reason) => return skip("a coordinator's wall clock set back", &reason),
    };
    let lives = two_lives(&clock, &format!("+{DAY}"), &format!("-{DAY}"));
    assert_eq!(in_common(&lives), 0);
    figure(
        "a coordinator started again with its wall clock two days back",
        "no attempt's id twice, same bits",
        format!(
            "{} and {} ids, none twice, same bits",
            lives[0].len(),
            lives[1].len()
        ),
    );
}

#[test]
fn attempts_have_other_ids_although_the_wall_clock_stands_still() {
    let clock = match WallClock::new() {
        Ok(clock) => clock,
        Err(reason) => return skip("a coordinator's wall clock that stands still", &reason),
    };
    let now = format!("={DAY}");
    assert_eq!(in_common(&two_lives(&clock, &now, &now)), 0);
}

#[test]
fn runs_have_other_names_although_the_wall_clock_stands_still() {
    let clock = match WallClock::new() {
        Ok(clock) => clock,
        Err(reason) => return skip("runs while the wall clock stands still", &reason),
    };
    clock.set(&format!("={DAY}"));
    let node = Program::node(&["0"]);
    let list = clock.folder.path().join("nodes.txt");
    write_list(&list, &[node.address]);
    let list = list.to_str().expect("a name");
    let coordinator = clock.start(COORDINATOR, &["0", "round-robin", "--nodes", list]);
    let mut client = dial(&coordinator);
    let short = train(&mut client, plan(1, 4)).expect("a report");
    let long = train(&mut client, plan(3, 4)).expect("a report");
    assert_ne!(short.run, long.run);
    assert_eq!(long.rounds, Some(3));
}

/// A node that comes back with its wall clock two days earlier is the same node in another life, not an older one.
#[test]
fn a_node_started_again_two_days_earlier_gets_work_at_once() {
    let clock = match WallClock::new() {
        Ok(clock) => clock,
        Err(reason) => return skip("a node's wall clock set back", &reason),
    };
    let plan = plan(4, 8);
    let calm = undisturbed(plan.clone());
    clock.set(&format!("+{DAY}"));
    let mut node = clock.start(NODE, &["0", "1", "--load-delay", "200ms"]);
    let other = Program::node(&["0"]);
    let party = Party::of(&[node.address, other.address], &["--heartbeat", "100ms"]);
    party.until_up(2);
    let at = node.address.to_string();
    let port = node.address.port().to_string();
    thread::scope(|scope| {
        let run = scope.spawn(|| party.run(plan.clone()));
        until_nodes(&mut dial(&party.coordinator), |nodes| {
            let mut nodes = nodes.iter();
            nodes.any(|node| node.address == at && node.busy > Some(0))
        });
        clock.set(&format!("-{DAY}"));
        node.kill();
        node = clock.start(NODE, &[&port, "0"]);
        run.join().expect("no panic").must_equal(&calm);
    });
    party.until_up(2);
    let completed = || {
        let nodes = until_nodes(&mut dial(&party.coordinator), |_| true);
        let node = nodes.into_iter().find(|node| node.address == at);
        node.and_then(|node| node.completed)
    };
    let before = completed();
    party.run(plan.clone()).must_equal(&calm);
    assert!(completed() > before, "it gets work");
    figure(
        "a node killed in mid-task and started again with its wall clock two days back",
        "gets work, same bits",
        "got work, same bits",
    );
}
