//! Clipping to the median of the norms, before another rule: nobody is louder than the middle one.
//!
//! An update whose norm is above the median of all norms is scaled down to it. With less than half of
//! attackers that median lies between two honest norms. Clipping to a threshold known beforehand is the
//! first step of many rules (for example Sun, Kairouz, Suresh, McMahan, "Can you really backdoor federated
//! learning?", 2019, section 4, "norm thresholding"); taking it from the updates follows Allouah et al.,
//! "Adaptive gradient clipping for robust federated learning", 2025, who clip to a lower quantile.

use super::distances::squares_to;
use super::rows::Update;

/// An update times a factor, of which no copy is kept.
#[derive(Debug)]
pub struct Scaled<'a, U> {
    update: &'a U,
    factor: f64,
}

impl<'a, U: Update> Scaled<'a, U> {
    /// The update as it is.
    pub fn whole(update: &'a U) -> Self {
        Scaled {
            update,
            factor: 1.0,
        }
    }
}

impl<U: Update> Update for Scaled<'_, U> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.update.count()
    }

    #[inline(always)]
    fn copy(&self, start: usize, out: &mut [f32]) {
        self.update.copy(start, out);
        if self.factor != 1.0 {
            let scale = |value: &mut f32| *value = (self.factor * f64::from(*value)) as f32;
            out.iter_mut().for_each(scale);
        }
    }
}

/// The updates, none longer than the median of their norms. All values are finite.
pub fn clip_to_median<U: Update>(updates: &[U], threads: usize) -> Vec<Scaled<'_, U>> {
    let squares = squares_to(updates, None, threads);
    let norms: Vec<f64> = squares.iter().map(|square| square.sqrt()).collect();
    let most = middle(&norms);
    let pairs = updates.iter().zip(norms);
    pairs
        .map(|(update, norm)| Scaled {
            update,
            factor: if norm > most { most / norm } else { 1.0 },
        })
        .collect()
}

/// The median: of an even count the mean of the two in the middle.
pub(super) fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count.is_multiple_of(2) => sorted[count / 2 - 1] / 2.0 + sorted[count / 2] / 2.0,
        count => sorted[count / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clipped(updates: &[&[f32]]) -> Vec<Vec<f32>> {
        let scaled = clip_to_median(updates, 1);
        let values = |update: &Scaled<&[f32]>| {
            let mut values = vec![0.0; update.count()];
            update.copy(0, &mut values);
            values
        };
        scaled.iter().map(values).collect()
    }

    #[test]
    fn long_updates_become_as_long_as_the_middle_one() {
        // Norms 5, 10 and 2: the one of 10 is halved.
        let found = clipped(&[&[3.0, 4.0], &[-6.0, 8.0], &[2.0, 0.0]]);
        assert_eq!(found, [[3.0, 4.0], [-3.0, 4.0], [2.0, 0.0]]);
        // Norms 1, 2, 4 and 8: the median is 3.
        let found = clipped(&[&[1.0], &[-2.0], &[4.0], &[-8.0]]);
        assert_eq!(found, [[1.0], [-2.0], [3.0], [-3.0]]);
    }

    #[test]
    fn where_most_say_nothing_nobody_does() {
        assert_eq!(clipped(&[&[0.0], &[0.0], &[5.0]]), [[0.0], [0.0], [0.0]]);
    }
}
