//! Fingerprints of what attempts bring, by which the answers of two nodes are compared.

use sha2::{Digest, Sha256};

use crate::app::coordinator::reporter::Parcel;
use crate::fed::{Fingerprint, Trained};
use crate::wire::convert::Invalid;

/// SHA-256 of how the shards were trained and of the bytes that came with that. Updates were decoded and sums are
/// exact by now, so it does not matter how they travelled, or who added them up.
pub fn of(trained: &[Trained], parcel: &Parcel) -> Result<Fingerprint, Invalid> {
    let mut hash = Sha256::new();
    hash.update(b"roundtable fingerprint 1\0");
    for Trained { rows, loss } in trained {
        hash.update(rows.to_le_bytes());
        hash.update(loss.to_bits().to_le_bytes());
    }
    let held = match parcel {
        Parcel::Update(held) | Parcel::Sum(held) => held,
        Parcel::Initial(_) => return Err(Invalid("it is no update".to_owned())),
    };
    for number in 0..held.pieces() {
        let piece = held.piece(number);
        hash.update(piece.map_err(|error| Invalid(error.to_string()))?);
    }
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn print(rows: u64, loss: f64, bytes: &'static [u8]) -> Fingerprint {
        let parcel = Parcel::Update(Bytes::from_static(bytes).into());
        of(&[Trained { rows, loss }], &parcel).unwrap()
    }

    #[test]
    fn every_part_counts() {
        let first = print(5, 0.5, &[1, 2, 3, 4]);
        assert_eq!(first, print(5, 0.5, &[1, 2, 3, 4]));
        assert_ne!(first, print(6, 0.5, &[1, 2, 3, 4]));
        assert_ne!(first, print(5, 0.6, &[1, 2, 3, 4]));
        assert_ne!(first, print(5, 0.5, &[1, 2, 3, 5]));
    }
}
