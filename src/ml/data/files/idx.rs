//! IDX files, the format of MNIST and its successors: images in one file, their classes in another.
//!
//! Big-endian: two zero bytes, the kind of the values (8: bytes), the number of dimensions, the
//! dimensions (`u32` each), the values (LeCun, Cortes, Burges, "The MNIST database of handwritten
//! digits"). `*images-idx3-ubyte` has its classes beside it in `*labels-idx1-ubyte`; either may be
//! packed (`.gz`).

use super::format::{Column, Format};
use super::input::{Input, product};
use super::labels::Labels;
use super::table::Table;
use crate::ml::data::{DataError, MAX_FEATURES, MAX_ROWS, Root, TargetKind};

/// What bytes are divided by unless another scale is said: pixels then lie from 0 to 1.
pub(super) const BYTE_SCALE: f32 = 255.0;
/// Most dimensions of an array of images.
const MAX_DIMENSIONS: u8 = 8;

/// Whether a file of this name, without `.gz`, is an IDX file.
pub(super) fn is_idx(name: &str) -> bool {
    name.ends_with("-ubyte") && name.contains("idx")
}

/// Whether a file of this name holds images, and not classes.
pub(super) fn is_images(name: &str) -> bool {
    is_idx(name) && name.contains("images")
}

/// Reads images with their classes.
pub(super) fn read(root: &Root, path: &str, format: &Format) -> Result<Table, DataError> {
    if format.header.is_some() || format.target != Column::Last || format.kind != TargetKind::Class
    {
        let reason = "`header`, `label` and `target` are for other files: an IDX file has its classes beside it";
        return Err(DataError::file(path, reason));
    }
    let beside = labels_beside(root, path)?;
    let mut images = Input::open(root, path)?;
    let shape = shape(path, &mut images)?;
    let (rows, width) = (shape[0], shape[1..].iter().product::<usize>());
    if shape.len() < 2 {
        let reason = "it has one dimension, as classes have; name the file of the images";
        return Err(DataError::file(path, reason));
    }
    if rows > MAX_ROWS || width > MAX_FEATURES {
        let reason = format!("it has {rows} rows of {width} features");
        return Err(DataError::file(path, reason));
    }
    let length = images.announced(rows, width)?;

    let mut classes = Input::open(root, &beside)?;
    let others = self::shape(&beside, &mut classes)?;
    if others != [rows] {
        let reason = format!("its dimensions are {others:?}, but {path} has {rows} rows");
        return Err(DataError::file(&beside, reason));
    }
    let mut labels = Vec::with_capacity(classes.announced(rows, 1)? as usize);
    let take = |bytes: &[u8]| labels.extend(bytes.iter().map(|byte| u32::from(*byte)));
    classes.body(rows as u64, take)?;

    let scale = format.scale.unwrap_or(BYTE_SCALE);
    let values: [f32; 256] = std::array::from_fn(|byte| byte as f32 / scale);
    let mut features = Vec::with_capacity(length as usize);
    images.body(length, |bytes| {
        features.extend(bytes.iter().map(|byte| values[usize::from(*byte)]));
    })?;
    Ok(Table::of(path, width, features, Labels::Numbers(labels)))
}

/// The dimensions of an array of bytes. Their product fits.
fn shape(path: &str, input: &mut Input) -> Result<Vec<usize>, DataError> {
    let [zero, also_zero, kind, dimensions] = input.header()?;
    if (zero, also_zero) != (0, 0) {
        return Err(DataError::file(
            path,
            "it does not start as an IDX file does",
        ));
    }
    if kind != 8 {
        let reason = format!("its values are of kind {kind:#04x}; only bytes (0x08) are read");
        return Err(DataError::file(path, reason));
    }
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        let reason = format!("it has {dimensions} dimensions; 1 to {MAX_DIMENSIONS} are read");
        return Err(DataError::file(path, reason));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(u32::from_be_bytes(input.header()?) as usize);
    }
    if product(&shape).is_none() {
        let reason = format!("its dimensions {shape:?} hold no rows, or more than can be");
        return Err(DataError::file(path, reason));
    }
    Ok(shape)
}

/// The files that may hold the classes of the images at `path`; none where its name does not say that it holds images.
pub(super) fn beside(path: &str) -> Vec<String> {
    let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
    if !name.contains("images") {
        return Vec::new();
    }
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let mut plain = plain.replace("images", "labels");
    for dimensions in '2'..='9' {
        plain = plain.replace(&format!("idx{dimensions}"), "idx1");
    }
    vec![format!("{folder}{plain}"), format!("{folder}{plain}.gz")]
}

