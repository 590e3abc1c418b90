//! Simulated nodes: alive or not, frozen, cut off, slow.

use roundtable::cluster::Greeting;

/// One node of the simulated world.
#[derive(Clone, Debug)]
pub struct SimNode {
    pub address: String,
    pub slots: u32,
    pub alive: bool,
    pub frozen: bool,
    /// Messages to it are lost.
    pub deaf: bool,
    /// Messages from it are lost.
    pub mute: bool,
    pub leaving: bool,
    pub listed: bool,
    pub incarnation: i64,
    /// Microseconds a task takes.
    pub pace: u64,
    pub hosted: Vec<String>,
}

impl SimNode {
    pub fn greeting(&self) -> Greeting {
        Greeting {
            incarnation: self.incarnation,
            slots: self.slots,
            hosted: self.hosted.clone(),
            speed: Some(1e6 / self.pace as f64),
        }
    }

    pub fn hears(&self) -> bool {
        self.alive && !self.frozen && !self.deaf
    }

    pub fn restart(&mut self) {
        self.alive = true;
        self.frozen = false;
        self.leaving = false;
        self.incarnation += 1;
    }

    /// All is well with it, from now on.
    pub fn heal(&mut self) {
        // A node that took its leave has ended; it comes back as a new one.
        if !self.alive || self.leaving {
            self.restart();
        }
        self.frozen = false;
        self.deaf = false;
        self.mute = false;
        self.listed = true;
        self.pace = self.pace.min(100_000);
    }
}
