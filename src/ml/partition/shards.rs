//! Which rows are in which shard.

/// The rows of every shard: one list of row numbers, and where in it each shard ends. That is four
/// bytes a row and four a shard, however many shards there are. No shard is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Shards {
    rows: Vec<u32>,
    ends: Vec<u32>,
}

impl Shards {
    /// Shards of these sizes, from the front of `rows`.
    ///
    /// # Panics
    /// When the sizes do not sum up to the number of rows, or one is 0.
    pub(super) fn of_sizes(rows: Vec<u32>, sizes: impl IntoIterator<Item = usize>) -> Shards {
        let mut end = 0;
        let add = |size: usize| {
            assert!(size > 0, "no shard is empty");
            end += size;
            end as u32
        };
        let ends: Vec<u32> = sizes.into_iter().map(add).collect();
        assert_eq!(end, rows.len(), "every row is in a shard");
        Shards { rows, ends }
    }

    /// The shards when `owners` holds the shard of each of `rows`. Rows keep their order.
    ///
    /// # Panics
    /// When there are not as many owners as rows, one is not below `shards`, or a shard has no row.
    pub(super) fn of_owners(rows: &[u32], owners: &[u32], shards: usize) -> Shards {
        let (rows, starts) = group(rows, owners, shards);
        let sizes = starts.windows(2).map(|pair| pair[1] - pair[0]);
        Shards::of_sizes(rows, sizes)
    }

    /// Number of shards.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no shards.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Rows of all shards.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Rows of a shard; none when there are not so many shards.
    pub fn get(&self, shard: usize) -> Option<&[u32]> {
        let end = *self.ends.get(shard)? as usize;
        let start = shard
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        Some(&self.rows[start..end])
    }

    /// Rows of every shard, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).filter_map(|shard| self.get(shard))
    }

    /// Bytes of memory that this holds.
    pub fn bytes(&self) -> usize {
        size_of::<Shards>() + 4 * (self.rows.capacity() + self.ends.capacity())
    }
}

/// Puts rows of the same key side by side, the keys in order, in time that grows with rows and keys
/// only; and where each key starts, with the end behind the last.
pub(super) fn group(rows: &[u32], keys: &[u32], count: usize) -> (Vec<u32>, Vec<usize>) {
    assert_eq!(rows.len(), keys.len(), "every row has a key");
    let mut starts = vec![0; count + 1];
    for key in keys {
        starts[*key as usize + 1] += 1;
    }
    for key in 0..count {
        starts[key + 1] += starts[key];
    }
    let mut next = starts.clone();
    let mut grouped = vec![0; rows.len()];
    for (row, key) in rows.iter().zip(keys) {
        let place = &mut next[*key as usize];
        grouped[*place] = *row;
        *place += 1;
    }
    (grouped, starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_slices_of_one_list() {
        let shards = Shards::of_sizes(vec![5, 6, 7, 8], [1, 3]);
        assert_eq!((shards.len(), shards.rows()), (2, 4));
        assert_eq!(shards.get(0), Some(&[5][..]));
        assert_eq!(shards.get(1), Some(&[6, 7, 8][..]));
        assert_eq!(shards.get(2), None);
        assert_eq!(Shards::of_owners(&[6, 5, 7, 8], &[1, 0, 1, 1], 2), shards);
    }
}
