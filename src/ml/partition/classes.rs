//! The rows of each class, in random order.

use super::shards::group;
use crate::seed::Stream;

/// Rows by class; only classes that have rows, in the order of their labels.
pub(super) struct Classes {
    rows: Vec<u32>,
    /// Where each class starts, and the end behind the last.
    starts: Vec<usize>,
    /// The label of each class.
    labels: Vec<u32>,
}

impl Classes {
    /// The classes of `rows`; the rows of each are in random order.
    pub fn of(mut rows: Vec<u32>, label: &dyn Fn(u32) -> u32, stream: &mut Stream) -> Classes {
        stream.shuffle(&mut rows);
        let keys: Vec<u32> = rows.iter().map(|row| label(*row)).collect();
        let count = keys.iter().max().map_or(0, |most| *most as usize + 1);
        let (rows, mut starts) = group(&rows, &keys, count);
        let has_rows = |label: &u32| starts[*label as usize] < starts[*label as usize + 1];
        let labels: Vec<u32> = (0..count as u32).filter(has_rows).collect();
        // What starts where the next one does, too, is empty.
        starts.dedup();
        Classes {
            rows,
            starts,
            labels,
        }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Label of a class.
    pub fn label(&self, class: usize) -> u32 {
        self.labels[class]
    }

    /// Number of rows of a class.
    pub fn count(&self, class: usize) -> usize {
        self.starts[class + 1] - self.starts[class]
    }

    /// Where a class starts among all rows.
    pub fn start(&self, class: usize) -> usize {
        self.starts[class]
    }

    /// All rows, class by class.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// All rows, class by class.
    pub fn into_rows(self) -> Vec<u32> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn rows_lie_by_class() {
        let mut stream = Seed(1).stream(Purpose::Partition, 0, 0);
        let label = |row: u32| [4, 1, 4, 7][row as usize % 4];
        let classes = Classes::of((0..40).collect(), &label, &mut stream);
        assert_eq!(classes.len(), 3);
        let all: Vec<(u32, usize)> = (0..3)
            .map(|class| (classes.label(class), classes.count(class)))
            .collect();
        assert_eq!(all, [(1, 10), (4, 20), (7, 10)]);
        let fours = &classes.rows()[classes.start(1)..classes.start(2)];
        assert!(fours.iter().all(|row| label(*row) == 4));
        assert!(!fours.is_sorted(), "in random order");
    }
}
