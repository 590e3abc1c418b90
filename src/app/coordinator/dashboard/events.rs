//! The stream of what changes, as server-sent events: what changed since the last look, a few times a second.
//!
//! The id of an event says how far every followed run was told. A page that comes back with it, after a break or with
//! a new choice of runs, is told the rest. Nodes and runs are told whole to whoever connects, then by what changed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde_json::{Value, json};

use super::{reachable, rows};
use crate::app::coordinator::window::{Snapshot, Window};
use crate::clock;
use crate::fed::{Entry, RunEvent, RunId};
use crate::net::http::{Feed, Request};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// Silence is broken so often, so that either side learns when the other has gone.
const SILENCE: Duration = Duration::from_secs(5);
/// Runs that a page follows.
const FOLLOWED: usize = 6;
/// Rounds of a run told at one look; of more, as many evenly spread and the last.
const ROUNDS: usize = 400;
/// Notices of a run told at one look: the newest.
const NOTICES: usize = 100;
/// Entries read at a time, and in how many parts at one look.
const ENTRIES: usize = 500;
const PARTS: usize = 40;
/// Attempts of a run told at one look, and at the first.
const ATTEMPTS: usize = 500;
const FIRST_ATTEMPTS: usize = 2_000;

/// A run that is followed, and how far it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Followed {
    run: RunId,
    /// Entries of its log.
    entry: u64,
    /// Changes of its attempts.
    change: u64,
    /// Whether its plan was told to this page.
    planned: bool,
}

/// What one page is told.
pub(super) struct Events {
    window: Arc<Window>,
    ended: Receiver<()>,
    followed: Vec<Followed>,
    nodes: Rows,
    runs: Rows,
    /// Order of the runs as it was told.
    order: Vec<String>,
    begun: bool,
    spoke: Instant,
}

impl Events {
    /// For a page that asks for `runs=A,B` and has what the id of its last event says.
    pub(super) fn new(window: Arc<Window>, ended: Receiver<()>, request: &Request) -> Events {
        let known = request.header("last-event-id").map(str::to_owned);
        let known = known.or_else(|| request.asked("after")).unwrap_or_default();
        let runs = request.asked("runs").unwrap_or_default();
        Events {
            window,
            ended,
            followed: followed(&runs, &known),
            nodes: Rows::default(),
            runs: Rows::default(),
            order: Vec::new(),
            begun: false,
            spoke: clock::now(),
        }
    }

    /// All that changed since the last look.
    fn look(&mut self) -> String {
        let mut said: Vec<(&str, Value)> = Vec::new();
        let snapshot = self.window.look();
        let first = !self.begun;
        if first {
            self.begun = true;
            let (began, policy) = (self.window.began, self.window.policy());
            let version = env!("CARGO_PKG_VERSION");
            let address = reachable(self.window.address).to_string();
            let hello =
                json!({"version": version, "policy": policy, "began": began, "address": address});
            said.push(("hello", hello));
        }
        said.extend(self.nodes(&snapshot, first).map(|value| ("nodes", value)));
        said.extend(self.runs(&snapshot, first).map(|value| ("runs", value)));
        for followed in &mut self.followed {
            followed.tell(&self.window, &snapshot, &mut said);
        }
        let cursor = cursor(&self.followed);
        write(&said, &cursor)
    }

    /// The nodes that changed; at first all of them, even if there are none.
    fn nodes(&mut self, snapshot: &Snapshot, first: bool) -> Option<Value> {
        let rows = snapshot.nodes.iter();
        let rows = rows.map(|node| (node.address.clone(), rows::node(node)));
        let changes = self.nodes.changes(rows);
        let (changed, gone) = changes.or_else(|| first.then(Default::default))?;
        let (known, up) = (snapshot.known, snapshot.up);
        let now = rows::millis(snapshot.now);
        Some(json!({"now": now, "known": known, "up": up, "rows": changed, "gone": gone}))
    }

