//! Disks that fail: full, with errors, and cut off from their power. Nothing that was told is lost.

#![cfg(target_os = "linux")] // injects faults by strace, and mounts file systems

mod effort;
mod programs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use roundtable::clock;
use roundtable::seed::{Purpose, Seed};
use roundtable::wire::stubs::coordinator::{RunState, RunStatus, StatusRequest, SubmitRequest};

use programs::kept::{Place, digest, pass, plan, status, submit, text, undisturbed, until_over};
use programs::{PATIENCE, Program};

/// Nodes on which a run takes a second or so.
const NODE: &[&str] = &["1", "--load-delay", "3ms", "--slots", "4"];

/// Whether a command can be run and succeeds.
fn can(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// A coordinator at this place under strace, which injects a fault.
fn under_strace(place: &Place, inject: &str) -> Command {
    let (call, _) = inject.split_once(':').expect("CALLS:FAULT");
    let mut command = Command::new("strace");
    command
        // With -D the tracer is in the background, and the coordinator is our own child.
        .args(["-D", "-f", "-qq", "-o", "/dev/null"])
        .args([
            "-e",
            &format!("trace={call}"),
            "-e",
            &format!("inject={inject}"),
        ])
        .arg(env!("CARGO_BIN_EXE_coordinator"))
        .arg("0")
        .args(place.arguments());
    command
}

fn has_strace() -> bool {
    can(
        "strace",
        &[
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=fsync:error=EIO:when=1",
            "true",
        ],
    )
}

/// Asks for a run of a coordinator that may be gone at any moment.
fn try_submit(coordinator: &Program, key: &str) -> Result<String, String> {
    let request = SubmitRequest {
        key: key.to_owned(),
        plan: plan(),
    };
    let address = coordinator.address.into();
    let dialled = roundtable::app::dial::coordinator(&address, PATIENCE);
    let mut dialled = dialled.map_err(|error| error.to_string())?;
    let deadline = clock::now() + PATIENCE;
    let reply = dialled.call("submit", deadline, |to| to.submit(&request));
    reply
        .map(|reply| reply.run)
        .map_err(|failed| failed.to_string())
}

/// Where a run stands, if the coordinator is still there and knows it.
fn try_status(coordinator: &Program, run: &str) -> Option<RunStatus> {
    let address = coordinator.address.into();
    let mut dialled = roundtable::app::dial::coordinator(&address, PATIENCE).ok()?;
    let request = StatusRequest {
        run: run.to_owned(),
    };
    let deadline = clock::now() + PATIENCE;
    let reply = dialled.call("status", deadline, |to| to.status(&request));
    reply.ok()
}

#[test]
fn killed_at_every_system_call_that_keeps_a_run_it_goes_on_with_the_same_bits() {
    if !has_strace() {
        return effort::skip(
            "a kill at every system call",
            "strace cannot inject faults here",
        );
    }
    let calm = undisturbed();
    let nodes = [Program::node(NODE)];
    let mut kills = 0;
    let calls = [
        "pwrite64",
        "write",
        "fdatasync",
        "fsync",
        "rename",
        "mkdir",
        "unlink",
        "flock",
        "openat",
    ];
    for call in calls {
        for when in 1..=effort::pick(2, 14) {
            let place = Place::new(&nodes);
            let inject = format!("{call}:signal=KILL:when={when}");
            let mut run = Err("it did not start".to_owned());
            if let Ok(mut coordinator) = Program::try_start(&mut under_strace(&place, &inject)) {
                run = try_submit(&coordinator, "a key");
                let going = |run: &String| {
                    let found = try_status(&coordinator, run);
                    found.is_some_and(|found| found.state == RunState::RUNNING)
                };
                while run.as_ref().is_ok_and(going) {
                    pass(5);
                }
                if !coordinator.is_running() || run.is_err() {
                    kills += 1;
                }
                coordinator.kill();
            } else {
                kills += 1;
            }
            let coordinator = place.coordinator(0);
            if let Ok(told) = &run {
                let found = status(&coordinator, told).state;
                assert!(
                    found == RunState::RUNNING || found == RunState::SUCCEEDED,
                    "{inject}"
                );
            }
            let again = submit(&coordinator, "a key");
            assert_eq!(digest(&until_over(&coordinator, &again)), calm, "{inject}");
        }
    }
    assert!(kills > calls.len(), "only {kills} of the faults came about");
    effort::figure(
        "SIGKILL at every system call that keeps a run",
        "what was told is there; the same digest",
        format!("{kills} kills"),
    );
}

#[test]
fn a_disk_with_errors_is_tried_again_and_nothing_is_told_before_it_is_there() {
    if !has_strace() {
        return effort::skip("disk errors", "strace cannot inject faults here");
    }
    let calm = undisturbed();
    let nodes = [Program::node(NODE)];
    let mut faults = 0;
    for call in ["pwrite64", "fdatasync", "fsync", "rename", "write"] {
        for error in ["EIO", "ENOSPC"] {
            // The fourth is in the midst of the run; the calls that come after it succeed.
            let place = Place::new(&nodes);
            let inject = format!("{call}:error={error}:when=4");
            let mut command = under_strace(&place, &inject);
            let Ok(coordinator) = Program::try_start(&mut command) else {
                continue; // a write to the terminal was hit
            };
            let run = submit(&coordinator, "a key");
            let found = until_over(&coordinator, &run);
            assert_eq!(digest(&found), calm, "{inject}: {found:?}");
            faults += 1;
            drop(coordinator);
            let again = place.coordinator(0);
            assert_eq!(digest(&status(&again, &run)), calm, "{inject}");
        }
    }
    assert!(faults > 5);
    effort::figure(
        "EIO and ENOSPC on each call that writes",
        "the run waits and goes on; the same digest, before and after a restart",
        format!("{faults} faults"),
    );
}

#[test]
fn a_sync_that_always_fails_tells_no_round() {
    if !has_strace() {
        return effort::skip(
            "a sync that always fails",
            "strace cannot inject faults here",
        );
    }
    let nodes = [Program::node(NODE)];
    let place = Place::new(&nodes);
    // Each thread counts for itself: whoever accepts the run, and whoever keeps its first rounds, can sync twice.
    let mut command = under_strace(&place, "fdatasync:error=EIO:when=3+");
    let coordinator = Program::try_start(&mut command).expect("it starts");
    let run = submit(&coordinator, "a key");
    let deadline = clock::now() + PATIENCE;
    let waits = loop {
        let found = status(&coordinator, &run);
        let activity = found.activity.clone().unwrap_or_default();
        if activity.contains("cannot be recorded") {
            break found;
        }
        assert!(clock::now() < deadline, "{found:?}");
        pass(10);
    };
    let reason = waits.activity.unwrap_or_default();
    assert!(reason.contains("trying again in"), "{reason}");
    pass(300);
    let later = status(&coordinator, &run);
    assert_eq!((later.state, later.round), (RunState::RUNNING, waits.round));
    drop(coordinator);
    let coordinator = place.coordinator(0);
    assert!(status(&coordinator, &run).round >= waits.round);
    assert_eq!(digest(&until_over(&coordinator, &run)), undisturbed());
}

/// A file system for a test, unmounted when dropped.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    fn new(arguments: &[&str], at: &Path) -> Option<Mounted> {
        fs::create_dir_all(at).ok()?;
        let arguments = [arguments, &[text(at)]].concat();
        can("mount", &arguments).then(|| Mounted { at: at.to_owned() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        can("umount", &["-l", text(&self.at)]);
    }
}

#[test]
fn a_full_disk_pauses_runs_and_refuses_new_ones_until_there_is_room() {
    let calm = undisturbed();
    let nodes = [Program::node(&[
        "1",
        "--load-delay",
        "20ms",
        "--slots",
        "4",
    ])];
    let place = Place::new(&nodes);
    let small = ["-t", "tmpfs", "-o", "size=1m", "roundtable-test"];
    let Some(mounted) = Mounted::new(&small, &place.state()) else {
        return effort::skip("a full disk", "mounting a small file system needs root");
    };
    let coordinator = place.coordinator(0);
    let run = submit(&coordinator, "first");
    let deadline = clock::now() + PATIENCE;
    while status(&coordinator, &run).round < Some(2) {
        assert!(clock::now() < deadline);
        pass(5);
    }
    let ballast = mounted.at.join("ballast");
    let fill = |size: usize| fs::write(&ballast, vec![1; size]).is_ok();
    fill(2 << 20);
    let paused = loop {
        let found = status(&coordinator, &run);
        let activity = found.activity.clone().unwrap_or_default();
        if activity.contains("No space left") {
            break found;
        }
        assert!(
            found.state == RunState::RUNNING && clock::now() < deadline,
            "{found:?}"
        );
        pass(5);
    };
    let refused = try_submit(&coordinator, "second").expect_err("there is no room");
    assert!(
        refused.contains("No space left") && refused.contains("free some space"),
        "{refused}"
    );
    // What is finished is served meanwhile.
    let told = paused.round;
    assert_eq!(status(&coordinator, &run).round, told);
    fs::remove_file(&ballast).expect("room again");
    assert_eq!(digest(&until_over(&coordinator, &run)), calm);
    let second = submit(&coordinator, "second");
    assert_eq!(digest(&until_over(&coordinator, &second)), calm);
    drop(coordinator);
    let coordinator = place.coordinator(0);
    assert_eq!(digest(&status(&coordinator, &run)), calm);
    drop(coordinator);
    effort::figure(
        "disk full (1 MiB), then room again",
        "the run waits and says so, new runs are refused with the reason; the same digest",
        format!("waited after round {}", told.unwrap_or(0)),
    );
}

#[test]
fn a_disk_that_cannot_be_written_is_said_at_the_start() {
    let place = Place::new(&[]);
    let small = ["-t", "tmpfs", "-o", "size=1m,ro", "roundtable-test"];
    let Some(_mounted) = Mounted::new(&small, &place.state()) else {
        return effort::skip("a read-only disk", "mounting needs root");
    };
    let output = Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .arg("0")
        .args(place.arguments())
        .output()
        .expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("Read-only") && error.contains("--state"),
        "{error}"
    );
}

