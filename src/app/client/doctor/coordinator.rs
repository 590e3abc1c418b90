//! What a coordinator says of itself: release, clock, policy, and where it keeps runs.

use super::finding::Finding;
use super::said::{bytes, span};
use crate::cluster::policy::POLICIES;
use crate::wire::convert::SOFTWARE;
use crate::wire::stubs::coordinator::HelloReply;
use crate::wire::stubs::types::{PROTOCOL_MAJOR, PROTOCOL_MINOR};

/// Clocks may differ by this many milliseconds before it is worth a word.
pub(super) const CLOCKS: i64 = 2_000;
/// Room for fewer bytes than this is little.
const LITTLE: i64 = 1 << 30;
/// With room for fewer bytes than this, runs are about to wait for the disk.
const NONE: i64 = 64 << 20;

/// All of it.
pub(super) fn look(hello: &HelloReply, clock: Option<(i64, i64)>) -> Vec<Finding> {
    vec![release(hello), clocks(clock), policy(hello), state(hello)]
}

fn release(reply: &HelloReply) -> Finding {
    let hello = &reply.hello;
    let (major, minor) = (hello.protocol_major, hello.protocol_minor);
    let theirs = hello
        .software
        .as_deref()
        .unwrap_or("a program without a name");
    let found = format!("{theirs}, protocol {major}.{minor}");
    let same = theirs == SOFTWARE && (major, minor) == (PROTOCOL_MAJOR, PROTOCOL_MINOR);
    if same {
        return Finding::ok("release", found);
    }
    Finding::warning(
        "release",
        format!("{found}; this client is {SOFTWARE}, protocol {PROTOCOL_MAJOR}.{PROTOCOL_MINOR}"),
        "they understand each other, but the older one does not know what is newer; better install the same release",
    )
}

fn clocks(clock: Option<(i64, i64)>) -> Finding {
    let Some((ahead, error)) = clock else {
        return Finding::not_told("clock");
    };
    let found = format!("{} this machine's", apart(ahead, error));
    match differs(ahead, error) {
        false => Finding::ok("clock", found),
        true => Finding::warning(
            "clock",
            found,
            "set the clocks, with NTP for example; runs do not depend on them, but logs do not fit together",
        ),
    }
}

/// Whether clocks differ by more than may be, whatever the error.
pub(super) fn differs(ahead: i64, error: i64) -> bool {
    ahead.saturating_abs().saturating_sub(error) > CLOCKS
}

/// How far clocks are apart.
pub(super) fn apart(ahead: i64, error: i64) -> String {
    let way = match ahead {
        _ if ahead.saturating_abs() <= error.max(1) => return "as".to_owned(),
        0.. => "ahead of",
        _ => "behind",
    };
    format!("{} {way}", span(ahead.saturating_abs()))
}

fn policy(hello: &HelloReply) -> Finding {
    let Some(spec) = &hello.policy else {
        return Finding::not_told("policy");
    };
    let name = POLICIES.row(spec).map_or(spec.as_str(), |row| row.name);
    Finding::ok("policy", format!("the next node is chosen by `{name}`"))
}

fn state(hello: &HelloReply) -> Finding {
    match hello.keeps_runs {
        None => Finding::not_told("state"),
        Some(false) => Finding::warning(
            "state",
            "runs end with the coordinator: none is kept on a disk",
            "start the coordinator with --state DIR, and runs go on when it is started again",
        ),
        Some(true) => kept(hello),
    }
}

fn kept(hello: &HelloReply) -> Finding {
    let folder = hello.state_folder.as_deref().unwrap_or("a folder");
    let Some(free) = hello.free_bytes else {
        let found = format!("runs are kept in {folder}; how much room is left is not told");
        return Finding::ok("state", found);
    };
    let found = format!("runs are kept in {folder}, {} free", bytes(free));
    let hint = "make room there, or start the coordinator with --state on another disk; --keep N says how many rounds' \
                parameters are kept";
    if free >= LITTLE {
        Finding::ok("state", found)
    } else if free >= NONE {
        Finding::warning("state", found, hint)
    } else {
        let found = format!("{found}: runs wait as soon as it is full");
        Finding::problem("state", found, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::wire::convert;

    fn hello() -> HelloReply {
        HelloReply {
            hello: convert::hello(),
            policy: Some("2".to_owned()),
            keeps_runs: Some(true),
            state_folder: Some("/srv/runs".to_owned()),
            free_bytes: Some(5 << 30),
            ..HelloReply::default()
        }
    }

    fn levels(hello: &HelloReply, clock: Option<(i64, i64)>) -> Vec<Level> {
        look(hello, clock).iter().map(|one| one.level).collect()
    }

    #[test]
    fn a_healthy_one_is_ok() {
        assert_eq!(levels(&hello(), Some((3, 1))), [Level::Ok; 4]);
        let policy = policy(&hello()).found;
        assert!(policy.contains("load-balancing"), "{policy}");
    }

    #[test]
    fn an_old_one_that_says_nothing_has_no_faults() {
        let old = HelloReply {
            hello: convert::hello(),
            ..HelloReply::default()
        };
        assert_eq!(levels(&old, None), [Level::Ok; 4]);
        assert!(state(&old).found.contains("not told"));
    }

    #[test]
    fn a_disk_that_fills_is_told_in_time() {
        let with = |free| {
            state(&HelloReply {
                free_bytes: Some(free),
                ..hello()
            })
            .level
        };
        assert_eq!(with(LITTLE), Level::Ok);
        assert_eq!(with(LITTLE - 1), Level::Warning);
        assert_eq!(with(NONE - 1), Level::Problem);
        assert_eq!(with(-5), Level::Problem);
        let none = HelloReply {
            keeps_runs: Some(false),
            ..hello()
        };
        assert_eq!(state(&none).level, Level::Warning);
    }

    #[test]
    fn clocks_differ_when_the_error_does_not_explain_it() {
        assert_eq!(clocks(Some((1_999, 0))).level, Level::Ok);
        assert_eq!(clocks(Some((-2_001, 0))).level, Level::Warning);
        assert_eq!(clocks(Some((9_000, 8_000))).level, Level::Ok);
        assert_eq!(clocks(Some((i64::MIN, 0))).level, Level::Warning);
        assert_eq!(apart(-90_000, 3), "90 s behind");
        assert_eq!(apart(2, 3), "as");
    }

    #[test]
    fn another_release_is_told() {
        let mut other = hello();
        other.hello.protocol_minor = 0;
        assert_eq!(release(&other).level, Level::Warning);
    }
}
