//! The language of the scripts: a line an event, below it what the core answered.
//!
//! ```text
//! # A comment.
//! config policy=load-balancing retries=3       numbers of the cluster; only before the first event
//! node a slots=2 hosts=x,y                     a node that answers when it is asked; not listed yet
//! run r rounds=2 shards=10,20 quorum=0.5       a run that can be submitted
//! at 0ms list a b                              an event; time passes up to it, with all that falls due
//! => 0ms dispatch #0 to a: ...                 what the core said, rewritten by UPDATE_SCENARIOS=1
//! ```
//!
//! Attempts are written `#0`. The stage answers greetings and heartbeats by itself, in the state its
//! nodes are in: one that is up answers at once, one that is down refuses the connection, a mute one
//! says nothing. `show beats` prints them too.
//!
//! | event | meaning |
//! | --- | --- |
//! | `list a b`, `join a`, `leave a` | the node list as it now stands; a node announces itself or takes its leave |
//! | `kill a`, `mute a`, `start a`, `restart a` | what becomes of a node; restarted means another incarnation |
//! | `retire a`, `stay a`, `load a 0.5` | from now on its heartbeats say so |
//! | `late a` | a mute node speaks again: the answer to its last greeting or heartbeat arrives only now |
//! | `stale a` | the answer to the last but one of a node that stays mute |
//! | `submit r`, `cancel r`, `resume r`, `restore r 3` | a client's wish; a coordinator that comes back |
//! | `prepared r`, `stepped r`, `evaluated r` | the shell did what it was told; `broken` in place of `r`'s result: it could not |
//! | `update #0 10`, `update #0 10 loss=nan` | an answer with so many rows |
//! | `update #0 10 bits=2` | an answer with other bits than the honest ones, which are 1 |
//! | `look a` | prints where a node stands |
//! | `metrics #0 10`, `parameters #0` | answers to other work |
//! | `refuse #0`, `fail #0`, `cut #0`, `invalid #0` | declined; reported as failed; connection broken; not acceptable |
//! | `status r` | prints where the run stands |
//! | `wait` | nothing but time |

use std::collections::BTreeMap;
use std::time::Duration;

use crate::stage::Stage;

/// The words of a line after its verb, and `key=value` pairs among them.
pub struct Words<'a> {
    pub plain: Vec<&'a str>,
    pub pairs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn of(words: impl Iterator<Item = &'a str>) -> Words<'a> {
        let mut plain = Vec::new();
        let mut pairs = BTreeMap::new();
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => {
                    pairs.insert(key, value);
                }
                None => plain.push(word),
            }
        }
        Words { plain, pairs }
    }

    /// The plain word at this position.
    pub fn word(&self, at: usize) -> Result<&'a str, String> {
        self.plain
            .get(at)
            .copied()
            .ok_or(format!("word {} is missing", at + 1))
    }

    /// The value of this key, if it is there.
    pub fn get<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        match self.pairs.get(key) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(format!("`{key}={text}` cannot be read")),
            },
        }
    }

    /// The value of this key as a list.
    pub fn list(&self, key: &str) -> Vec<&'a str> {
        self.pairs
            .get(key)
            .map_or(Vec::new(), |text| text.split(',').collect())
    }
}

/// `250ms` or `3s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bad = |_| format!("`{text}` is no time; write 250ms or 3s");
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().map(Duration::from_millis).map_err(bad),
        (None, Some(number)) => number.parse().map(Duration::from_secs).map_err(bad),
        (None, None) => Err(format!("`{text}` has no unit; write 250ms or 3s")),
    }
}

/// Plays a script and writes it anew with what the core answers.
pub fn play(script: &str) -> Result<String, String> {
    let mut written = String::new();
    let mut stage = Stage::default();
    let lines = script.lines().filter(|line| !line.starts_with("=>"));
    for (number, line) in lines.enumerate() {
        let error = |reason| format!("event line {} `{line}`: {reason}", number + 1);
        let mut words = line.split_whitespace();
        let mut before = Vec::new();
        match words.next() {
            None | Some("#") => {}
            Some("at") => {
                let time = words.next().ok_or("no time".to_owned()).and_then(duration);
                before = stage.pass(time.map_err(error)?).map_err(error)?;
                let verb = words.next().unwrap_or("wait");
                stage.event(verb, &Words::of(words)).map_err(error)?;
            }
            Some(verb) => stage.declare(verb, &Words::of(words)).map_err(error)?,
        }
        // What fell due on the way belongs below the event before this one.
        insert_before_comments(&mut written, &before);
        written += line;
        written += "\n";
        for said in stage.said() {
            written += &format!("=> {said}\n");
        }
    }
    Ok(written)
}

/// Adds answers below the last event, above the comments and blank lines that follow it.
fn insert_before_comments(written: &mut String, answers: &[String]) {
    if answers.is_empty() {
        return;
    }
    let mut lines: Vec<&str> = written.lines().collect();
    let is_aside = |line: &&&str| line.is_empty() || line.starts_with('#');
    let tail = lines.iter().rev().take_while(is_aside).count();
    let asides = lines.split_off(lines.len() - tail);
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    text.extend(answers.iter().map(|answer| format!("=> {answer}\n")));
    text.extend(asides.iter().map(|line| format!("{line}\n")));
    *written = text;
}
