//! The parameters of a model from the bytes of a safetensors file.

use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

use crate::ml::layout::DType;
use crate::ml::model::Model;
use crate::ml::parameters::Parameters;

/// The parameters in a file, in the order of the model's layout. Other tensors of it are left alone.
///
/// # Errors
/// When the file is damaged, or lacks a tensor of this name, type and shape. Memory is taken for
/// values that are in the file, not for those of the model.
pub fn read(model: &dyn Model, file: &[u8]) -> Result<Parameters, String> {
    let layout = model.layout();
    let wanted = match layout.dtype() {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
    };
    let tensors = SafeTensors::deserialize(file).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    for tensor in layout.tensors() {
        let name = &tensor.name;
        let found = tensors.tensor(name).map_err(|error| error.to_string())?;
        let (dtype, shape) = (found.dtype(), found.shape());
        if dtype != wanted || shape != tensor.shape {
            return Err(format!(
                "tensor `{name}` is {dtype} {shape:?}; the model has {wanted} {:?}",
                tensor.shape
            ));
        }
        bytes.extend_from_slice(found.data());
    }
    Parameters::from_bytes(Arc::clone(layout), &bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::model::MODELS;
    use safetensors::tensor::{TensorView, serialize};

    /// A file of two tensors, with these shapes of the first.
    fn file(dtype: Dtype, shape: [usize; 2]) -> Vec<u8> {
        let bytes = [0x3f; 64];
        let size = dtype.bitsize() / 8;
        let weight =
            TensorView::new(dtype, shape.to_vec(), &bytes[..shape[0] * shape[1] * size]).unwrap();
        let bias = TensorView::new(dtype, vec![2], &bytes[..2 * size]).unwrap();
        serialize([("layers.0.weight", weight), ("layers.0.bias", bias)], None).unwrap()
    }

    #[test]
    fn only_tensors_of_the_models_type_and_shape_are_taken() {
        let model = MODELS.build("softmax:3-2").unwrap();
        let parameters = read(&*model, &file(Dtype::F32, [3, 2])).unwrap();
        assert_eq!(parameters.to_bytes()[..], [0x3f; 32]);
        for (dtype, shape) in [
            (Dtype::F32, [2, 3]),
            (Dtype::F64, [3, 1]),
            (Dtype::I32, [3, 2]),
        ] {
            let error = read(&*model, &file(dtype, shape)).unwrap_err();
            assert!(error.contains("the model has F32 [3, 2]"), "{error}");
        }
    }

    #[test]
    fn a_model_that_is_only_named_takes_no_memory() {
        let model = MODELS.build("mlp:40000-40000-10").unwrap();
        let file = file(Dtype::F32, [3, 2]);
        let taken = allocation_counter::measure(|| drop(read(&*model, &file)));
        assert!(taken.bytes_max < 16 << 10, "{}", taken.bytes_max);
    }
}
