use std::path::Path;

use crate::DataError;
use crate::text::Source;

/// Unsigned bytes in three dimensions.
const IMAGES: u32 = 0x0803;
/// Unsigned bytes in one dimension.
const LABELS: u32 = 0x0801;

/// Grey images of one size: image by image, row by row, 8 bits a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    rows: usize,
    columns: usize,
    pixels: Vec<u8>,
}

impl Images {
    /// Takes the pixels of whole images, image by image, row by row.
    ///
    /// # Errors
    /// If there is no image, an image has no pixels, or the last image is not complete.
    pub fn new(rows: usize, columns: usize, pixels: Vec<u8>) -> Result<Self, DataError> {
        let whole = match rows.checked_mul(columns) {
            Some(size) if size > 0 => pixels.len().is_multiple_of(size),
            _ => false,
        };
        if pixels.is_empty() || !whole {
            return Err(DataError::InvalidRequest {
                what: "the number of pixels",
                found: pixels.len().to_string(),
                expected: format!("a positive multiple of {rows} × {columns}"),
            });
        }
        Ok(Images { rows, columns, pixels })
    }

    /// Number of images; at least 1.
    pub fn count(&self) -> usize {
        self.pixels.len() / (self.rows * self.columns)
    }

    /// Rows of an image.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of an image.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All pixels: pixel (row, column) of image `i` is at `(i·rows + row)·columns + column`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// Reads images in the IDX format of `train-images-idx3-ubyte`, plain or gzip.
///
/// The header is four big-endian 32-bit numbers (0x0803, images, rows, columns); the pixels follow.
///
/// # Errors
/// If the file cannot be read, its header is another one, or it is shorter or longer than it says.
pub fn read_images(file: &Path) -> Result<Images, DataError> {
    let mut source = Source::open(file)?;
    let wrong = |what, found: String, expected| wrong(file, what, found, expected);
    let expected = "IDX, unsigned bytes, three dimensions";
    let [count, rows, columns] = read_header(file, &mut source, IMAGES, expected)?;
    let size = format!("{count} images of {rows} × {columns} pixels");
    let total = count.checked_mul(rows).and_then(|n| n.checked_mul(columns));
    let Some(total) = total.filter(|&total| 0 < total && total < isize::MAX as usize) else {
        return Err(wrong("the size in the header", size, "1 to 2^63 pixels".to_owned()));
    };
    let pixels = read_exactly(file, &mut source, total, "the number of pixels", &size)?;
    Images::new(rows, columns, pixels)
}

/// Reads labels in the IDX format of `train-labels-idx1-ubyte`, plain or gzip.
///
/// The header is two big-endian 32-bit numbers (0x0801, labels); a byte a label follows.
///
/// # Errors
/// If the file cannot be read, its header is another one, or it is shorter or longer than it says.
pub fn read_labels(file: &Path) -> Result<Vec<u8>, DataError> {
    let mut source = Source::open(file)?;
    let expected = "IDX, unsigned bytes, one dimension";
    let [count] = read_header(file, &mut source, LABELS, expected)?;
    if count == 0 {
        let size = "0 labels".to_owned();
        return Err(wrong(file, "the size in the header", size, "at least 1 label".to_owned()));
    }
    read_exactly(file, &mut source, count, "the number of labels", "the header's")
}

/// The sizes in the header of a file that begins with `magic`, described by `expected`.
fn read_header<const N: usize>(
    file: &Path,
    source: &mut Source<'_>,
    magic: u32,
    expected: &str,
) -> Result<[usize; N], DataError> {
    let bytes = 4 * (N + 1);
    let header = source.read_at_most(bytes)?;
    if header.len() < bytes {
        let found = format!("{} bytes", header.len());
        return Err(wrong(file, "the length of the header", found, format!("{bytes} bytes")));
    }
    let number = |i: usize| header[4 * i..][..4].iter().fold(0, |n, &byte| n << 8 | u32::from(byte));
    if number(0) != magic {
        let expected = format!("{magic:#010x} ({expected})");
        return Err(wrong(file, "the magic number", format!("{:#010x}", number(0)), expected));
    }
    Ok(std::array::from_fn(|i| number(i + 1) as usize))
}

/// The rest of the file, which must have `length` bytes.
fn read_exactly(
    file: &Path,
    source: &mut Source<'_>,
    length: usize,
    what: &'static str,
    size: &str,
) -> Result<Vec<u8>, DataError> {
    // One more than there should be, to see whether the file is too long.
    let bytes = source.read_at_most(length + 1)?;
    if bytes.len() != length {
        let more = if bytes.len() > length { "more than " } else { "" };
        let found = format!("{more}{}", bytes.len().min(length));
        return Err(wrong(file, what, found, format!("{length} ({size})")));
    }
    Ok(bytes)
}

fn wrong(file: &Path, what: &'static str, found: String, expected: String) -> DataError {
    DataError::Idx { file: file.to_owned(), what, found, expected }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn idx(magic: u32, size: [u32; 3], pixels: usize) -> Vec<u8> {
        let header = [magic, size[0], size[1], size[2]];
        let pixels = (0..pixels).map(|i| i as u8);
        header.iter().flat_map(|number| number.to_be_bytes()).chain(pixels).collect()
    }

    fn read(content: &[u8]) -> Result<Images, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("images");
        fs::write(&file, content).unwrap();
        let folder = format!("{}/", folder.path().display());
        read_images(&file).map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[test]
    fn images_come_row_by_row() {
        let images = read(&idx(IMAGES, [2, 3, 4], 24)).unwrap();
        assert_eq!((images.count(), images.rows(), images.columns()), (2, 3, 4));
        assert_eq!(images.pixels(), (0..24).collect::<Vec<u8>>());
    }

    #[test]
    fn labels_are_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels");
        let read = |content: &[u8]| {
            fs::write(&file, content).unwrap();
            let folder = format!("{}/", folder.path().display());
            read_labels(&file).map_err(|error| error.to_string().replace(&folder, ""))
        };
        assert_eq!(read(b"\0\0\x08\x01\0\0\0\x03\x07\x02\x01"), Ok(vec![7, 2, 1]));
        for (content, expected) in [
            (&b"\0\0\x08\x01\0\0\0"[..], "the length of the header is 7 bytes, expected 8 bytes"),
            (
                b"\0\0\x08\x03\0\0\0\x01\x07",
                "the magic number is 0x00000803, expected 0x00000801 (IDX, unsigned bytes, one dimension)",
            ),
            (b"\0\0\x08\x01\0\0\0\0", "the size in the header is 0 labels, expected at least 1 label"),
            (b"\0\0\x08\x01\0\0\0\x03\x07\x02", "the number of labels is 2, expected 3 (the header's)"),
        ] {
            assert_eq!(read(content), Err(format!("labels: {expected}")));
        }
    }

