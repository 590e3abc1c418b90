//! Names, shapes and element type of the tensors of a model.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// Most tensors a layout may have.
pub const MAX_TENSORS: usize = 10_000;
/// Longest name of a tensor, in bytes.
pub const MAX_NAME: usize = 256;
/// Most dimensions a tensor may have.
pub const MAX_DIMENSIONS: usize = 8;
/// Most elements of all tensors together.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// Element type of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 => 8,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
        })
    }
}

/// Name and shape of one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tensor {
    /// Unique in its layout, for example `layers.0.weight`.
    pub name: String,
    /// Sizes, outermost first; none is 0. No sizes at all make a single number.
    pub shape: Vec<usize>,
}

impl Tensor {
    /// A tensor of this name and shape.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Tensor {
            name: name.into(),
            shape: shape.into(),
        }
    }
}

/// The tensors of a model. Their values lie one after the other without gaps, each row-major, all
/// of one element type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    dtype: DType,
    tensors: Vec<Tensor>,
    /// Where the values of each tensor start, and at last where they all end.
    offsets: Vec<usize>,
}

impl Layout {
    /// A layout of these tensors.
    ///
    /// # Errors
    /// When there is no tensor, a name is empty or occurs twice, a size is 0, or a limit of this
    /// module is passed.
    pub fn new(dtype: DType, tensors: Vec<Tensor>) -> Result<Self, LayoutError> {
        if tensors.is_empty() || tensors.len() > MAX_TENSORS {
            return Err(LayoutError::Count(tensors.len()));
        }
        let mut names = BTreeSet::new();
        let mut offsets = Vec::with_capacity(tensors.len() + 1);
        let mut end = 0usize;
        offsets.push(end);
        for tensor in &tensors {
            if tensor.name.is_empty() || tensor.name.len() > MAX_NAME {
                return Err(LayoutError::NameLength(tensor.name.len()));
            }
            if !names.insert(tensor.name.as_str()) {
                return Err(LayoutError::NameTwice(tensor.name.clone()));
            }
            end = elements(tensor)
                .and_then(|count| end.checked_add(count))
                .filter(|end| *end <= MAX_ELEMENTS)
                .ok_or_else(|| LayoutError::Shape(tensor.clone()))?;
            offsets.push(end);
        }
        Ok(Layout {
            dtype,
            tensors,
            offsets,
        })
    }

    /// Element type of all tensors.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The tensors, in the order of their values.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Number of values.
    pub fn elements(&self) -> usize {
        self.offsets[self.tensors.len()]
    }

    /// Number of bytes of the values.
    pub fn byte_length(&self) -> usize {
        self.elements() * self.dtype.size()
    }

    /// Where the values of tensor `index` lie among all values.
    ///
    /// # Panics
    /// When there are not so many tensors.
    pub fn range(&self, index: usize) -> Range<usize> {
        self.offsets[index]..self.offsets[index + 1]
    }

    /// Name of the tensor that holds value `element`, and the value's place in it; for errors.
    ///
    /// # Panics
    /// When there are not so many elements.
    pub fn place(&self, element: usize) -> (&str, usize) {
        let index = self.offsets.partition_point(|offset| *offset <= element) - 1;
        (&self.tensors[index].name, element - self.offsets[index])
    }
}

/// Number of values of a tensor; none when a size is 0, there are too many, or too many dimensions.
fn elements(tensor: &Tensor) -> Option<usize> {
    if tensor.shape.len() > MAX_DIMENSIONS || tensor.shape.contains(&0) {
        return None;
    }
    tensor
        .shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
}

/// Why tensors make no layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// So many tensors are not allowed.
    Count(usize),
    /// A name is empty or has so many bytes.
    NameLength(usize),
    /// Two tensors have this name.
    NameTwice(String),
    /// A size is 0, or there are too many dimensions or elements.
    Shape(Tensor),
}

impl fmt::Display for LayoutError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Count(count) => {
                write!(
                    formatter,
                    "a layout has 1 to {MAX_TENSORS} tensors, not {count}"
                )
            }
            LayoutError::NameLength(length) => write!(
                formatter,
                "the name of a tensor has 1 to {MAX_NAME} bytes, not {length}"
            ),
            LayoutError::NameTwice(name) => write!(formatter, "two tensors are named `{name}`"),
            LayoutError::Shape(Tensor { name, shape }) => write!(
                formatter,
                "tensor `{name}` of shape {shape:?}: sizes are at least 1, dimensions at most \
                 {MAX_DIMENSIONS}, and all elements of a layout at most {MAX_ELEMENTS}"
            ),
        }
    }
}

impl std::error::Error for LayoutError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(tensors: &[(&str, &[usize])]) -> Result<Layout, LayoutError> {
        let tensors = tensors
            .iter()
            .map(|(name, shape)| Tensor::new(*name, *shape));
        Layout::new(DType::F32, tensors.collect())
    }

    #[test]
    fn offsets_follow_from_shapes() {
        let layout = layout(&[("a", &[2, 3]), ("b", &[]), ("c", &[4])]).unwrap();
        assert_eq!((layout.elements(), layout.byte_length()), (11, 44));
        assert_eq!(
            [layout.range(0), layout.range(1), layout.range(2)],
            [0..6, 6..7, 7..11]
        );
        assert_eq!(layout.place(0), ("a", 0));
        assert_eq!(layout.place(6), ("b", 0));
        assert_eq!(layout.place(10), ("c", 3));
    }

    #[test]
    fn impossible_layouts_are_refused() {
        assert_eq!(layout(&[]), Err(LayoutError::Count(0)));
        assert_eq!(layout(&[("", &[1])]), Err(LayoutError::NameLength(0)));
        assert_eq!(
            layout(&[("a", &[1]), ("a", &[2])]),
            Err(LayoutError::NameTwice("a".into()))
        );
        let shapes: [&[usize]; 5] = [
            &[0],
            &[usize::MAX, 2],
            &[1 << 31, 2],
            &[1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[MAX_ELEMENTS + 1],
        ];
        for shape in shapes {
            assert!(
                matches!(layout(&[("a", shape)]), Err(LayoutError::Shape(_))),
                "{shape:?}"
            );
        }
        assert!(layout(&[("a", &[MAX_ELEMENTS]), ("b", &[1])]).is_err());
    }
}
