//! Euclidean distances between updates, and of updates to a point; in double precision.
//!
//! The squares of a block of values are added lane by lane, the lanes in order, and then the blocks in
//! order. A thread works on whole distances, so the number of threads changes no bit of them.

use pulp::Arch;

use super::ranges::in_shares;
use super::rows::Update;

/// Values that are worked on at once; those of a hundred updates stay in the second cache.
const BLOCK: usize = 256;

/// Sums that run side by side.
const SUMS: usize = 8;

/// A block of an update's values. Behind the last one are zeros, which add nothing to a distance.
type Block = [f64; BLOCK];

/// The squared distance of every update to `point`, or to zero. It is finite if all values are: even the
/// squares of the largest ones are far below what a double holds.
pub(super) fn squares_to<U: Update>(
    updates: &[U],
    point: Option<&[f32]>,
    threads: usize,
) -> Vec<f64> {
    let mut squares = vec![0.0; updates.len()];
    let cost = updates.first().map_or(0, Update::count);
    let arch = Arch::new();
    in_shares(&mut squares, cost, threads, |first, squares| {
        for (update, square) in updates[first..].iter().zip(squares) {
            let mut values = [0.0; BLOCK];
            let (mut ours, mut theirs) = ([0.0; BLOCK], [0.0; BLOCK]);
            for start in (0..update.count()).step_by(BLOCK) {
                *square += arch.dispatch(|| {
                    fill(update, start, &mut values, &mut ours);
                    if let Some(point) = point {
                        fill(&point, start, &mut values, &mut theirs);
                    }
                    squares_between(&ours, [&theirs])[0]
                });
            }
        }
    });
    squares
}

/// The squared distance of every pair of updates.
#[derive(Debug)]
pub(super) struct Pairs {
    count: usize,
    /// Those of the first update to all behind it, of the second to all behind it, and so on.
    squares: Vec<f64>,
}

impl Pairs {
    /// Those of these updates: as many values are held as there are pairs.
    pub(super) fn of<U: Update>(updates: &[U], threads: usize) -> Pairs {
        let count = updates.len();
        let rows = 0..count as u32;
        let pairs: Vec<(u32, u32)> = rows
            .flat_map(|one| (one + 1..count as u32).map(move |other| (one, other)))
            .collect();
        let mut squares = vec![0.0; pairs.len()];
        let values = updates.first().map_or(0, Update::count);
        let arch = Arch::new();
        in_shares(&mut squares, values, threads, |first, squares| {
            let pairs = &pairs[first..first + squares.len()];
            let mut blocks = vec![[0.0; BLOCK]; count];
            for start in (0..values).step_by(BLOCK) {
                arch.dispatch(|| {
                    gather(updates, start, &mut blocks);
                    add_squares(&blocks, pairs, squares);
                });
            }
        });
        Pairs { count, squares }
    }

    /// The squared distance between two updates.
    pub(super) fn between(&self, one: usize, other: usize) -> f64 {
        let (low, high) = (one.min(other), one.max(other));
        if low == high {
            return 0.0;
        }
        let before = low * (2 * self.count - low - 1) / 2;
        self.squares[before + high - low - 1]
    }

    /// The others in the order of their distance to `one`, the first of equally distant ones first.
    pub(super) fn nearest(&self, one: usize) -> Vec<usize> {
        let mut others: Vec<usize> = (0..self.count).filter(|&other| other != one).collect();
        others.sort_by(|&a, &b| self.between(one, a).total_cmp(&self.between(one, b)));
        others
    }
}

/// The mean of each group of updates, which are added in the order of the group.
pub(super) fn means_of_groups<U: Update>(
    updates: &[U],
    groups: &[Vec<usize>],
    threads: usize,
) -> Vec<Vec<f32>> {
    let values = updates.first().map_or(0, Update::count);
    let mut means = vec![vec![0.0; values]; groups.len()];
    let arch = Arch::new();
    let cost = values.saturating_mul(updates.len());
    in_shares(&mut means, cost, threads, |first, means| {
        let mut blocks = vec![[0.0; BLOCK]; updates.len()];
        for start in (0..values).step_by(BLOCK) {
            let end = values.min(start + BLOCK);
            arch.dispatch(|| {
                gather(updates, start, &mut blocks);
                for (mean, group) in means.iter_mut().zip(&groups[first..]) {
                    write_mean(&blocks, group, &mut mean[start..end]);
                }
            });
        }
    });
    means
}

#[inline(always)]
fn gather<U: Update>(updates: &[U], start: usize, blocks: &mut [Block]) {
    let mut values = [0.0; BLOCK];
    for (update, block) in updates.iter().zip(blocks) {
        fill(update, start, &mut values, block);
    }
}

