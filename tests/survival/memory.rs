//! A coordinator with little memory and a model that many nodes return at once.

use std::fs;
use std::path::{Path, PathBuf};

use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::DataRef;

use crate::cluster::{Cluster, Member, follow, light, submit};
use crate::effort::{figure, pick, skip};
use crate::process::peak_megabytes;

const TEST: &str = "a coordinator under a memory limit";
const LIMIT: u64 = 256 << 20;

/// A control group with a memory limit, gone with it.
struct Group {
    path: PathBuf,
}

impl Group {
    /// Where the system has control groups and we may make one.
    fn new() -> Result<Group, String> {
        let name = format!("roundtable-{}", std::process::id());
        let places = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ];
        let mut reasons = Vec::new();
        for (place, limit) in places {
            let path = Path::new(place).join(&name);
            if let Err(error) = fs::create_dir(&path) {
                reasons.push(format!("{}: {error}", path.display()));
                continue;
            }
            let group = Group { path };
            let set = fs::write(group.path.join(limit), LIMIT.to_string());
            match set.and_then(|()| fs::read_to_string(group.path.join(limit))) {
                Ok(text) if text.trim() == LIMIT.to_string() => return Ok(group),
                Ok(text) => reasons.push(format!("{limit} stays {}", text.trim())),
                Err(error) => reasons.push(format!("{limit}: {error}")),
            }
        }
        Err(reasons.join("; "))
    }

    /// How often it was at its limit, as the system counts, with how often a process was killed for that.
    fn events(&self) -> String {
        let names = ["memory.failcnt", "memory.oom_control", "memory.events"];
        let read = |name| fs::read_to_string(self.path.join(name)).ok();
        let texts = names.iter().filter_map(read);
        texts.collect::<Vec<_>>().join(" ").replace('\n', " ")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// A model of so many megabytes, and a shard for each node.
fn plan(megabytes: usize, nodes: usize) -> Plan {
    let classes = megabytes * 250_000 / 1_000;
    Plan {
        model: Some(format!("softmax:999-{classes}")),
        data: Some(DataRef {
            spec: format!("synthetic:rows={},features=999", nodes * 2),
            shards: Some(nodes as i32),
            held_out: Some(0.1),
            ..DataRef::default()
        }),
        ..light(2)
    }
}

#[test]
fn a_coordinator_with_little_memory_ends_a_run_of_large_updates() {
    let group = match Group::new() {
        Ok(group) => group,
        Err(reason) => return skip(TEST, &format!("needs root and control groups: {reason}")),
    };
    let (megabytes, nodes) = pick((40, 8), (40, 16));
    let members = Member::start_all(nodes, &["0", "--slots", "1"]);
    let shell = format!("echo $$ > {}/cgroup.procs", group.path.display());
    let mut cluster = Cluster::started_by(&shell, &members, &["2"]);
    let mut client = cluster.dial();
    for member in &members {
        crate::cluster::until(&mut client, &member.at(), crate::cluster::is_up);
    }
    let run = submit(&mut client, plan(megabytes, nodes));
    let ended = follow(&mut client, &run);
    let events = group.events();
    let ended = ended.unwrap_or_else(|error| panic!("{error}; {events}"));
    ended.assert_nothing_lost();
    let peak = peak_megabytes(&cluster.coordinator.pid());
    cluster.coordinator.kill();
    figure(
        &format!(
            "a model of {megabytes} MiB, {nodes} nodes, 256 MiB of memory for the coordinator"
        ),
        "the run ends, nothing is killed for memory",
        format!("peak {peak:.0} MB ({})", events.trim()),
    );
}