/// The file of the classes that belong to a file of images.
fn labels_beside(root: &Root, path: &str) -> Result<String, DataError> {
    let files = beside(path);
    for file in &files {
        if root.holds(file)? {
            return Ok(file.clone());
        }
    }
    let reason = match &files[..] {
        [plain, packed] => {
            format!("its classes are missing: there is no {plain} and no {packed}")
        }
        _ => "its name does not say `images`, so its classes cannot be found".to_owned(),
    };
    Err(DataError::file(path, reason))
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{gzip, open};
    use super::super::path::tests::Folder;

    fn images(rows: u32) -> Vec<u8> {
        let mut bytes = b"\x00\x00\x08\x03".to_vec();
        bytes.extend([rows, 2, 2].iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend((0..rows * 4).map(|value| (value * 51) as u8));
        bytes
    }

    fn labels(rows: u32) -> Vec<u8> {
        let mut bytes = b"\x00\x00\x08\x01".to_vec();
        bytes.extend(rows.to_be_bytes());
        bytes.extend((0..rows).map(|row| (row % 3) as u8));
        bytes
    }

    const IMAGES: &str = "d/a-images-idx3-ubyte";
    const LABELS: &str = "d/a-labels-idx1-ubyte";

    fn error(images: &[u8], labels: &[u8]) -> String {
        let folder = Folder::of(&[(IMAGES, images), (LABELS, labels)]);
        open(&folder, &format!("path:{IMAGES}")).unwrap_err()
    }

    #[test]
    fn images_have_their_classes_beside_them() {
        let (images, labels) = (images(5), labels(5));
        let plain = Folder::of(&[(IMAGES, &images), (LABELS, &labels)]);
        let data = open(&plain, &format!("path:{IMAGES}")).unwrap();
        assert_eq!((data.rows(), data.width(), data.classes()), (5, 4, 3));
        assert_eq!(data.row(0), [0.0, 0.2, 0.4, 0.6]);
        assert_eq!(data.labels(), [0, 1, 2, 0, 1]);
        let raw = open(&plain, &format!("path:{IMAGES},scale=1")).unwrap();
        assert_eq!(raw.row(0), [0.0, 51.0, 102.0, 153.0]);
        let elsewhere = Folder::of(&[
            ("idx3/images-idx3-ubyte", &images),
            ("idx3/labels-idx1-ubyte", &labels),
        ]);
        let same = open(&elsewhere, "path:idx3/images-idx3-ubyte");
        assert_eq!(same.as_ref(), Ok(&data), "names of folders stay");
        let packed = format!("{IMAGES}.gz");
        let mixed = Folder::of(&[(&packed, &gzip(&images)), (LABELS, &labels)]);
        assert_eq!(open(&mixed, &format!("path:{packed}")), Ok(data));
    }

    #[test]
    fn headers_that_lie_are_found_before_memory_is_taken() {
        let (images, labels) = (images(5), labels(5));
        for (place, text) in [(4, "announces"), (7, "ends before")] {
            let mut lie = images.clone();
            lie[place] = 0x7f;
            let folder = Folder::of(&[
                (&format!("{IMAGES}.gz"), &gzip(&lie)),
                (
                    LABELS,
                    &[&b"\0\0\x08\x01"[..], &lie[4..8], &[0; 127]].concat(),
                ),
            ]);
            let error = open(&folder, &format!("path:{IMAGES}.gz")).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        let mut lie = images.clone();
        lie[4] = 0x7f;
        assert!(error(&lie, &labels).contains("announces 2130706437 rows of 4 bytes"));
        lie[4..16].fill(0xff);
        assert!(error(&lie, &labels).contains("more than can be"));
        for end in 0..images.len() {
            let error = error(&images[..end], &labels);
            assert!(error.starts_with(IMAGES), "{end}: {error}");
        }
        for end in 0..labels.len() {
            let error = error(&images, &labels[..end]);
            assert!(error.starts_with(LABELS), "{end}: {error}");
        }
        let more = error(&[&images[..], &[0]].concat(), &labels);
        assert!(more.contains("more bytes follow"), "{more}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let images = images(5);
        assert!(error(&images, &labels(4)).contains("its dimensions are [4], but"));
        assert!(error(b"\x01\0\x08\x03", &labels(5)).contains("does not start"));
        assert!(error(b"\0\0\x0d\x03", &labels(5)).contains("only bytes"));
        assert!(error(&labels(5), &labels(5)).contains("one dimension"));
        let alone = Folder::of(&[(IMAGES, &images)]);
        let missing = open(&alone, &format!("path:{IMAGES}")).unwrap_err();
        assert!(
            missing.contains(LABELS) && missing.contains("missing"),
            "{missing}"
        );
        let option = open(&alone, &format!("path:{IMAGES},label=2")).unwrap_err();
        assert!(option.contains("`label`"), "{option}");
        let packed = format!("{IMAGES}.gz");
        let mut damaged = gzip(&images);
        let last = damaged.len() - 5; // in the check sum
        damaged[last] ^= 1;
        let folder = Folder::of(&[(&packed, &damaged), (LABELS, &labels(5))]);
        assert!(open(&folder, &format!("path:{packed}")).is_err());
    }
}
