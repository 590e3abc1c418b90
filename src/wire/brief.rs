//! Bytes in few characters.

use std::fmt;

use bytes::Bytes;

/// Bytes shown.
const SHOWN: usize = 8;

/// Shows binaries in `Debug` by their length and first bytes, so that a logged message with a model
/// in it stays a line.
pub struct Brief<'a>(pub &'a Bytes);

impl fmt::Debug for Brief<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())?;
        for (index, byte) in self.0.iter().take(SHOWN).enumerate() {
            write!(out, "{}{byte:02x}", if index == 0 { ": " } else { "" })?;
        }
        out.write_str(if self.0.len() > SHOWN { "…" } else { "" })
    }
}