    fn runs(&mut self, snapshot: &Snapshot, first: bool) -> Option<Value> {
        let order: Vec<String> = snapshot.runs.iter().map(|run| run.run.0.clone()).collect();
        let rows = snapshot.runs.iter();
        let rows = rows.map(|status| (status.run.0.clone(), rows::run(status)));
        let changes = self.runs.changes(rows);
        if changes.is_none() && order == self.order && !first {
            return None;
        }
        self.order = order;
        let (changed, gone) = changes.unwrap_or_default();
        Some(json!({"order": self.order, "rows": changed, "gone": gone}))
    }
}

impl Feed for Events {
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.begun {
            match self.ended.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return None,
            }
        }
        let mut said = self.look();
        let now = clock::now();
        if said.is_empty() && now.saturating_duration_since(self.spoke) >= SILENCE {
            said = ": still here\n\n".to_owned();
        }
        if !said.is_empty() {
            self.spoke = now;
        }
        Some(said.into_bytes())
    }
}

impl Followed {
    fn tell(&mut self, window: &Window, snapshot: &Snapshot, said: &mut Vec<(&str, Value)>) {
        let id = &self.run.0;
        if !self.planned
            && let Some(status) = snapshot.runs.iter().find(|known| known.run == self.run)
        {
            self.planned = true;
            said.push(("plan", json!({"run": id, "plan": rows::plan(status)})));
        }
        let mut log = Log::default();
        for _ in 0..PARTS {
            let entries = window.entries(&self.run, self.entry, ENTRIES);
            let Some(last) = entries.last() else { break };
            self.entry = last.number;
            entries.iter().for_each(|entry| log.take(entry));
        }
        if let Some((rounds, notices)) = log.told() {
            let series = json!({"run": id, "rounds": rounds, "notices": notices});
            said.push(("series", series));
        }
        let most = if self.change == 0 {
            FIRST_ATTEMPTS
        } else {
            ATTEMPTS
        };
        let (attempts, reached) = window.attempts(&self.run, self.change, most);
        self.change = reached;
        if !attempts.is_empty() {
            let rows: Vec<Value> = attempts.iter().map(rows::attempt).collect();
            let now = rows::millis(snapshot.now);
            said.push(("attempts", json!({"run": id, "now": now, "rows": rows})));
        }
    }
}

/// Entries of a run's log, sorted into what the page shows.
#[derive(Default)]
struct Log {
    rounds: Vec<Value>,
    notices: Vec<Value>,
}

impl Log {
    fn take(&mut self, entry: &Entry) {
        match &entry.event {
            RunEvent::Round(report) => self.rounds.push(rows::round(report)),
            RunEvent::Hosted(hosted) => {
                self.notices.push(json!([entry.number, hosted.to_string()]));
            }
            RunEvent::Notice(text) => self.notices.push(json!([entry.number, text])),
            RunEvent::Ended(ending) => {
                self.notices.push(json!([entry.number, ending.to_string()]));
            }
            RunEvent::Started => {}
        }
    }

    /// What is told of it, if there is anything.
    fn told(self) -> Option<(Vec<Value>, Vec<Value>)> {
        if self.rounds.is_empty() && self.notices.is_empty() {
            return None;
        }
        let old = self.notices.len().saturating_sub(NOTICES);
        Some((
            thinned(self.rounds),
            self.notices.into_iter().skip(old).collect(),
        ))
    }
}

/// Some of very many, evenly spread, and the last.
fn thinned(rounds: Vec<Value>) -> Vec<Value> {
    let stride = rounds.len().div_ceil(ROUNDS).max(1);
    let last = rounds.len().saturating_sub(1);
    let numbered = rounds.into_iter().enumerate();
    let kept = numbered.filter(|(at, _)| at % stride == 0 || *at == last);
    kept.map(|(_, round)| round).collect()
}

/// Rows as they were told last.
#[derive(Default)]
struct Rows(BTreeMap<String, String>);

impl Rows {
    /// The rows that changed, and the names of those that are gone; none if nothing changed.
    fn changes(
        &mut self,
        rows: impl Iterator<Item = (String, Value)>,
    ) -> Option<(Vec<Value>, Vec<String>)> {
        let mut known = std::mem::take(&mut self.0);
        let mut changed = Vec::new();
        for (name, row) in rows {
            let text = row.to_string();
            if known.remove(&name).is_none_or(|before| before != text) {
                changed.push(row);
            }
            self.0.insert(name, text);
        }
        let gone: Vec<String> = known.into_keys().collect();
        (!changed.is_empty() || !gone.is_empty()).then_some((changed, gone))
    }
}

