//! SIGINT and SIGTERM: the first asks for a clean end, the second ends at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Catches signals from now on.
pub struct Ending {
    signals: Signals,
}

impl Ending {
    /// Catches the signals.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn catch() -> std::io::Result<Ending> {
        let signals = Signals::new([SIGINT, SIGTERM])?;
        Ok(Ending { signals })
    }

    /// Waits for the first signal; from then on another one ends the process with exit code 130.
    pub fn wait(mut self) {
        if self.signals.forever().next().is_none() {
            return;
        }
        let _ = std::thread::Builder::new()
            .name("second signal".to_owned())
            .spawn(move || {
                if self.signals.forever().next().is_some() {
                    std::process::exit(130);
                }
            });
    }
}
