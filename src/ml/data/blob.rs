//! One data set as bytes, for shards that are sent to nodes.
//!
//! Little-endian: the magic `RTSHARD`, the version 1 as one byte, features, classes (`u32` each),
//! rows (`u64`); then the features row by row (`f32`), then the labels (`u32`).

use bytes::Bytes;
use ndarray::Array2;

use super::dataset::{MAX_FEATURES, MAX_ROWS};
use super::{DataError, Dataset};

const MAGIC: [u8; 8] = *b"RTSHARD\x01";
const HEADER: usize = 24;

/// The data set as bytes. Equal data sets give equal bytes.
pub fn encode(data: &Dataset) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER + 4 * data.rows() * (data.width() + 1));
    bytes.extend(MAGIC);
    bytes.extend((data.width() as u32).to_le_bytes());
    bytes.extend((data.classes() as u32).to_le_bytes());
    bytes.extend((data.rows() as u64).to_le_bytes());
    for row in 0..data.rows() {
        bytes.extend(data.row(row).iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes.extend(data.labels().iter().flat_map(|label| label.to_le_bytes()));
    bytes.into()
}

/// The data set that bytes hold.
///
/// # Errors
/// When they are not those of a data set. Lengths are checked before anything is allocated.
pub fn decode(bytes: &[u8]) -> Result<Dataset, DataError> {
    let damaged = |reason: &str| DataError::Blob(reason.to_owned());
    let (header, body) = bytes
        .split_first_chunk::<HEADER>()
        .ok_or_else(|| damaged("it is shorter than its header"))?;
    if header[..7] != MAGIC[..7] {
        return Err(damaged("it does not start as a shard does"));
    }
    if header[7] != MAGIC[7] {
        return Err(damaged(&format!(
            "its version is {}, not {}",
            header[7], MAGIC[7]
        )));
    }
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let width = word(8) as usize;
    let classes = word(12) as usize;
    let rows = u64::from(word(16)) | u64::from(word(20)) << 32;
    if width == 0 || width > MAX_FEATURES || rows == 0 || rows > MAX_ROWS as u64 {
        return Err(damaged(&format!("{rows} rows of {width} features")));
    }
    // At most 2^31 * 2^21 * 4 bytes: no overflow in 64 bits.
    let expected = rows * (width as u64 + 1) * 4;
    if body.len() as u64 != expected {
        let length = body.len();
        let reason = format!("{length} bytes follow the header, not {expected}");
        return Err(damaged(&reason));
    }
    let rows = rows as usize;
    let (values, labels) = body.split_at(rows * width * 4);
    let values = values
        .as_chunks::<4>()
        .0
        .iter()
        .map(|value| f32::from_le_bytes(*value));
    let labels = labels
        .as_chunks::<4>()
        .0
        .iter()
        .map(|label| u32::from_le_bytes(*label));
    let features = Array2::from_shape_vec((rows, width), values.collect())
        .map_err(|error| damaged(&error.to_string()))?;
    Dataset::new(features, labels.collect(), classes).map_err(|error| damaged(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn data() -> Dataset {
        Dataset::new(
            array![[1.5, -2.0], [0.0, 1e-3], [7.0, 8.0]],
            vec![2, 0, 1],
            4,
        )
        .unwrap()
    }

    #[test]
    fn a_data_set_goes_round() {
        let bytes = encode(&data());
        assert_eq!(bytes.len(), 24 + 3 * 3 * 4);
        assert_eq!(&bytes[..16], b"RTSHARD\x01\x02\0\0\0\x04\0\0\0");
        assert_eq!(decode(&bytes), Ok(data()));
    }

    #[test]
    fn no_part_of_it_is_enough_and_nothing_may_follow() {
        let bytes = encode(&data());
        for end in 0..bytes.len() {
            assert!(
                matches!(decode(&bytes[..end]), Err(DataError::Blob(_))),
                "{end}"
            );
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn damage_is_found_or_harmless_and_never_a_panic() {
        let bytes = encode(&data());
        for place in 0..bytes.len() {
            for damage in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.to_vec();
                bytes[place] ^= damage;
                if let Ok(found) = decode(&bytes) {
                    assert_eq!(encode(&found), bytes);
                }
            }
        }
        let mut huge = bytes.to_vec();
        huge[8..24].fill(0xff);
        assert!(decode(&huge).is_err());
    }
}
