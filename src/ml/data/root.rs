//! The one directory below which data may be read.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::DataError;

/// A directory below which data may be read. Every path goes through it before anything is opened,
/// so a request from the network reaches no other file.
///
/// Whoever can write below the directory while a path is checked can make the check miss; the data
/// root belongs to the node's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Absolute, without symbolic links.
    directory: PathBuf,
}

impl Root {
    /// The root at this directory.
    ///
    /// # Errors
    /// When there is no such directory.
    pub fn new(directory: impl AsRef<Path>) -> Result<Self, DataError> {
        let shown = directory.as_ref().display().to_string();
        let directory = fs::canonicalize(&directory)
            .map_err(|error| DataError::file(&shown, format!("as data root: {error}")))?;
        if !directory.is_dir() {
            return Err(DataError::file(&shown, "as data root: not a directory"));
        }
        Ok(Root { directory })
    }

    /// Where `path` really is: relative to the root, or absolute below it.
    ///
    /// # Errors
    /// When it is empty, holds NUL or `..`, leads out of the root (by symbolic links, too), or does
    /// not exist.
    pub fn resolve(&self, path: &str) -> Result<PathBuf, DataError> {
        let found = self.place(path)?;
        found.map_err(|error| self.unreachable(path, &error))
    }

    /// Whether there is anything at `path`, which then has to be what [`Root::resolve`] takes.
    ///
    /// # Errors
    /// As [`Root::resolve`], and when it cannot be told; but not where there is nothing.
    pub fn holds(&self, path: &str) -> Result<bool, DataError> {
        match self.place(path)? {
            Ok(_) => Ok(true),
            // A link that leads nowhere is there all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let link = fs::symlink_metadata(self.directory.join(path));
                match link {
                    Ok(_) => Err(self.unreachable(path, &error)),
                    Err(_) => Ok(false),
                }
            }
            Err(error) => Err(self.unreachable(path, &error)),
        }
    }

    /// The same as [`Root::resolve`], with what the system said where nothing can be found.
    fn place(&self, path: &str) -> Result<io::Result<PathBuf>, DataError> {
        if path.is_empty() {
            return Err(self.refuse(path, "it is empty"));
        }
        if path.contains('\0') {
            return Err(self.refuse(path, "it holds a NUL character"));
        }
        let written = Path::new(path);
        if written
            .components()
            .any(|part| part == Component::ParentDir)
        {
            return Err(self.refuse(path, "it holds `..`"));
        }
        if written.has_root() && !written.starts_with(&self.directory) {
            return Err(self.refuse(path, "it is absolute and not below the data root"));
        }
        // An absolute path replaces the root, below which it lies as has just been checked.
        let found = match fs::canonicalize(self.directory.join(written)) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if !found.starts_with(&self.directory) {
            return Err(self.refuse(path, "a symbolic link leads out of the data root"));
        }
        Ok(Ok(found))
    }

    fn unreachable(&self, path: &str, error: &io::Error) -> DataError {
        let place = self.directory.display();
        DataError::file(path, format!("{error} (data root: {place})"))
    }

    /// Opens a file to be read. Checks that it is one before opening, because opening a named pipe
    /// waits for whoever writes to it.
    ///
    /// # Errors
    /// As [`Root::resolve`]; or when it is no regular file, larger than `limit` bytes, or unreadable.
    pub fn open(&self, path: &str, limit: u64) -> Result<File, DataError> {
        let place = self.resolve(path)?;
        let failed = |error: io::Error| DataError::file(path, error);
        if !fs::metadata(&place).map_err(failed)?.is_file() {
            return Err(self.refuse(path, "it is not a regular file"));
        }
        let file = File::open(&place).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(self.refuse(path, "it is not a regular file"));
        }
        if metadata.len() > limit {
            let length = metadata.len();
            let reason = format!("it has {length} bytes; at most {limit} are read");
            return Err(DataError::file(path, reason));
        }
        Ok(file)
    }

    fn refuse(&self, path: &str, reason: &str) -> DataError {
        DataError::Refused {
            path: path.to_owned(),
            root: self.directory.display().to_string(),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::path::tests::Folder;
    use super::*;

    fn reason(result: Result<PathBuf, DataError>) -> String {
        match result.unwrap_err() {
            DataError::Refused { reason, .. } | DataError::File { reason, .. } => reason,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn paths_below_the_root_resolve() {
        let folder = Folder::new(&[("data/a.csv", "1,2")]);
        let root = Root::new(folder.path()).unwrap();
        let place = root.resolve("data/a.csv").unwrap();
        assert_eq!(root.resolve("./data/./a.csv").unwrap(), place);
        assert_eq!(root.resolve(place.to_str().unwrap()).unwrap(), place);
        assert!(root.open("data/a.csv", 3).is_ok());
        assert!(
            root.open("data/a.csv", 2)
                .unwrap_err()
                .to_string()
                .contains("3 bytes")
        );
        assert!(
            root.open("data", 9)
                .unwrap_err()
                .to_string()
                .contains("not a regular file")
        );
    }

    #[test]
    fn every_way_out_is_refused() {
        let folder = Folder::new(&[("inside/a.csv", "1,2"), ("outside.csv", "1,2")]);
        let root = Root::new(folder.path().join("inside")).unwrap();
        assert!(reason(root.resolve("../outside.csv")).contains(".."));
        assert!(reason(root.resolve("a/../../outside.csv")).contains(".."));
        assert!(reason(root.resolve("/etc/passwd")).contains("absolute"));
        let beside = folder.path().join("outside.csv");
        assert!(reason(root.resolve(beside.to_str().unwrap())).contains("absolute"));
        assert!(reason(root.resolve("a\0.csv")).contains("NUL"));
        assert!(reason(root.resolve("")).contains("empty"));
        assert!(reason(root.resolve("missing.csv")).contains("No such file"));
        assert_eq!(root.holds("missing.csv"), Ok(false));
        assert!(root.holds("../outside.csv").is_err());
        let error = root.resolve("../outside.csv").unwrap_err().to_string();
        assert!(
            error.contains("../outside.csv") && error.contains("inside"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_may_not_lead_out() {
        let folder = Folder::new(&[("inside/a.csv", "1,2"), ("outside.csv", "1,2")]);
        let inside = folder.path().join("inside");
        std::os::unix::fs::symlink("../outside.csv", inside.join("out.csv")).unwrap();
        std::os::unix::fs::symlink("a.csv", inside.join("in.csv")).unwrap();
        let root = Root::new(&inside).unwrap();
        assert!(reason(root.resolve("out.csv")).contains("symbolic link"));
        assert!(root.holds("out.csv").is_err());
        std::os::unix::fs::symlink("gone.csv", inside.join("dangling.csv")).unwrap();
        assert!(root.holds("dangling.csv").is_err());
        assert_eq!(root.holds("in.csv"), Ok(true));
        assert!(root.open("in.csv", 100).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_opened() {
        let root = Root::new("/dev").unwrap();
        assert!(
            root.open("null", 100)
                .unwrap_err()
                .to_string()
                .contains("not a regular file")
        );
    }
}