    #[test]
    fn damaged_files_are_named() {
        let huge = [u32::MAX; 3];
        let table: &[(Vec<u8>, &str)] = &[
            (vec![], "images: the length of the header is 0 bytes, expected 16 bytes"),
            (
                idx(0x0801, [2, 3, 4], 24),
                "images: the magic number is 0x00000801, expected 0x00000803 (IDX, unsigned bytes, \
                 three dimensions)",
            ),
            (
                idx(IMAGES, [2, 3, 4], 23),
                "images: the number of pixels is 23, expected 24 (2 images of 3 × 4 pixels)",
            ),
            (
                idx(IMAGES, [2, 3, 4], 40),
                "images: the number of pixels is more than 24, expected 24 (2 images of 3 × 4 pixels)",
            ),
            (
                idx(IMAGES, [0, 28, 28], 0),
                "images: the size in the header is 0 images of 28 × 28 pixels, expected 1 to 2^63 \
                 pixels",
            ),
            (
                idx(IMAGES, huge, 10),
                "images: the size in the header is 4294967295 images of 4294967295 × 4294967295 pixels, \
                 expected 1 to 2^63 pixels",
            ),
            (
                idx(IMAGES, [u32::MAX, 28, 28], 10),
                "images: the number of pixels is 10, expected 3367254359280 (4294967295 images of \
                 28 × 28 pixels)",
            ),
        ];
        for (content, expected) in table {
            assert_eq!(read(content), Err((*expected).to_owned()));
        }
        assert!(Images::new(2, 2, vec![0; 7]).is_err());
        assert!(Images::new(0, 2, vec![]).is_err());
    }
}
