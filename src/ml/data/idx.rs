//! Images with labels in the IDX format of the MNIST files, plain or compressed with gzip.
//!
//! A file is a magic number (two zeros, the type of its elements, the number of dimensions), the sizes of the dimensions
//! as 32-bit numbers, big-endian, and the elements (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").
//! Only bytes are read as elements. Images and labels lie side by side: `NAME-images-idx3-ubyte` and
//! `NAME-labels-idx1-ubyte`, each with or without `.gz`.

use std::io::Read;

use flate2::read::GzDecoder;

use super::table::Table;
use super::{DataError, MAX_FEATURES, MAX_ROWS, Root};

/// Largest file, compressed or not, and most bytes of elements.
const MAX_FILE: u64 = 1 << 30;
/// Type of the elements: unsigned bytes.
const UBYTE: u8 = 8;

/// Whether this is the name of a file of images.
pub(super) fn is_images(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.ends_with("-images-idx3-ubyte")
}

/// Reads images and their labels. Features are the grey values, 0 to 1, divided by `scale`.
pub(super) fn read(root: &Root, images: &str, scale: f32) -> Result<Table, DataError> {
    let (sizes, pixels) = elements(root, images)?;
    let Some((&rows, inner)) = sizes.split_first() else {
        return Err(DataError::file(images, "it has no dimensions"));
    };
    let width: usize = inner.iter().product();
    if width == 0 || width > MAX_FEATURES || rows == 0 || rows > MAX_ROWS {
        let reason = format!("{rows} images of {width} pixels cannot be used");
        return Err(DataError::file(images, reason));
    }
    let labels = beside(root, images)?;
    let (count, classes) = elements(root, &labels)?;
    if count != [rows] {
        let reason = format!("labels of {count:?} do not fit {rows} images");
        return Err(DataError::file(&labels, reason));
    }
    let values: [f32; 256] = std::array::from_fn(|grey| grey as f32 / 255.0 / scale);
    let features = pixels.iter().map(|&pixel| values[pixel as usize]).collect();
    let labels = classes.iter().map(|&class| u32::from(class)).collect();
    Ok(Table::of_numbers(images, width, features, labels))
}

/// The name of the labels of these images: beside them, compressed or not.
fn beside(root: &Root, images: &str) -> Result<String, DataError> {
    let plain = images.strip_suffix(".gz").unwrap_or(images);
    let stem = plain.strip_suffix("-images-idx3-ubyte").unwrap_or(plain);
    let plain = format!("{stem}-labels-idx1-ubyte");
    let packed = format!("{plain}.gz");
    for name in [&plain, &packed] {
        if root.resolve(name).is_ok_and(|path| path.is_file()) {
            return Ok(name.clone());
        }
    }
    let reason = format!("its labels are missing: neither {plain} nor {packed} is there");
    Err(DataError::file(images, reason))
}

/// Sizes of the dimensions, and the elements. No more memory is taken than the header announces, and not before the
/// bytes are there.
fn elements(root: &Root, path: &str) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let file = root.open(path, MAX_FILE)?.take(MAX_FILE);
    let result = if path.ends_with(".gz") {
        parse(GzDecoder::new(file))
    } else {
        parse(file)
    };
    result.map_err(|reason| DataError::file(path, reason))
}

fn parse(mut file: impl Read) -> Result<(Vec<usize>, Vec<u8>), String> {
    let short = |error: std::io::Error| format!("its header cannot be read: {error}");
    let mut magic = [0; 4];
    file.read_exact(&mut magic).map_err(short)?;
    let [0, 0, kind, dimensions @ 1..=4] = magic else {
        return Err(format!("it starts with {magic:?}, which is no IDX file"));
    };
    if kind != UBYTE {
        return Err(format!(
            "its elements are of type {kind:#04x}; only bytes, 0x08, are read"
        ));
    }
    let mut sizes = Vec::new();
    let mut total: u64 = 1;
    for _ in 0..dimensions {
        let mut size = [0; 4];
        file.read_exact(&mut size).map_err(short)?;
        let size = u32::from_be_bytes(size);
        sizes.push(size as usize);
        total = total.saturating_mul(u64::from(size));
    }
    if total > MAX_FILE {
        return Err(format!(
            "it announces {total} elements; at most {MAX_FILE} are read"
        ));
    }
    let mut elements = Vec::new();
    let read = file.by_ref().take(total).read_to_end(&mut elements);
    read.map_err(|error| format!("after {} elements: {error}", elements.len()))?;
    let more = file.read(&mut [0]).map_err(|error| error.to_string())?;
    if elements.len() as u64 != total || more != 0 {
        let found = if more == 0 { "fewer" } else { "more" };
        return Err(format!("it announces {total} elements and has {found}"));
    }
    Ok((sizes, elements))
}

#[cfg(test)]
mod tests {
    use super::super::path::tests::Folder;
    use super::super::table::assemble;
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn idx(kind: u8, sizes: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, kind, sizes.len() as u8];
        file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        file.extend(elements);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn write(folder: &Folder, name: &str, bytes: &[u8]) {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }

    #[test]
    fn images_and_labels_are_read_plain_and_packed() {
        let folder = Folder::new(&[]);
        let images = idx(8, &[2, 1, 3], &[0, 51, 255, 102, 0, 0]);
        write(&folder, "a-images-idx3-ubyte.gz", &gzip(&images));
        write(&folder, "a-labels-idx1-ubyte", &idx(8, &[2], &[7, 0]));
        let root = Root::new(folder.path()).unwrap();
        let table = read(&root, "a-images-idx3-ubyte.gz", 1.0).unwrap();
        let data = assemble(vec![table]).unwrap().swap_remove(0);
        assert_eq!((data.rows(), data.width(), data.classes()), (2, 3, 8));
        assert_eq!(data.row(0), [0.0, 0.2, 1.0]);
        assert_eq!(data.labels(), [7, 0]);
    }

    #[test]
    fn lies_are_named() {
        let folder = Folder::new(&[]);
        let root = Root::new(folder.path()).unwrap();
        let error = |images: &[u8], labels: &[u8]| {
            write(&folder, "b-images-idx3-ubyte", images);
            write(&folder, "b-labels-idx1-ubyte", labels);
            read(&root, "b-images-idx3-ubyte", 1.0)
                .unwrap_err()
                .to_string()
        };
        let good = idx(8, &[2], &[0, 1]);
        assert!(error(b"PNG", &good).contains("header"));
        assert!(error(b"GIF89a", &good).contains("no IDX file"));
        assert!(error(&idx(13, &[2, 1, 1], &[0; 8]), &good).contains("0x0d"));
        assert!(error(&idx(8, &[2, 1, 1], &[0]), &good).contains("fewer"));
        assert!(error(&idx(8, &[2, 1, 1], &[0; 3]), &good).contains("more"));
        let huge = idx(8, &[u32::MAX, u32::MAX, 2], &[]);
        assert!(error(&huge, &good).contains("at most"));
        assert!(error(&idx(8, &[0, 1, 1], &[]), &good).contains("0 images"));
        assert!(error(&idx(8, &[3, 1, 1], &[0; 3]), &good).contains("do not fit 3"));
        std::fs::remove_file(folder.path().join("b-labels-idx1-ubyte")).unwrap();
        let missing = read(&root, "b-images-idx3-ubyte", 1.0).unwrap_err();
        assert!(
            missing
                .to_string()
                .contains("b-labels-idx1-ubyte.gz is there")
        );
    }
}
