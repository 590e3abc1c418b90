//! Files that are there whole or not at all, whenever the process or the power ends.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What could not be done with the state of a coordinator.
#[derive(Debug)]
pub struct StateError {
    action: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl StateError {
    pub(super) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
        let path = path.to_owned();
        move |error| StateError {
            action,
            path,
            error,
        }
    }

    /// Whether something of this name is there already.
    pub fn exists(&self) -> bool {
        matches!(
            self.error.kind(),
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
        )
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StateError {
            action,
            path,
            error,
        } = self;
        write!(f, "cannot {action} `{}`: {error}", path.display())?;
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                f.write_str("; free some space there")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                f.write_str("; make it writable, or choose another folder with --state")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for StateError {}

/// Writes a file under another name, syncs it, gives it its name and syncs the folder: after a crash at any instant
/// the file is the old one or the new one.
///
/// # Errors
/// When any of it fails; then the file is as it was.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StateError> {
    let temporary = temporary(path);
    let written = File::create(&temporary).and_then(|mut file| {
        write(&mut file)?;
        file.sync_data()
    });
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(StateError::new("write", path)(error));
    }
    fs::rename(&temporary, path).map_err(StateError::new("name", path))?;
    sync_folder_of(path)
}

/// The name under which a file or folder is made.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(TEMPORARY);
    path.with_file_name(name)
}

/// Ending of names of what is not whole yet.
pub(super) const TEMPORARY: &str = ".tmp";

/// Makes names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), StateError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(StateError::new("sync", path))
}

/// Makes the name of a file or folder durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), StateError> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}
