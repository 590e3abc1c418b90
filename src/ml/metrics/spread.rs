//! How far participants differ in how well the model does on their rows.

/// Accuracies over participants; each counts the same, however many rows it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Participants with rows.
    pub participants: u32,
    /// Mean accuracy.
    pub mean: f64,
    /// Standard deviation: the root of the mean square of the differences from the mean.
    pub deviation: f64,
    /// Mean accuracy of the worst tenth of the participants, rounded up: one at least.
    pub worst_tenth: f64,
}

impl Spread {
    /// Over these accuracies; None without any. The order of participants makes no difference.
    pub fn over(mut accuracies: Vec<f64>) -> Option<Spread> {
        if accuracies.is_empty() {
            return None;
        }
        accuracies.sort_unstable_by(f64::total_cmp);
        let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let mean = mean_of(&accuracies);
        let worst = &accuracies[..accuracies.len().div_ceil(10)];
        let squares: Vec<f64> = accuracies.iter().map(|a| (a - mean) * (a - mean)).collect();
        Some(Spread {
            participants: u32::try_from(accuracies.len()).unwrap_or(u32::MAX),
            mean,
            deviation: mean_of(&squares).sqrt(),
            worst_tenth: mean_of(worst),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy: `mean`, `std` of 0.9, 0.5, 1.0, 0.8 are 0.8 and 0.18708286933869706.
    #[test]
    fn as_numpy_has_it() {
        let spread = Spread::over(vec![0.9, 0.5, 1.0, 0.8]).unwrap();
        assert_eq!((spread.participants, spread.worst_tenth), (4, 0.5));
        assert!((spread.mean - 0.8).abs() < 1e-15);
        assert!((spread.deviation - 0.187_082_869_338_697_06).abs() < 1e-15);
    }

    #[test]
    fn the_worst_tenth_is_rounded_up() {
        let eleven = (0..11).map(f64::from).collect();
        assert_eq!(Spread::over(eleven).unwrap().worst_tenth, 0.5);
        let twenty = (0..20).rev().map(f64::from).collect();
        assert_eq!(Spread::over(twenty).unwrap().worst_tenth, 0.5);
        assert_eq!(Spread::over(Vec::new()), None);
    }
}
