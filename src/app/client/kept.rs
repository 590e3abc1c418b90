//! What a folder of kept runs remembers for those who take them up: below which directory their files of data lie.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::store::write_whole;

/// In the folder beside its runs: the directory, absolute.
const DATA_ROOT: &str = "data-root";

/// The directory below which files of data lie: the one that is given, or else the one that was when the folder was last
/// used, if it is still there, or else the current one. A run that is taken up from another place finds its rows again.
pub(super) fn data_root(state: Option<&Path>, given: Option<&Path>) -> PathBuf {
    let remembered = || state.and_then(remembered).filter(|root| root.is_dir());
    let given = given.map(Path::to_owned);
    given.or_else(remembered).unwrap_or_else(|| ".".into())
}

/// Remembers the directory for later calls.
pub(super) fn remember(state: &Path, root: &Path) -> Result<(), Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        let (root, state) = (root.display(), state.display());
        Failure::failed(format!(
            "cannot remember the data root {root} in {state}: {error}"
        ))
    };
    let root = fs::canonicalize(root).map_err(|error| cannot(&error))?;
    if remembered(state).is_some_and(|known| known == root) {
        return Ok(());
    }
    let write = |to: &mut dyn io::Write| to.write_all(root.as_os_str().as_bytes());
    write_whole(&state.join(DATA_ROOT), write).map_err(|error| cannot(&error))
}

fn remembered(state: &Path) -> Option<PathBuf> {
    let bytes = fs::read(state.join(DATA_ROOT)).ok()?;
    Some(OsStr::from_bytes(&bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_the_one_given_or_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::canonicalize(path).unwrap()
        };
        let (state, rows, others) = (path("state"), path("rows"), path("others"));
        assert_eq!(data_root(Some(&state), None), Path::new("."));
        remember(&state, &rows).unwrap();
        assert_eq!(data_root(Some(&state), None), rows);
        assert_eq!(data_root(Some(&state), Some(&others)), others);
        assert_eq!(data_root(None, None), Path::new("."));
        remember(&state, &rows.join("../others")).unwrap();
        assert_eq!(data_root(Some(&state), None), others);
        fs::remove_dir(&others).unwrap();
        assert_eq!(data_root(Some(&state), None), Path::new("."));
        let error = remember(&state, &others).unwrap_err().reason();
        assert!(error.contains("cannot remember the data root"), "{error}");
    }
}