#[inline(always)]
fn fill<U: Update>(update: &U, start: usize, values: &mut [f32; BLOCK], block: &mut Block) {
    let count = BLOCK.min(update.count() - start);
    update.copy(start, &mut values[..count]);
    values[count..].fill(0.0);
    for (double, &value) in block.iter_mut().zip(values.iter()) {
        *double = f64::from(value);
    }
}

/// Adds what a block has of every pair; up to four of an update at once, which is then read once.
#[inline(always)]
fn add_squares(blocks: &[Block], pairs: &[(u32, u32)], squares: &mut [f64]) {
    let at = |number: u32| &blocks[number as usize];
    let mut done = 0;
    while done < pairs.len() {
        match &pairs[done..] {
            [(one, a), (_, b), (_, c), (last, d), ..] if last == one => {
                let found = squares_between(at(*one), [at(*a), at(*b), at(*c), at(*d)]);
                let sums = squares[done..].iter_mut().zip(found);
                sums.for_each(|(sum, square)| *sum += square);
                done += 4;
            }
            [(one, other), ..] => {
                squares[done] += squares_between(at(*one), [at(*other)])[0];
                done += 1;
            }
            [] => return,
        }
    }
}

#[inline(always)]
fn squares_between<const COUNT: usize>(one: &Block, others: [&Block; COUNT]) -> [f64; COUNT] {
    let mut sums = [[0.0; SUMS]; COUNT];
    let others = others.map(|other| other.as_chunks::<SUMS>().0);
    for (at, ours) in one.as_chunks::<SUMS>().0.iter().enumerate() {
        for (sums, other) in sums.iter_mut().zip(&others) {
            for ((sum, our), their) in sums.iter_mut().zip(ours).zip(&other[at]) {
                let difference = our - their;
                *sum += difference * difference;
            }
        }
    }
    sums.map(|sums| sums.iter().sum())
}

/// A few values of all members at a time, whose sums then stay in registers.
#[inline(always)]
fn write_mean(blocks: &[Block], group: &[usize], out: &mut [f32]) {
    const FEW: usize = 16;
    let count = group.len() as f64;
    for (at, out) in out.chunks_mut(FEW).enumerate() {
        let mut sums = [0.0; FEW];
        for &member in group {
            let values = &blocks[member].as_chunks::<FEW>().0[at];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = (sum / count) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_the_corners_of_a_triangle() {
        let updates: [&[f32]; 3] = [&[0.0, 0.0], &[3.0, 4.0], &[3.0, 0.0]];
        assert_eq!(squares_to(&updates, None, 1), [0.0, 25.0, 9.0]);
        assert_eq!(
            squares_to(&updates, Some(&[3.0, 4.0]), 1),
            [25.0, 0.0, 16.0]
        );
        let pairs = Pairs::of(&updates, 1);
        assert_eq!(pairs.squares, [25.0, 9.0, 16.0]);
        assert_eq!([pairs.between(2, 1), pairs.between(1, 2)], [16.0, 16.0]);
        assert_eq!(pairs.between(2, 2), 0.0);
        assert_eq!(pairs.nearest(0), [2, 1]);
    }

    #[test]
    fn the_largest_values_have_a_distance_and_the_others_show() {
        let updates: [&[f32]; 3] = [&[f32::MAX; 600], &[f32::MIN; 600], &[f32::NAN; 600]];
        let squares = squares_to(&updates, None, 1);
        assert!(squares[0].is_finite() && squares[1].is_finite() && squares[2].is_nan());
        assert!(Pairs::of(&updates, 1).between(0, 1).is_finite());
    }

    #[test]
    fn threads_and_form_change_no_bit() {
        let updates: Vec<Vec<f32>> = (0..13u32)
            .map(|u| {
                let bits = (0..50_001u32).map(|i| (i ^ (u << 9)).wrapping_mul(0x9e37_79b9));
                bits.map(|bits| bits as i32 as f32 * 1e-7).collect()
            })
            .collect();
        let views: Vec<&[f32]> = updates.iter().map(Vec::as_slice).collect();
        let bytes: Vec<Vec<u8>> = updates
            .iter()
            .map(|update| update.iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        let bytes: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let groups = vec![vec![0, 1, 2], vec![5, 12], vec![7]];
        let one = Pairs::of(&views, 1).squares;
        let to = squares_to(&views, Some(views[3]), 1);
        let means = means_of_groups(&views, &groups, 1);
        assert_eq!(means[2], updates[7]);
        for threads in [2, 3, 16] {
            assert_eq!(Pairs::of(&bytes, threads).squares, one);
            assert_eq!(squares_to(&bytes, Some(views[3]), threads), to);
            assert_eq!(means_of_groups(&bytes, &groups, threads), means);
        }
    }
}
