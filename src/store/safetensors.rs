//! Model files: the safetensors format, written and read piece by piece, so that a model need not fit into memory.
//!
//! A file is the length of its header (8 bytes, little-endian), the header (JSON), and the values of all tensors one
//! after the other. The tensors lie in the order of the layout, so the values are just the bytes that travel between
//! coordinator and nodes, and equal models are equal files.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::{Map, Value, json};

use crate::ml::layout::{DType, Layout, Tensor};

/// Longest header that is read.
const LONGEST_HEADER: u64 = 16 << 20;

/// What a file says of itself, by name.
pub type About = BTreeMap<String, String>;

/// The beginning of a file: everything but the values.
pub fn header(layout: &Layout, about: &About) -> Vec<u8> {
    let dtype = match layout.dtype() {
        DType::F32 => "F32",
        DType::F64 => "F64",
    };
    let size = layout.dtype().size();
    let mut entries = Map::new();
    entries.insert("__metadata__".to_owned(), json!(about));
    for (index, tensor) in layout.tensors().iter().enumerate() {
        let range = layout.range(index);
        let offsets = [range.start * size, range.end * size];
        let entry = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": offsets});
        entries.insert(tensor.name.clone(), entry);
    }
    let mut json = Value::Object(entries).to_string().into_bytes();
    // So that the values are aligned where the file is mapped into memory.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut json);
    bytes
}

/// The header of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Names and shapes, in the order of the values.
    pub layout: Arc<Layout>,
    /// What the file says of itself.
    pub about: About,
    /// Where the values start.
    pub start: u64,
}

impl Header {
    /// Reads the header of a file of this length; the values come next.
    ///
    /// # Errors
    /// When it is no such file, or holds tensors of several or other types than f32 and f64.
    pub fn read(from: &mut impl Read, length: u64) -> Result<Header, String> {
        let cut_off = |error: io::Error| format!("the header cannot be read: {error}");
        let mut size = [0; 8];
        from.read_exact(&mut size).map_err(cut_off)?;
        let size = u64::from_le_bytes(size);
        if size > LONGEST_HEADER || size > length.saturating_sub(8) {
            return Err(format!(
                "it is no safetensors file: its header would have {size} bytes of {length}"
            ));
        }
        let mut json = vec![0; usize::try_from(size).unwrap_or(0)];
        from.read_exact(&mut json).map_err(cut_off)?;
        let metadata: Metadata = serde_json::from_slice(&json)
            .map_err(|error| format!("it is no safetensors file: {error}"))?;
        let start = 8 + size;
        let layout = layout(&metadata)?;
        let values = layout.byte_length() as u64;
        if start + values != length {
            return Err(format!(
                "it has {length} bytes, {} by what its header says",
                start + values
            ));
        }
        let about = metadata.metadata().clone().map(About::from_iter);
        Ok(Header {
            layout: Arc::new(layout),
            about: about.unwrap_or_default(),
            start,
        })
    }
}

fn layout(metadata: &Metadata) -> Result<Layout, String> {
    let mut dtype = None;
    let mut tensors = Vec::new();
    let mut end = 0;
    for name in metadata.offset_keys() {
        let info = metadata.info(&name).ok_or("a tensor without an entry")?;
        let found = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            other => {
                return Err(format!(
                    "tensor `{name}` has values of {other:?}, not f32 or f64"
                ));
            }
        };
        if dtype.is_some_and(|dtype| dtype != found) {
            return Err("it holds tensors of several types".to_owned());
        }
        if info.data_offsets.0 != end {
            return Err(format!("tensor `{name}` does not follow the one before"));
        }
        end = info.data_offsets.1;
        dtype = Some(found);
        tensors.push(Tensor::new(name, info.shape.clone()));
    }
    let dtype = dtype.ok_or("it holds no tensors")?;
    Layout::new(dtype, tensors).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Layout, About) {
        let tensors = vec![
            Tensor::new("layers.0.weight", [2, 3]),
            Tensor::new("layers.0.bias", [3]),
        ];
        let layout = Layout::new(DType::F32, tensors).unwrap();
        (layout, About::from([("run".to_owned(), "r1".to_owned())]))
    }

    #[test]
    fn what_is_written_reads_back_and_the_library_reads_it_too() {
        let (layout, about) = sample();
        let mut file = header(&layout, &about);
        let values: Vec<u8> = (0..36).collect();
        let start = file.len();
        file.extend(&values);
        let read = Header::read(&mut &file[..], file.len() as u64).unwrap();
        assert_eq!((&*read.layout, read.about), (&layout, about.clone()));
        assert_eq!(read.start as usize, start);
        assert_eq!(start % 8, 0);
        let library = safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(
            library.tensor("layers.0.bias").unwrap().data(),
            &values[24..]
        );
        assert_eq!(
            header(&layout, &about),
            file[..start],
            "the same bytes every time"
        );
    }

    #[test]
    fn what_is_not_such_a_file_is_refused() {
        let (layout, about) = sample();
        let mut file = header(&layout, &about);
        file.extend([0; 36]);
        let read = |bytes: &[u8]| Header::read(&mut &bytes[..], bytes.len() as u64);
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "cut off after {length}");
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(read(&longer).is_err());
        file[0..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(read(&file).unwrap_err().contains("no safetensors"));
    }
}
