//! How bad the weather is: drawn from the seed, harsher than reality, and over after a while.

use roundtable::seed::Stream;

/// Faults end after this, and every run has to end soon after.
pub const HEAL_MICROS: u64 = 40_000_000;

/// The rates of one simulated world.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Messages lost, either way.
    pub loss: f64,
    /// Answers that arrive twice.
    pub repeat: f64,
    /// Longest ordinary delay, microseconds.
    pub delay: u64,
    /// Messages delayed a hundred times as long.
    pub stray: f64,
    /// Load probability of the nodes.
    pub refusal: f64,
    /// Attempts a node fails.
    pub failure: f64,
    /// Answers that are not acceptable.
    pub invalid: f64,
    /// Mean time between two faults of nodes, microseconds; none for none.
    pub trouble: Option<u64>,
    /// Mean time between two crashes of the coordinator, and between two stops, microseconds; none for none.
    pub crash: Option<u64>,
    pub halt: Option<u64>,
    /// Writes that fail.
    pub disk_error: f64,
    /// Longest ordinary time of a write, microseconds.
    pub disk_delay: u64,
    /// Nodes that take this many times as long.
    pub slowness: u64,
}

impl Weather {
    /// Each kind of fault is absent in some worlds, so that each is also seen alone.
    pub fn draw(stream: &mut Stream) -> Weather {
        let mut rate = |most: f64| {
            if stream.chance(0.5) {
                0.0
            } else {
                stream.uniform() * most
            }
        };
        let (loss, repeat, stray) = (rate(0.3), rate(0.2), rate(0.1));
        let (refusal, failure, invalid) = (rate(1.0), rate(0.3), rate(0.2));
        let disk_error = rate(0.1);
        let crash = stream
            .chance(0.4)
            .then(|| 200_000 + stream.below(8_000_000));
        let halt = stream
            .chance(0.2)
            .then(|| 500_000 + stream.below(15_000_000));
        let slow_disk = stream.chance(0.2);
        Weather {
            loss,
            repeat,
            stray,
            crash,
            halt,
            disk_error,
            disk_delay: if slow_disk { 2_000_000 } else { 8_000 },
            refusal: if stream.chance(0.1) { 1.0 } else { refusal },
            failure,
            invalid,
            delay: 200 + stream.below(20_000),
            trouble: stream
                .chance(0.7)
                .then(|| 300_000 + stream.below(4_000_000)),
            slowness: if stream.chance(0.4) {
                1 + stream.below(60)
            } else {
                1
            },
        }
    }

    /// No fault of any kind.
    pub fn calm() -> Weather {
        Weather {
            loss: 0.0,
            repeat: 0.0,
            delay: 1_000,
            stray: 0.0,
            refusal: 0.0,
            failure: 0.0,
            invalid: 0.0,
            trouble: None,
            crash: None,
            halt: None,
            disk_error: 0.0,
            disk_delay: 8_000,
            slowness: 1,
        }
    }
}

/// What may happen to a node, to the disk, or to the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Crash,
    Start,
    Freeze,
    Thaw,
    CutIn,
    CutOut,
    CutOff,
    Mend,
    Bounce,
    Drip,
    Fill,
    Stall,
    Leave,
    Join,
    Delist,
    List,
}

impl Trouble {
    pub fn draw(stream: &mut Stream) -> Trouble {
        use Trouble::{
            Bounce, Crash, CutIn, CutOff, CutOut, Delist, Drip, Fill, Freeze, Join, Leave, List,
            Mend, Stall, Start, Thaw,
        };
        // What repairs comes as often as what breaks.
        let all = [
            Crash, Start, Start, Freeze, Thaw, Thaw, CutIn, CutOut, CutOff, Mend, Mend, Mend,
            Bounce, Drip, Mend, Fill, Stall, Leave, Join, Join, Delist, List, List,
        ];
        all[stream.below(all.len() as u64) as usize]
    }
}
