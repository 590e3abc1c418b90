//! How the updates of a round become one. One rule a file.
//!
//! The exact sum is what federated averaging takes. The rules of [`RULES`] look at all updates at once and
//! bear with some that are false; to add one, write a file beside these, add it to [`Rule`] and its row here.

mod centred_clipping;
mod clip;
mod distances;
mod exact;
mod faults;
mod geometric_median;
mod krum;
mod mean;
mod median;
mod nnm;
mod ranges;
mod robust;
mod rows;
mod trimmed_mean;
mod verdict;

use crate::spec::Table;

pub use centred_clipping::{Radius, centred_clipping};
pub use clip::{Scaled, clip_to_median};
pub use exact::{AddError, Addend, ExactSum, OutOfRange, Scale};
pub use faults::Faults;
pub use geometric_median::geometric_median;
pub use krum::{Choice, Chosen, Krum};
pub use mean::mean;
pub use median::{check_median, median};
pub use nnm::{check_mixing, mix_nearest};
pub use robust::{Robust, Rule};
pub use rows::Update;
pub use trimmed_mean::{check_trimmed_mean, trimmed, trimmed_mean};
pub use verdict::Verdict;

/// Every rule that looks at all updates of a round.
pub static RULES: Table<Robust> = Table {
    kind: "rule",
    rows: &[
        median::ROW,
        trimmed_mean::ROW,
        geometric_median::ROW,
        centred_clipping::ROW,
        krum::ROW,
        krum::ROW_OF_MANY,
        mean::ROW,
    ],
};
