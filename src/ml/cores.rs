//! How many cores there are to work on.

use std::sync::LazyLock;
use std::thread;

/// Cores that this program may use. The system is asked once, because that takes as long as a small round. Their number
/// changes no bit of a result.
pub fn cores() -> usize {
    static CORES: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *CORES
}
