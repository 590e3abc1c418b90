//! Nodes in network namespaces of their own, whose packets are lost, refused, slowed or cut off (acceptance test 17).
//!
//! Needs root, `ip`, `nft` and, for the slow line, `tc`; without them it is skipped.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use roundtable::clock;

use crate::effort::{figure, pick, skip};
use crate::party::{Party, plan, undisturbed};
use crate::programs::Program;

static COUNT: AtomicU8 = AtomicU8::new(0);

/// A namespace with a line to ours. Gone when dropped, with all its rules.
struct Namespace {
    name: String,
    /// Our end of the line.
    line: String,
    inside: IpAddr,
}

impl Namespace {
    fn new() -> Result<Namespace, String> {
        let (pid, number) = (process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let network = |last| Ipv4Addr::new(10, 128 + (pid % 100) as u8, number, last);
        // Dropped, and so removed, if something does not work.
        let made = Namespace {
            name: format!("rt-{pid}-{number}"),
            line: format!("rt{pid}x{number}"),
            inside: IpAddr::V4(network(2)),
        };
        let (name, line) = (&made.name, &made.line);
        must(&format!("ip netns add {name}"))?;
        must(&format!(
            "ip link add {line} type veth peer name eth0 netns {name}"
        ))?;
        must(&format!("ip addr add {}/30 dev {line}", network(1)))?;
        must(&format!("ip link set {line} up"))?;
        must(&format!(
            "ip -n {name} addr add {}/30 dev eth0",
            made.inside
        ))?;
        must(&format!("ip -n {name} link set eth0 up"))?;
        must(&format!("ip -n {name} link set lo up"))?;
        made.inside("nft add table inet faults")?;
        for hook in ["input", "output"] {
            made.inside(&format!(
                "nft add chain inet faults {hook} {{ type filter hook {hook} priority 0 ; }}"
            ))?;
        }
        Ok(made)
    }

    fn inside(&self, command: &str) -> Result<(), String> {
        must(&format!("ip netns exec {} {command}", self.name))
    }

    /// Adds a rule to a chain; those there stay.
    fn rule(&self, chain: &str, rule: &str) -> Result<(), String> {
        self.inside(&format!("nft add rule inet faults {chain} {rule}"))
    }

    /// Packets that rules were applied to.
    fn hits(&self) -> u64 {
        let list = [
            "netns", "exec", &self.name, "nft", "list", "table", "inet", "faults",
        ];
        let output = Command::new("ip").args(list).output().expect("`ip` runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let counts = text.split("packets ").skip(1);
        let counts = counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        counts.sum()
    }

    /// All is well again.
    fn heal(&self) -> Result<(), String> {
        self.inside("nft flush table inet faults")
    }

    fn node(&self) -> Program {
        let (node, at) = (env!("CARGO_BIN_EXE_compute_node"), self.inside.to_string());
        Program::start(
            Command::new("ip").args(["netns", "exec", &self.name, node, "0", "0", "--bind", &at]),
        )
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What was not made cannot be removed.
        let _ = must(&format!("ip link del {}", self.line));
        let _ = must(&format!("ip netns del {}", self.name));
    }
}

/// Runs a command, whose words have no spaces in them.
fn must(command: &str) -> Result<(), String> {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| format!("`{command}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{command}`: {}", said.trim()))
}

/// What is done to the first node's line, or to both, until told to stop.
type Harm = fn(&[Namespace; 2], &Receiver<()>) -> Result<(), String>;

fn rules(on: &[Namespace], rules: &[(&str, &str)]) -> Result<(), String> {
    on.iter().try_for_each(|on| {
        rules
            .iter()
            .try_for_each(|(chain, rule)| on.rule(chain, rule))
    })
}

const HARMS: [(&str, Harm); 6] = [
    ("10 % of all packets lost, both nodes", |both, _| {
        let loss = "numgen random mod 100 < 10 counter drop";
        rules(both, &[("input", loss), ("output", loss)])
    }),
    ("nothing comes from a node", |both, _| {
        rules(&both[..1], &[("output", "counter drop")])
    }),
    ("nothing comes to a node", |both, _| {
        rules(&both[..1], &[("input", "counter drop")])
    }),
    (
        "one packet in 20 to a node answered by a reset",
        |both, _| {
            let reset = "meta l4proto tcp numgen random mod 20 == 0 counter reject with tcp reset";
            rules(&both[..1], &[("input", reset)])
        },
    ),
    ("a node's line down and up every 2 s", |both, stop| {
        let line = &both[0].line;
        for state in ["down", "up"].iter().cycle() {
            must(&format!("ip link set {line} {state}"))?;
            if stop.recv_timeout(Duration::from_secs(2))
                != Err(crossbeam_channel::RecvTimeoutError::Timeout)
            {
                break;
            }
        }
        must(&format!("ip link set {line} up"))
    }),
    ("20 Mbit/s, both nodes", |both, _| {
        both.iter().try_for_each(|on| {
            on.inside("tc qdisc add dev eth0 root tbf rate 20mbit burst 32kbit latency 400ms")
        })
    }),
];

#[test]
fn packets_lost_refused_slowed_and_cut_off_change_nothing() {
    let test = "packets lost, refused, slowed and cut off";
    let namespaces = match Namespace::new().and_then(|one| Ok([one, Namespace::new()?])) {
        Ok(namespaces) => namespaces,
        Err(reason) => return skip(test, &reason),
    };
    let plan = plan(4, 8);
    let calm = undisturbed(plan.clone());
    let nodes = namespaces.each_ref().map(Namespace::node);
    let party = Party::of(
        &nodes.each_ref().map(|node| node.address),
        &["--heartbeat", "200ms"],
    );
    party.until_up(2);
    let span = Duration::from_secs(pick(1, 30));
    for &(name, harm) in &HARMS[..pick(2, HARMS.len())] {
        let (stop, stopped) = bounded(0);
        let mut runs = 0;
        let harmed = thread::scope(|scope| {
            let harming = scope.spawn(|| harm(&namespaces, &stopped));
            let end = clock::now() + span;
            while clock::now() < end {
                party.run(plan.clone()).must_equal(&calm);
                runs += 1;
            }
            drop(stop);
            harming.join().expect("no panic")
        });
        match harmed {
            Ok(()) => {
                let hits: u64 = namespaces.iter().map(Namespace::hits).sum();
                let of_packets = name.contains("packet") || name.starts_with("nothing");
                assert!(hits > 0 || !of_packets, "{name}: no packet was harmed");
                let measured = format!(
                    "{runs} runs in {span:?} with {hits} packets harmed, all same bits, none aborted"
                );
                figure(
                    name,
                    "same bits; no run aborted while a node is reachable",
                    measured,
                );
            }
            Err(reason) => skip(name, &reason),
        }
        namespaces
            .iter()
            .try_for_each(Namespace::heal)
            .expect("it was made");
        party.until_up(2);
    }
}
