//! A run's model as a file: fetched from the coordinator, written whole or not at all.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::arguments::ModelOptions;
use super::failure::Failure;
use super::session::Session;
use super::view::{print, print_json, written};
use crate::app::transfer;
use crate::ml::layout::{DType, Layout, Tensor};
use crate::store::safetensors::{About, Header, header};
use crate::store::write_whole;
use crate::wire::stubs::coordinator::{ModelReply, ModelRequest};

/// What a file says of the order of its weights, if that is another than ours.
const MATRICES: &str = "matrices";
/// What to do about a file of such an order.
pub(super) const UNTURNED: &str = "write one without --pytorch: client IP PORT model RUN -o FILE";

/// Largest model file that is fetched.
const LARGEST: i64 = 16 << 30;
/// Bytes per second of the slowest line that is waited for.
const SLOWEST: usize = 1 << 20;

/// A model: names and shapes, values, and what its file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Model {
    pub(super) layout: Arc<Layout>,
    /// Little-endian values, one tensor after the other.
    pub(super) values: Bytes,
    pub(super) about: About,
}

impl Model {
    /// The model in the bytes of a safetensors file.
    pub(super) fn parse(file: &Bytes) -> Result<Model, String> {
        let header = Header::read(&mut &file[..], file.len() as u64)?;
        let start = usize::try_from(header.start).unwrap_or(usize::MAX);
        Ok(Model {
            layout: header.layout,
            values: file.slice(start..),
            about: header.about,
        })
    }

    /// The model in a file.
    pub(super) fn read(path: &Path) -> Result<Model, Failure> {
        let name = path.display();
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
        Model::parse(&bytes.into()).map_err(|why| {
            Failure::failed(format!("{name}: {why}"))
                .hint("`client IP PORT model RUN -o FILE` writes such a file")
        })
    }

    /// What the file says of itself under this name.
    pub(super) fn says(&self, name: &str) -> Option<&str> {
        self.about.get(name).map(String::as_str)
    }

    /// Whether its weights lie as PyTorch keeps them, and not as this program does.
    pub(super) fn is_turned(&self) -> bool {
        self.says(MATRICES).is_some()
    }

    fn to_safetensors(&self) -> Vec<u8> {
        let mut file = header(&self.layout, &self.about);
        file.extend_from_slice(&self.values);
        file
    }

    /// A numpy archive: an array a tensor, and what the model is in `about.json`.
    fn to_npz(&self) -> zip::result::ZipResult<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = || SimpleFileOptions::default().large_file(true);
        for (index, tensor) in self.layout.tensors().iter().enumerate() {
            archive.start_file(format!("{}.npy", tensor.name), stored())?;
            archive.write_all(&npy_heading(self.layout.dtype(), &tensor.shape))?;
            archive.write_all(self.tensor(index))?;
        }
        archive.start_file("about.json", stored())?;
        archive.write_all(json!(self.about).to_string().as_bytes())?;
        Ok(archive.finish()?.into_inner())
    }

    fn tensor(&self, index: usize) -> &[u8] {
        let size = self.layout.dtype().size();
        let range = self.layout.range(index);
        &self.values[range.start * size..range.end * size]
    }

    /// The same with weights as PyTorch's `Linear` and `Conv2d` keep them: outputs x inputs, and filters x channels x
    /// height x width.
    fn transposed(&self) -> Result<Model, String> {
        let size = self.layout.dtype().size();
        let mut tensors = Vec::new();
        let mut values = Vec::with_capacity(self.values.len());
        for (index, tensor) in self.layout.tensors().iter().enumerate() {
            let bytes = self.tensor(index);
            // Of one output, the values lie here as columns x rows and there as rows x columns.
            let (shape, rows, columns) = match tensor.shape[..] {
                [inputs, outputs] => (vec![outputs, inputs], 1, inputs),
                [height, width, channels, filters] => {
                    let shape = vec![filters, channels, height, width];
                    (shape, channels, height * width)
                }
                _ => {
                    tensors.push(tensor.clone());
                    values.extend_from_slice(bytes);
                    continue;
                }
            };
            let outputs = shape[0];
            for output in 0..outputs {
                for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                    let at = (column * rows + row) * outputs + output;
                    values.extend_from_slice(&bytes[at * size..(at + 1) * size]);
                }
            }
            tensors.push(Tensor::new(tensor.name.clone(), shape));
        }
        let layout = Layout::new(self.layout.dtype(), tensors).map_err(|e| e.to_string())?;
        let mut about = self.about.clone();
        // It is the digest of the values as they were.
        about.remove("digest");
        about.insert(MATRICES.to_owned(), "outputs x inputs".to_owned());
        if self.layout.tensors().iter().any(|of| of.shape.len() == 4) {
            let order = "filters x channels x height x width";
            about.insert("convolutions".to_owned(), order.to_owned());
        }
        Ok(Model {
            layout: Arc::new(layout),
            values: values.into(),
            about,
        })
    }
}

