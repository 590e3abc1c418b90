//! Images channel after channel, as models take them, whichever way an array has them.

/// Images of more channels than this are not looked for.
const MOST: usize = 4;

/// Where the channels of images lie in an array of four dimensions, the first of which are the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ml::data::files) enum Channels {
    /// Last where the last dimension can be channels and the second cannot, as Keras, MedMNIST and image files have
    /// them; otherwise first, as PyTorch has them.
    #[default]
    Auto,
    First,
    Last,
}

impl Channels {
    /// As the option `channels` names them.
    pub const CHOICES: [(&'static str, Channels); 3] = [
        ("auto", Channels::Auto),
        ("first", Channels::First),
        ("last", Channels::Last),
    ];

    /// How many channels lie last in an array of this shape, if they do.
    pub fn last(self, shape: &[usize]) -> Result<Option<usize>, String> {
        let is_few = |size: usize| (1..=MOST).contains(&size);
        match (self, shape) {
            (Channels::Last, &[_, _, _, channels]) => Ok(Some(channels)),
            (Channels::Auto, &[_, second, _, channels]) => {
                Ok((is_few(channels) && !is_few(second)).then_some(channels))
            }
            (Channels::Auto, _) | (Channels::First, [_, _, _, _]) => Ok(None),
            (Channels::First | Channels::Last, _) => Err(format!(
                "channels= is for arrays of four dimensions, the rows first; its shape is {shape:?}"
            )),
        }
    }
}

/// Puts the values of each image channel after channel that lie pixel after pixel.
pub(super) fn to_first(images: &mut [f32], size: usize, channels: usize) {
    let pixels = size / channels;
    let mut planes = vec![0.0; size];
    for image in images.chunks_exact_mut(size) {
        for (number, pixel) in image.chunks_exact(channels).enumerate() {
            for (channel, value) in pixel.iter().enumerate() {
                planes[channel * pixels + number] = *value;
            }
        }
        image.copy_from_slice(&planes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_are_plainly_last_become_first() {
        let of = |shape: &[usize]| Channels::Auto.last(shape).unwrap();
        assert_eq!(of(&[9, 28, 28, 3]), Some(3));
        assert_eq!(of(&[9, 32, 32, 1]), Some(1));
        assert_eq!(of(&[9, 3, 32, 32]), None, "first already");
        assert_eq!(of(&[9, 4, 4, 4]), None, "either may be");
        assert_eq!(of(&[9, 28, 28]), None);
        assert_eq!(Channels::Last.last(&[9, 4, 4, 4]), Ok(Some(4)));
        assert_eq!(Channels::First.last(&[9, 28, 28, 3]), Ok(None));
        assert!(Channels::Last.last(&[9, 28, 28]).is_err());
        let mut images = [
            0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0, 4.0, 14.0, 5.0, 15.0,
        ];
        to_first(&mut images, 6, 2);
        let expected = [
            0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 3.0, 4.0, 5.0, 13.0, 14.0, 15.0,
        ];
        assert_eq!(images, expected);
    }
}
