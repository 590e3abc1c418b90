//! A run's parameters as the bytes of a safetensors file.

use std::collections::HashMap;

use bytes::Bytes;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::materials::Materials;
use crate::fed::RunId;
use crate::ml::layout::DType;

/// The parameters after a round, as a file.
#[derive(Clone, Debug)]
pub(super) struct ModelFile {
    pub(super) round: u32,
    /// The model's spec.
    pub(super) model: String,
    pub(super) bytes: Bytes,
}

/// Writes the current parameters of a run. None while there are none.
pub(super) fn write(run: &RunId, materials: &Materials) -> Option<Result<ModelFile, String>> {
    let current = materials.current.as_ref()?;
    let layout = current.parameters.layout();
    let dtype = match layout.dtype() {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
    };
    let size = layout.dtype().size();
    let mut views = Vec::with_capacity(layout.tensors().len());
    for (index, tensor) in layout.tensors().iter().enumerate() {
        let range = layout.range(index);
        let bytes = &current.bytes[range.start * size..range.end * size];
        match TensorView::new(dtype, tensor.shape.clone(), bytes) {
            Ok(view) => views.push((tensor.name.clone(), view)),
            Err(error) => return Some(Err(error.to_string())),
        }
    }
    let metadata = HashMap::from([
        ("model".to_owned(), materials.model_spec.clone()),
        ("run".to_owned(), run.0.clone()),
        ("round".to_owned(), current.round.to_string()),
    ]);
    let file = serialize(views, Some(metadata)).map_err(|error| error.to_string());
    Some(file.map(|bytes| ModelFile {
        round: current.round,
        model: materials.model_spec.clone(),
        bytes: bytes.into(),
    }))
}
