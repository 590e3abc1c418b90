//! What survives a crash: a folder a run, with a journal of what was decided and told, and the parameters after its
//! newest rounds. The format is described in `docs/state.md`.
//!
//! Everything is written so that a process may be killed, or the power cut, between any two system calls: a file is
//! written under another name, synced, renamed, and its folder synced; a journal only grows, and what was appended is
//! synced before anybody is told.

mod checkpoint;
mod files;
mod folder;
mod journal;
mod ledger;
mod names;
mod plan;
mod record;
mod recovery;
mod remembered;
pub mod safetensors;
mod space;
mod state;

pub use checkpoint::Checkpoint;
pub use files::{StateError, write_whole};
pub use folder::{Folder, Snapshot};
pub use journal::{Damage, Found, encode, read};
pub use plan::plan_json;
pub use record::{Record, What};
pub use recovery::Recovered;
pub use remembered::{Pieces, Recalled, Recollection, Remembered};
pub use space::free_bytes;
pub use state::{State, Taken};
