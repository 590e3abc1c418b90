//! The updates of a round side by side, for rules that look at all values of a parameter at once.

/// An update of 32-bit values, in whatever form it is held.
pub trait Update: Sync {
    /// How many values it has.
    fn count(&self) -> usize;

    /// Copies the values from `start` on.
    ///
    /// # Panics
    /// If `out` goes beyond the last value.
    fn copy(&self, start: usize, out: &mut [f32]);
}

impl Update for &[f32] {
    fn count(&self) -> usize {
        self.len()
    }

    fn copy(&self, start: usize, out: &mut [f32]) {
        out.copy_from_slice(&self[start..start + out.len()]);
    }
}

/// Values as little-endian bytes.
impl Update for &[u8] {
    fn count(&self) -> usize {
        self.len() / 4
    }

    fn copy(&self, start: usize, out: &mut [f32]) {
        let bytes = &self[start * 4..(start + out.len()) * 4];
        let pairs = out.iter_mut().zip(bytes.as_chunks::<4>().0);
        pairs.for_each(|(value, &bytes)| *value = f32::from_le_bytes(bytes));
    }
}

/// Coordinates that are worked on at once.
pub(super) const LANES: usize = 64;

/// Values of some coordinates, one a lane.
pub(super) type Row = [i32; LANES];

/// Takes the values of the coordinates from `start` on out of every update, as integers in the same
/// order; lanes behind the last coordinate are 0.
#[inline(always)]
pub(super) fn gather<U: Update>(updates: &[U], start: usize, count: usize, rows: &mut Vec<Row>) {
    rows.clear();
    let mut values = [0.0; LANES];
    for update in updates {
        update.copy(start, &mut values[..count]);
        let mut row = [0; LANES];
        for (key, &value) in row.iter_mut().zip(&values) {
            *key = to_key(value);
        }
        rows.push(row);
    }
}

/// An integer that is ordered as the number is; -0 comes before 0.
#[inline(always)]
pub(super) fn to_key(value: f32) -> i32 {
    let bits = value.to_bits() as i32;
    bits ^ ((bits >> 31) & i32::MAX)
}

/// The number of an integer of [`to_key`].
#[inline(always)]
pub(super) fn from_key(key: i32) -> f32 {
    f32::from_bits((key ^ ((key >> 31) & i32::MAX)) as u32)
}

/// Whether all updates have as many values as the result.
pub(super) fn check_lengths<U: Update>(updates: &[U], out: &[f32]) {
    assert!(!updates.is_empty(), "no updates to aggregate");
    let lengths = updates.iter().map(Update::count);
    lengths.for_each(|length| assert_eq!(length, out.len(), "length of an update"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_numbers_and_go_back() {
        let numbers = [
            f32::MIN,
            -1.0,
            -f32::from_bits(1),
            -0.0,
            0.0,
            f32::from_bits(1),
            2.0,
            f32::MAX,
        ];
        let keys = numbers.map(to_key);
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert_eq!(
            keys.map(from_key).map(f32::to_bits),
            numbers.map(f32::to_bits)
        );
    }
}
