//! The patches of an image that a convolution sees, as rows of a matrix.
//!
//! An image is a matrix of pixels x channels, column of pixels after column of pixels. Around it lie
//! `padding` pixels of zeros. The patches are kept `side` times over instead of `side` x `side` times: the
//! values of each stripe, `side` pixels wide and as high as the image, are written line by line, and
//! the patches of a stripe are rows of it that overlap.

use pulp::Simd;

use super::isa::{Isa, Work};
use super::rows::Rows;
use crate::ml::real::Real;

/// A square window and the image that it slides over, pixel by pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels of a line of the image.
    pub width: usize,
    /// Lines of the image.
    pub height: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// Pixels of a line of the window, and its lines.
    pub side: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl Window {
    /// Places of the window: in a line, and lines of them. None where the image is smaller.
    pub fn places(&self) -> Option<(usize, usize)> {
        let along = |size: usize| (size + 2 * self.padding + 1).checked_sub(self.side);
        let (width, height) = (along(self.width)?, along(self.height)?);
        (width > 0 && height > 0).then_some((width, height))
    }

    /// Values of a patch: line by line, pixel by pixel, channel by channel.
    pub fn patch(&self) -> usize {
        self.side * self.side * self.channels
    }

    /// The window over the places of this one, `channels` values each, that gives every pixel of the image all the
    /// places that saw it: what a convolution needs for the way back.
    pub fn back(&self, channels: usize) -> Option<Window> {
        let (width, height) = self.places()?;
        Some(Window {
            width,
            height,
            channels,
            side: self.side,
            padding: (self.side - 1).checked_sub(self.padding)?,
        })
    }

    /// Values of a line of a stripe.
    fn across(&self) -> usize {
        self.side * self.channels
    }

    /// Values of a stripe.
    fn stripe(&self) -> usize {
        (self.height + 2 * self.padding) * self.across()
    }

    /// Values of all stripes.
    pub fn stripes(&self) -> usize {
        self.places().map_or(0, |(width, _)| width * self.stripe())
    }

    /// Writes the image into `stripes`, which hold zeros or another image of this window. Of rows of `step` values
    /// the first are the channels of a pixel.
    ///
    /// # Panics
    /// When lengths do not fit.
    pub fn write<T: Real>(&self, isa: Isa, stripes: &mut [T], image: &[T], step: usize) {
        isa.run(Write {
            window: self,
            stripes,
            image,
            step,
        });
    }

    /// The patches, column of places after column of places, in stripes that were written.
    pub fn patches<'a, T: Real>(&self, stripes: &'a [T]) -> Rows<'a, T> {
        let line = self.places().map_or(1, |(_, height)| height);
        Rows::in_lines(stripes, self.across(), line, self.stripe())
    }
}

struct Write<'a, T> {
    window: &'a Window,
    stripes: &'a mut [T],
    image: &'a [T],
    step: usize,
}

impl<T: Real> Work for Write<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let of = self.window;
        let top = of.padding * of.across();
        for (x, stripe) in self.stripes.chunks_exact_mut(of.stripe()).enumerate() {
            let inside = &mut stripe[top..top + of.height * of.across()];
            for column in 0..of.side {
                let Some(x) = (x + column).checked_sub(of.padding) else {
                    continue;
                };
                if x >= of.width {
                    break;
                }
                let pixels = &self.image[x * of.height * self.step..];
                let pixels = pixels.chunks_exact(self.step);
                let places = inside[column * of.channels..].chunks_mut(of.across());
                if of.channels == 1 {
                    places.zip(pixels).for_each(|(to, from)| to[0] = from[0]);
                } else {
                    places.zip(pixels).for_each(|(to, from)| {
                        to[..of.channels].copy_from_slice(&from[..of.channels]);
                    });
                }
            }
        }
    }
}
