//! The list of nodes: a file that is read at the start and again when it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::reporter::Reporter;
use crate::fed::Event;
use crate::net::{Address, parse_nodes};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Where the nodes are listed.
#[derive(Clone, Debug)]
pub enum NodeList {
    /// A file of `host,port` lines.
    File(PathBuf),
    /// These, for good.
    Fixed(Vec<Address>),
    /// None: nodes announce themselves.
    Empty,
}

impl NodeList {
    /// The nodes listed now.
    ///
    /// # Errors
    /// When the file cannot be read or a line is wrong; the message names file and line.
    pub fn read(&self) -> Result<Vec<String>, String> {
        let addresses = match self {
            NodeList::Empty => Vec::new(),
            NodeList::Fixed(addresses) => addresses.clone(),
            NodeList::File(path) => read_file(path)?,
        };
        Ok(addresses.iter().map(Address::to_string).collect())
    }

    /// Reports the list whenever the file changes, until `stop` is dropped.
    pub(super) fn watch(&self, reporter: Reporter, stop: Receiver<()>) -> std::io::Result<()> {
        let NodeList::File(path) = self.clone() else {
            return Ok(());
        };
        let list = self.clone();
        thread::Builder::new()
            .name("node list".to_owned())
            .spawn(move || {
                let mut seen = stamp(&path);
                while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    let now = stamp(&path);
                    if now == seen {
                        continue;
                    }
                    seen = now;
                    match list.read() {
                        Ok(nodes) => {
                            log::info!("{}: {} nodes listed", path.display(), nodes.len());
                            reporter.report(Event::Listed(nodes));
                        }
                        Err(error) => log::error!("{error}; the former list stays in force"),
                    }
                }
            })
            .map(drop)
    }
}

/// What changes when the file does.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read_file(path: &Path) -> Result<Vec<Address>, String> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        format!("cannot read the list of nodes {name}: {error}; name another with --nodes FILE, or let nodes join by themselves with --nodes none")
    })?;
    parse_nodes(&name, &text).map_err(|error| error.to_string())
}