/// The runs a page asks for, each from where the id of its last event says.
fn followed(runs: &str, known: &str) -> Vec<Followed> {
    let known: Vec<(&str, u64, u64)> = known.split(',').filter_map(reached).collect();
    let mut followed: Vec<Followed> = Vec::new();
    // Whatever else it is, it is no name of a run, and must not become a line of the stream.
    let is_name = |run: &&str| {
        let plain = run.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain && (1..=64).contains(&run.len())
    };
    for run in runs.split(',').filter(is_name) {
        let is_new = followed.iter().all(|other| other.run.0 != run);
        if is_new && followed.len() < FOLLOWED {
            let at = known.iter().find(|(name, _, _)| *name == run);
            followed.push(Followed {
                run: RunId(run.to_owned()),
                entry: at.map_or(0, |(_, entry, _)| *entry),
                change: at.map_or(0, |(_, _, change)| *change),
                planned: false,
            });
        }
    }
    followed
}

fn reached(text: &str) -> Option<(&str, u64, u64)> {
    let mut parts = text.split(':');
    let (run, entry, change) = (parts.next()?, parts.next()?, parts.next()?);
    Some((run, entry.parse().ok()?, change.parse().ok()?))
}

fn cursor(followed: &[Followed]) -> String {
    let each = followed
        .iter()
        .map(|one| format!("{}:{}:{}", one.run, one.entry, one.change));
    each.collect::<Vec<_>>().join(",")
}

/// The events as text; the last of them has the id, because only then everything up to it was told.
fn write(said: &[(&str, Value)], cursor: &str) -> String {
    let mut text = String::new();
    for (place, (name, data)) in (1..).zip(said) {
        if place == said.len() && !cursor.is_empty() {
            let _ = writeln!(text, "id: {cursor}");
        }
        // In JSON a line break is an escape, so data are one line.
        let _ = write!(text, "event: {name}\ndata: {data}\n\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_where_its_last_event_was() {
        let asked = followed("b,a,a,,c", "a:7:3,b:x:1,z:1:1");
        let found: Vec<_> = asked
            .iter()
            .map(|one| (&*one.run.0, one.entry, one.change))
            .collect();
        assert_eq!(found, [("b", 0, 0), ("a", 7, 3), ("c", 0, 0)]);
        assert_eq!(cursor(&asked), "b:0:0,a:7:3,c:0:0");
        assert_eq!(followed("1,2,3,4,5,6,7,8", "").len(), FOLLOWED);
        assert!(followed("a\nevent: false,a b", "").is_empty());
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut rows = Rows::default();
        let row = |name: &str, value: u32| (name.to_owned(), json!(value));
        let first = rows
            .changes([row("a", 1), row("b", 1)].into_iter())
            .unwrap();
        assert_eq!(first, (vec![json!(1), json!(1)], Vec::new()));
        assert!(
            rows.changes([row("a", 1), row("b", 1)].into_iter())
                .is_none()
        );
        let then = rows.changes([row("b", 2)].into_iter()).unwrap();
        assert_eq!(then, (vec![json!(2)], vec!["a".to_owned()]));
    }

    #[test]
    fn very_many_rounds_are_thinned_to_the_last() {
        let rounds: Vec<Value> = (1..=20_000).map(|round| json!(round)).collect();
        let kept = thinned(rounds);
        assert!(kept.len() <= ROUNDS + 1);
        assert_eq!(
            (kept.first(), kept.last()),
            (Some(&json!(1)), Some(&json!(20_000)))
        );
        assert_eq!(thinned(vec![json!(1), json!(2)]).len(), 2);
    }

    #[test]
    fn the_last_event_has_the_id() {
        let said = [("a", json!("x\ny")), ("b", json!(2))];
        let text = write(&said, "r:1:2");
        assert_eq!(
            text,
            "event: a\ndata: \"x\\ny\"\n\nid: r:1:2\nevent: b\ndata: 2\n\n"
        );
    }
}
