//! Sums of columns and of their squares, exactly: whoever adds up which rows, in whatever order, comes to the same bits.
//!
//! A finite `f32` is a whole multiple of 2^-149, and its square one of 2^-298. Sums are kept as integers in these units, so
//! mean and variance are rounded once, at the end: mean = S / n, variance = (n Q - S^2) / n^2.

use num_bigint::{BigInt, Sign};

use super::{Dataset, Source};

/// Most features that are described: sums of more would not fit into a message.
pub const MOST_DESCRIBED: usize = 1 << 15;
/// Bits of an accumulator's bin.
const BIN: u32 = 32;
/// Bins of a sum: shifts of 0 to 253.
const SUM_BINS: usize = 8;
/// Bins of a sum of squares: shifts of 0 to 506.
const SQUARE_BINS: usize = 16;
/// Bytes that a sum of 2^64 values takes at most.
const LONGEST: usize = 88;

/// Exact sums over rows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Moments {
    /// Rows.
    pub rows: u64,
    /// Of each feature.
    pub columns: Vec<Column>,
}

/// Exact sums over a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Sum, in units of 2^-149.
    sum: BigInt,
    /// Sum of squares, in units of 2^-298.
    squares: BigInt,
    /// Least and largest value, as bits, so that equal columns are equal.
    range: (u32, u32),
}

/// What is said of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation: root of the mean squared distance from the mean.
    pub deviation: f64,
    /// Least value.
    pub least: f32,
    /// Largest value.
    pub largest: f32,
}

/// Sums under way: bins that overlap, with so much room that rows are added without carrying.
#[derive(Clone)]
struct Bins {
    sum: [i128; SUM_BINS],
    squares: [i128; SQUARE_BINS],
    least: f32,
    largest: f32,
}

impl Bins {
    const EMPTY: Bins = Bins {
        sum: [0; SUM_BINS],
        squares: [0; SQUARE_BINS],
        least: f32::INFINITY,
        largest: f32::NEG_INFINITY,
    };

    fn add(&mut self, value: f32) {
        let bits = value.to_bits();
        let exponent = (bits >> 23) & 0xff;
        let fraction = i128::from(bits & 0x7f_ffff);
        // Subnormal numbers have the exponent of the smallest normal ones, and no leading 1.
        let (shift, mantissa) = match exponent {
            0 => (0, fraction),
            _ => (exponent - 1, fraction | 0x80_0000),
        };
        let signed = if value < 0.0 { -mantissa } else { mantissa };
        self.sum[(shift / BIN) as usize] += signed << (shift % BIN);
        let twice = 2 * shift;
        self.squares[(twice / BIN) as usize] += (mantissa * mantissa) << (twice % BIN);
        self.least = self.least.min(value);
        self.largest = self.largest.max(value);
    }

    fn finish(&self) -> Column {
        let total = |bins: &[i128]| {
            let shifted = bins.iter().zip((0_u32..).step_by(BIN as usize));
            shifted
                .map(|(bin, shift)| BigInt::from(*bin) << shift)
                .sum()
        };
        Column {
            sum: total(&self.sum),
            squares: total(&self.squares),
            range: (self.least.to_bits(), self.largest.to_bits()),
        }
    }
}

impl Moments {
    /// Of these rows.
    pub fn of(data: &Dataset) -> Moments {
        let mut columns = vec![Bins::EMPTY; data.width()];
        for row in 0..data.rows() {
            for (bins, value) in columns.iter_mut().zip(data.row(row)) {
                bins.add(*value);
            }
        }
        Moments {
            rows: data.rows() as u64,
            columns: columns.iter().map(Bins::finish).collect(),
        }
    }

    /// Of all shards of a source together.
    ///
    /// # Errors
    /// When a shard cannot be made, or shards have different numbers of features.
    pub fn of_source(source: &Source) -> Result<Moments, String> {
        let mut moments = Moments::default();
        for shard in 0..source.shards() {
            let rows = source.shard(shard).map_err(|error| error.to_string())?;
            moments.merge(Moments::of(&rows))?;
        }
        Ok(moments)
    }

    /// Adds the sums of other rows. None yet takes them as they are.
    ///
    /// # Errors
    /// When they have another number of features.
    pub fn merge(&mut self, other: Moments) -> Result<(), String> {
        if self.rows == 0 {
            *self = other;
            return Ok(());
        }
        let (own, others) = (self.columns.len(), other.columns.len());
        if own != others {
            return Err(format!("some rows have {own} features, others {others}"));
        }
        self.rows += other.rows;
        for (own, other) in self.columns.iter_mut().zip(other.columns) {
            let least = own.least().min(other.least());
            let largest = own.largest().max(other.largest());
            own.range = (least.to_bits(), largest.to_bits());
            own.sum += other.sum;
            own.squares += other.squares;
        }
        Ok(())
    }

    /// What is said of each column.
    pub fn summaries(&self) -> Vec<Summary> {
        let rows = BigInt::from(self.rows);
        let count = self.rows as f64;
        let summary = |column: &Column| {
            let spread = &rows * &column.squares - &column.sum * &column.sum;
            // Twice, because 2^-298 alone would leave little room for what is small.
            let unit = 2_f64.powi(-149);
            let variance = float(&spread) / count / count * unit * unit;
            Summary {
                mean: float(&column.sum) / count * unit,
                deviation: variance.sqrt(),
                least: column.least(),
                largest: column.largest(),
            }
        };
        self.columns.iter().map(summary).collect()
    }
}

