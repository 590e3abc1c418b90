//! A run's parameters as the bytes of a safetensors file.

use std::collections::HashMap;

use bytes::Bytes;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::current::Current;
use crate::app::transfer;
use crate::fed::RunId;
use crate::ml::layout::DType;

/// The parameters after a round, as a file.
#[derive(Clone, Debug)]
pub(super) struct ModelFile {
    pub(super) round: u32,
    /// The model's spec.
    pub(super) model: String,
    pub(super) bytes: Bytes,
    /// SHA-256 of the bytes.
    pub(super) digest: Bytes,
}

/// Writes parameters of a run with a model of this spec.
pub(super) fn write(run: &RunId, model: &str, current: &Current) -> Result<ModelFile, String> {
    let layout = &current.layout;
    let dtype = match layout.dtype() {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
    };
    let size = layout.dtype().size();
    let values = current.bytes.whole().map_err(|error| error.to_string())?;
    let mut views = Vec::with_capacity(layout.tensors().len());
    for (index, tensor) in layout.tensors().iter().enumerate() {
        let range = layout.range(index);
        let bytes = &values[range.start * size..range.end * size];
        let view = TensorView::new(dtype, tensor.shape.clone(), bytes);
        views.push((
            tensor.name.clone(),
            view.map_err(|error| error.to_string())?,
        ));
    }
    let metadata = HashMap::from([
        ("model".to_owned(), model.to_owned()),
        ("run".to_owned(), run.0.clone()),
        ("round".to_owned(), current.round.to_string()),
    ]);
    let file = serialize(views, Some(metadata)).map_err(|error| error.to_string())?;
    Ok(ModelFile {
        round: current.round,
        model: model.to_owned(),
        digest: transfer::digest(&file),
        bytes: file.into(),
    })
}
