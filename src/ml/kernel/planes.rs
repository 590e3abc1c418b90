//! Between the two orders of an image: channel after channel, each line by line, as files and other
//! systems have it; and pixel after pixel, column by column, as convolutions work on it.

/// Writes channels x height x width values as pixels x channels: rows of `step` values, column of `height` pixels after column.
pub fn to_pixels<T, U>(
    pixels: &mut [T],
    step: usize,
    planes: &[U],
    [height, width]: [usize; 2],
    value: impl Fn(&U) -> T,
) {
    for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
        for (x, column) in pixels.chunks_exact_mut(height * step).enumerate() {
            let from = plane[x..].iter().step_by(width);
            let to = column[channel..].iter_mut().step_by(step);
            to.zip(from).for_each(|(to, from)| *to = value(from));
        }
    }
}

/// The other way round.
pub fn to_planes<T: Copy>(
    planes: &mut [T],
    pixels: &[T],
    step: usize,
    [height, width]: [usize; 2],
) {
    for (channel, plane) in planes.chunks_exact_mut(height * width).enumerate() {
        for (x, column) in pixels.chunks_exact(height * step).enumerate() {
            let from = column[channel..].iter().step_by(step);
            let to = plane[x..].iter_mut().step_by(width);
            to.zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}