impl Column {
    /// A column of so many rows from what another program told.
    ///
    /// # Errors
    /// When it cannot be that of any such rows.
    pub fn from_bytes(
        rows: u64,
        sum: &[u8],
        squares: &[u8],
        least: f32,
        largest: f32,
    ) -> Result<Column, String> {
        if sum.len() > LONGEST || squares.len() > LONGEST {
            return Err(format!("a sum of more than {LONGEST} bytes"));
        }
        let sum = BigInt::from_signed_bytes_le(sum);
        let squares = BigInt::from_signed_bytes_le(squares);
        // Otherwise the variance would be below 0.
        if BigInt::from(rows) * &squares < &sum * &sum {
            return Err(format!(
                "a sum of squares that {rows} rows of that sum cannot have"
            ));
        }
        if !(least.is_finite() && largest.is_finite() && least <= largest) {
            return Err(format!("values from {least} to {largest}"));
        }
        Ok(Column {
            sum,
            squares,
            range: (least.to_bits(), largest.to_bits()),
        })
    }

    /// Sum and sum of squares, as two's complement, little-endian.
    pub fn to_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (
            self.sum.to_signed_bytes_le(),
            self.squares.to_signed_bytes_le(),
        )
    }

    /// The least value.
    pub fn least(&self) -> f32 {
        f32::from_bits(self.range.0)
    }

    /// The largest value.
    pub fn largest(&self) -> f32 {
        f32::from_bits(self.range.1)
    }
}

/// The integer as a floating-point number, from its highest 64 bits; what is lower cannot move it by more than a rounding.
fn float(number: &BigInt) -> f64 {
    let excess = number.bits().saturating_sub(64);
    // The magnitude, because a negative number shifted is rounded downwards and may take a bit more.
    let (sign, digits) = (
        number.sign(),
        (number.magnitude() >> excess).to_u64_digits(),
    );
    let high = digits.first().copied().unwrap_or(0) as f64;
    let size = high * 2_f64.powi(i32::try_from(excess).unwrap_or(i32::MAX));
    if sign == Sign::Minus { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn rows(values: &[f32]) -> Dataset {
        let features = Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap();
        Dataset::new(features, vec![0; values.len()], 1).unwrap()
    }

    #[test]
    fn means_and_deviations_worked_out_by_hand() {
        let summary = Moments::of(&rows(&[1.0, 3.0, 5.0, -7.0])).summaries()[0];
        // Mean 0.5; squares of 0.5, 2.5, 4.5, 7.5 add up to 83.
        assert_eq!(summary.mean, 0.5);
        assert_eq!(summary.deviation, (83.0_f64 / 4.0).sqrt());
        assert_eq!((summary.least, summary.largest), (-7.0, 5.0));
    }

    #[test]
    fn a_column_that_never_changes_has_no_deviation_and_extremes_add_up() {
        let constant = Moments::of(&rows(&[0.1; 1_000])).summaries()[0];
        assert_eq!(
            (constant.mean, constant.deviation),
            (f64::from(0.1_f32), 0.0)
        );
        let tiny = f32::from_bits(1);
        let extreme = Moments::of(&rows(&[f32::MAX, tiny, -f32::MAX, tiny])).summaries()[0];
        assert_eq!(extreme.mean, f64::from(tiny) / 2.0);
        let most = f64::from(f32::MAX);
        assert!((extreme.deviation / (most / 2_f64.sqrt()) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn however_rows_are_parted_the_sums_are_the_same() {
        let values: Vec<f32> = (0..1_000_i32)
            .map(|n| ((n * 7_919 % 1_009) as f32 - 500.0) * 10_f32.powi(n % 30 - 15))
            .collect();
        let whole = Moments::of(&rows(&values));
        let mut parts: Vec<Moments> = values
            .chunks(37)
            .map(|part| Moments::of(&rows(part)))
            .collect();
        parts.reverse();
        let mut merged = Moments::default();
        for part in parts {
            merged.merge(part).unwrap();
        }
        assert_eq!(merged, whole);
        let column = &whole.columns[0];
        let (sum, squares) = column.to_bytes();
        let again =
            Column::from_bytes(whole.rows, &sum, &squares, column.least(), column.largest());
        assert_eq!(again.as_ref(), Ok(column));
    }

    #[test]
    fn what_cannot_be_a_column_is_refused() {
        let read = |rows, sum: &[u8], squares: &[u8], least, largest| {
            Column::from_bytes(rows, sum, squares, least, largest)
        };
        assert!(read(1, &[0; 89], &[], 0.0, 0.0).is_err());
        assert!(read(1, &[], &[0xff], 0.0, 0.0).is_err());
        assert!(read(1, &[], &[], 1.0, 0.0).is_err());
        assert!(read(1, &[], &[], f32::NAN, 0.0).is_err());
        // One row of 2 has the square 4, two rows may be 1 and 1.
        assert!(read(1, &[2], &[0], 2.0, 2.0).is_err());
        assert!(read(1, &[2], &[3], 2.0, 2.0).is_err());
        assert!(read(1, &[2], &[4], 2.0, 2.0).is_ok());
        assert!(read(2, &[2], &[2], 1.0, 1.0).is_ok());
    }

    #[test]
    fn negative_sums_keep_their_size() {
        let two = |power: u32| BigInt::from(1) << power;
        for number in [two(64) - 1, two(65) - 1, two(100) - 1, two(100), two(3)] {
            let negative = -number.clone();
            assert_eq!(float(&negative), -float(&number), "{number}");
            assert!(float(&number) > 0.0);
        }
    }
}