/// Version 1.0 of numpy's format (`numpy.lib.format`): the heading of an array, padded to 64 bytes.
fn npy_heading(dtype: DType, shape: &[usize]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let descr = match dtype {
        DType::F32 => "<f4",
        DType::F64 => "<f8",
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    const BEFORE: usize = 10;
    let length = (BEFORE + text.len() + 1).next_multiple_of(64) - BEFORE;
    text.extend(std::iter::repeat_n(' ', length - text.len() - 1));
    text.push('\n');
    let mut heading = b"\x93NUMPY\x01\x00".to_vec();
    heading.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    heading.extend(text.bytes());
    heading
}

/// Fetches a run's model.
pub(super) fn fetch(session: &mut Session, request: &ModelRequest) -> Result<Model, Failure> {
    let reply: ModelReply = session.call("model", |to| to.model(request))?;
    let file = match (&reply.file.inline_data, &reply.file.digest) {
        (Some(bytes), _) => bytes.clone(),
        (None, Some(digest)) if (0..=LARGEST).contains(&reply.file.length) => {
            let length = usize::try_from(reply.file.length).unwrap_or(0);
            let limit = Duration::from_secs(10 + (length / SLOWEST) as u64);
            let fetched = session.call_within(limit, "fetching the model", |to| {
                transfer::fetch(to, digest, length, |_| ())
            })?;
            fetched
                .whole()
                .map_err(|error| Failure::failed(format!("cannot read the model back: {error}")))?
        }
        _ => return Err(Failure::failed("the coordinator sent no model")),
    };
    Model::parse(&file)
        .map_err(|reason| Failure::failed(format!("the coordinator sent no model: {reason}")))
}

/// Fetches the model and writes the file.
pub(super) fn run(
    session: &mut Session,
    options: &ModelOptions,
    json: bool,
) -> Result<(), Failure> {
    let request = ModelRequest {
        run: options.run.clone(),
        round: options.round,
        best: Some(options.best),
    };
    let fetched = fetch(session, &request)?;
    let model = if options.pytorch {
        fetched.transposed().map_err(Failure::failed)?
    } else {
        fetched.clone()
    };
    let cannot = |error: String| Failure::failed(format!("the model file cannot be made: {error}"));
    let file = if options.npz {
        model.to_npz().map_err(|error| cannot(error.to_string()))?
    } else {
        model.to_safetensors()
    };
    write_whole(&options.output, |to| to.write_all(&file))
        .map_err(|error| Failure::failed(error.to_string()))?;
    let says = |name| fetched.says(name);
    if json {
        return written(print_json(&json!({
            "event": "model",
            "file": options.output,
            "bytes": file.len(),
            "run": says("run"),
            "round": says("round"),
            "model": says("model"),
            "accuracy": says("accuracy"),
            "rmse": says("rmse"),
            "digest": says("digest"),
        })));
    }
    let figure = ["accuracy", "rmse"].map(|name| Some(format!(", {name} {}", says(name)?)));
    let figure: String = figure.into_iter().flatten().collect();
    written(print(&format!(
        "{}: {} after round {}{figure}, {} values, digest {}",
        options.output.display(),
        says("model").unwrap_or("a model"),
        says("round").unwrap_or("?"),
        fetched.layout.elements(),
        says("digest").unwrap_or("?"),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Model {
        let tensors = vec![Tensor::new("w", [2, 3]), Tensor::new("b", [3])];
        let values: Vec<u8> = (0..9)
            .flat_map(|value| (value as f32).to_le_bytes())
            .collect();
        Model {
            layout: Arc::new(Layout::new(DType::F32, tensors).unwrap()),
            values: values.into(),
            about: About::from([("model".to_owned(), "softmax:2-3".to_owned())]),
        }
    }

    #[test]
    fn a_file_reads_back_as_it_was() {
        let file = sample().to_safetensors();
        assert_eq!(Model::parse(&file.into()), Ok(sample()));
    }

    #[test]
    fn matrices_are_turned_and_vectors_are_not() {
        let turned = sample().transposed().unwrap();
        assert_eq!(turned.layout.tensors()[0], Tensor::new("w", [3, 2]));
        let values = turned.values.as_chunks::<4>().0.iter();
        let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(values, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn filters_and_channels_come_first() {
        // Every value says where it is: line, pixel, channel, filter.
        let shape = [2, 3, 4, 5];
        let places = (0..120).map(|at| [at / 60, at / 20 % 3, at / 5 % 4, at % 5]);
        let number = |[y, x, c, f]: [usize; 4]| (1000 * y + 100 * x + 10 * c + f) as f32;
        let values: Vec<u8> = places
            .flat_map(|place| number(place).to_le_bytes())
            .collect();
        let model = Model {
            layout: Arc::new(Layout::new(DType::F32, vec![Tensor::new("w", shape)]).unwrap()),
            values: values.into(),
            about: About::new(),
        };
        let turned = model.transposed().unwrap();
        assert_eq!(turned.layout.tensors()[0], Tensor::new("w", [5, 4, 2, 3]));
        let places = (0..120).map(|at| [at / 3 % 2, at % 3, at / 6 % 4, at / 24]);
        let expected: Vec<f32> = places.map(number).collect();
        let values = turned.values.as_chunks::<4>().0.iter();
        let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn headings_of_arrays_are_those_of_numpy() {
        let heading = npy_heading(DType::F64, &[3, 2]);
        assert_eq!(heading.len() % 64, 0);
        assert_eq!(&heading[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let text = String::from_utf8_lossy(&heading[10..]);
        assert!(text.starts_with("{'descr': '<f8', 'fortran_order': False, 'shape': (3,2,), }"));
        assert!(text.ends_with(" \n"));
    }
}
