//! The integers that sums are made of, and the loops over blocks of them.
//!
//! Nothing here calls a rounding or converting function: processors lack instructions for 64-bit
//! integers, and the library's functions take one value at a time. Adding a large power of two leaves
//! the nearest integer, ties to even, in the low bits of the sum, so plain additions do both, many
//! values at once (Warren, "Hacker's Delight", 2nd edition, 2012, section 17-1).

mod narrow;
mod wide;

/// An integer that sums values of one element type.
pub(super) trait Cell: Copy + Default + Send + Sync {
    /// Bytes of a value of an update.
    const VALUE: usize;
    /// Bytes of the integer.
    const BYTES: usize;

    /// The first value, with its position, that is not finite or beyond `largest` either way.
    fn first_bad_value(update: &[u8], largest: f64) -> Option<(usize, f64)>;

    /// The first integer, with its position, that is beyond `limit` either way.
    fn first_bad_cell(partial: &[u8], limit: i128) -> Option<(usize, i128)>;

    /// Adds checked values, rounded to `1 / unit`, `weight` times; takes them off if `negate`.
    fn add_values(cells: &mut [Self], update: &[u8], weight: u64, unit: f64, negate: bool);

    /// Adds integers; takes them off if `negate`.
    fn add_cells(cells: &mut [Self], partial: &[u8], negate: bool);

    /// Appends the integers in little-endian order.
    fn write(cells: &[Self], out: &mut Vec<u8>);

    /// Each integer divided by `unit` and then by `weight`.
    fn means(cells: &[Self], unit: f64, weight: f64, out: &mut [f64]);
}