#[test]
fn power_cut_at_any_instant_loses_nothing_that_was_told() {
    let cuts = effort::pick(4, 50);
    let Some(lost) = cut_power(cuts, None) else {
        return effort::skip("power cuts", "a loop device with ext4 needs root");
    };
    assert_eq!(lost, 0);
    // The test can fail: syncs that only pretend lose what was told.
    let control = if has_strace() {
        let lost = cut_power(2, Some("fdatasync,fsync:retval=0")).expect("as before");
        assert!(lost > 0, "nothing is lost without syncs either");
        format!("without syncs {lost} of 2 lose it")
    } else {
        "no control without strace".to_owned()
    };
    effort::figure(
        "power cuts (copies of the disk under a running coordinator)",
        "every round that was told is there; the same digest",
        format!("{cuts} cuts; {control}"),
    );
}

/// Copies what has reached a disk at random instants, and goes on from each copy; how many lack what was told.
fn cut_power(cuts: u64, inject: Option<&str>) -> Option<usize> {
    let calm = undisturbed();
    let nodes = [Program::node(&[
        "1",
        "--load-delay",
        "20ms",
        "--slots",
        "4",
    ])];
    let place = Place::new(&nodes);
    let image = place.folder.path().join("disk.img");
    let mounted = disk(&image, &place.state())?;
    let mut coordinator = match inject {
        Some(inject) => Program::start(&mut under_strace(&place, inject)),
        None => place.coordinator(0),
    };
    let mut snapshots = Vec::new();
    let mut run = submit(&coordinator, "0");
    let mut stream = Seed(5).stream(Purpose::Simulation, 0, 0);
    for cut in 0..cuts {
        pass(stream.below(120));
        // What a client knows before the cut has to be there after it.
        let before = status(&coordinator, &run);
        coordinator.signal("STOP");
        let copy = place.folder.path().join(format!("cut{cut}.img"));
        fs::copy(&image, &copy).expect("a copy");
        coordinator.signal("CONT");
        snapshots.push((copy, run.clone(), before));
        if status(&coordinator, &run).state != RunState::RUNNING {
            run = submit(&coordinator, &format!("{}", cut + 1));
        }
    }
    coordinator.kill();
    drop(mounted);
    let mut lost = 0;
    for (copy, run, before) in &snapshots {
        let mounted = Mounted::new(&["-o", "loop", text(copy)], &place.state());
        let mounted = mounted.expect("the copy can be mounted");
        let coordinator = place.coordinator(0);
        match try_status(&coordinator, run) {
            Some(after) if after.round >= before.round => {
                assert_eq!(digest(&until_over(&coordinator, run)), calm);
            }
            _ => lost += 1,
        }
        drop((coordinator, mounted));
        fs::remove_file(copy).expect("the copy is removed");
    }
    Some(lost)
}

/// A small disk with ext4, mounted.
fn disk(image: &Path, at: &Path) -> Option<Mounted> {
    let file = fs::File::create(image).ok()?;
    file.set_len(24 << 20).ok()?;
    can("mkfs.ext4", &["-q", "-F", text(image)]).then_some(())?;
    Mounted::new(&["-o", "loop", text(image)], at)
}
