//! One data set as bytes, for shards that are sent to nodes.
//!
//! Little-endian: the magic `RTSHARD`, the version as one byte, features, classes (`u32` each),
//! rows (`u64`); then the features row by row (`f32`), then the targets. Version 1 has classes, whose targets are labels
//! (`u32`); version 2 has 0 for their number, and its targets are real values (`f32`).

use bytes::Bytes;
use ndarray::Array2;

use super::dataset::{MAX_FEATURES, MAX_ROWS};
use super::targets::{TargetKind, Targets, TargetsView};
use super::{DataError, Dataset};

const MAGIC: [u8; 7] = *b"RTSHARD";
const HEADER: usize = 24;

/// The data set as bytes, without the names of its columns. Equal rows give equal bytes.
pub fn encode(data: &Dataset) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER + 4 * data.rows() * (data.width() + 1));
    bytes.extend(MAGIC);
    bytes.push(version(data.kind()));
    bytes.extend((data.width() as u32).to_le_bytes());
    bytes.extend((data.classes() as u32).to_le_bytes());
    bytes.extend((data.rows() as u64).to_le_bytes());
    for row in 0..data.rows() {
        bytes.extend(data.row(row).iter().flat_map(|value| value.to_le_bytes()));
    }
    match data.targets().view() {
        TargetsView::Classes(labels) => bytes.extend(labels.iter().flat_map(|l| l.to_le_bytes())),
        TargetsView::Values(values) => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
    }
    bytes.into()
}

/// Rows with classes are written as they were before there were others.
fn version(kind: TargetKind) -> u8 {
    match kind {
        TargetKind::Class => 1,
        TargetKind::Value => 2,
    }
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
    if header[..7] != MAGIC {
        return Err(damaged("it does not start as a shard does"));
    }
    let kind = match header[7] {
        1 => TargetKind::Class,
        2 => TargetKind::Value,
        other => return Err(damaged(&format!("its version is {other}, not 1 or 2"))),
    };
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
    let (features, targets) = body.split_at(rows * width * 4);
    let targets = match kind {
        TargetKind::Class => Targets::Classes {
            labels: words(targets, u32::from_le_bytes),
            classes,
        },
        TargetKind::Value if classes == 0 => Targets::Values(words(targets, f32::from_le_bytes)),
        TargetKind::Value => return Err(damaged(&format!("real values of {classes} classes"))),
    };
    let features = Array2::from_shape_vec((rows, width), words(features, f32::from_le_bytes))
        .map_err(|error| damaged(&error.to_string()))?;
    Dataset::with_targets(features, targets).map_err(|error| damaged(&error.to_string()))
}

fn words<T>(bytes: &[u8], read: impl Fn([u8; 4]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| read(*word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn values() -> Dataset {
        let features = array![[1.5, -2.0], [0.0, 1e-3]];
        Dataset::with_targets(features, Targets::Values(vec![-0.0, 1e9])).unwrap()
    }

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
    fn real_values_go_round_in_a_version_of_their_own() {
        let bytes = encode(&values());
        assert_eq!(&bytes[..16], b"RTSHARD\x02\x02\0\0\0\0\0\0\0");
        assert_eq!(decode(&bytes), Ok(values()));
        let with = |place: usize, byte| {
            let mut bytes = bytes.to_vec();
            bytes[place] = byte;
            decode(&bytes).unwrap_err().to_string()
        };
        assert!(with(7, 3).contains("version is 3, not 1 or 2"));
        assert!(with(12, 4).contains("real values of 4 classes"));
        assert!(with(7, 1).contains("not 0"), "classes, but of none");
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
        for bytes in [encode(&data()), encode(&values())] {
            for place in 0..bytes.len() {
                for damage in [0x01, 0x80, 0xff] {
                    let mut bytes = bytes.to_vec();
                    bytes[place] ^= damage;
                    if let Ok(found) = decode(&bytes) {
                        assert_eq!(encode(&found), bytes);
                    }
                }
            }
        }
        let mut huge = encode(&data()).to_vec();
        huge[8..24].fill(0xff);
        assert!(decode(&huge).is_err());
    }
}
