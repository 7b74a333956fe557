use std::path::Path;

use crate::DataError;
use crate::text::Source;

/// Unsigned bytes in three dimensions.
const MAGIC: u32 = 0x0803;
const HEADER_BYTES: usize = 16;

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
    let wrong = |what, found: String, expected: String| DataError::Idx {
        file: file.to_owned(),
        what,
        found,
        expected,
    };
    let header = source.read_at_most(HEADER_BYTES)?;
    if header.len() < HEADER_BYTES {
        let found = format!("{} bytes", header.len());
        return Err(wrong("the length of the header", found, format!("{HEADER_BYTES} bytes")));
    }
    let number = |i: usize| header[4 * i..][..4].iter().fold(0, |n, &byte| n << 8 | u32::from(byte));
    if number(0) != MAGIC {
        let expected = format!("{MAGIC:#010x} (IDX, unsigned bytes, three dimensions)");
        return Err(wrong("the magic number", format!("{:#010x}", number(0)), expected));
    }
    let [count, rows, columns] = [1, 2, 3].map(|i| number(i) as usize);
    let size = format!("{count} images of {rows} × {columns} pixels");
    let total = count.checked_mul(rows).and_then(|n| n.checked_mul(columns));
    let Some(total) = total.filter(|&total| 0 < total && total < isize::MAX as usize) else {
        return Err(wrong("the size in the header", size, "1 to 2^63 pixels".to_owned()));
    };
    // One more than there should be, to see whether the file is too long.
    let pixels = source.read_at_most(total + 1)?;
    if pixels.len() != total {
        let more = if pixels.len() > total { "more than " } else { "" };
        let found = format!("{more}{}", pixels.len().min(total));
        return Err(wrong("the number of pixels", found, format!("{total} ({size})")));
    }
    Images::new(rows, columns, pixels)
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
        let images = read(&idx(MAGIC, [2, 3, 4], 24)).unwrap();
        assert_eq!((images.count(), images.rows(), images.columns()), (2, 3, 4));
        assert_eq!(images.pixels(), (0..24).collect::<Vec<u8>>());
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
                idx(MAGIC, [2, 3, 4], 23),
                "images: the number of pixels is 23, expected 24 (2 images of 3 × 4 pixels)",
            ),
            (
                idx(MAGIC, [2, 3, 4], 40),
                "images: the number of pixels is more than 24, expected 24 (2 images of 3 × 4 pixels)",
            ),
            (
                idx(MAGIC, [0, 28, 28], 0),
                "images: the size in the header is 0 images of 28 × 28 pixels, expected 1 to 2^63 \
                 pixels",
            ),
            (
                idx(MAGIC, huge, 10),
                "images: the size in the header is 4294967295 images of 4294967295 × 4294967295 pixels, \
                 expected 1 to 2^63 pixels",
            ),
            (
                idx(MAGIC, [u32::MAX, 28, 28], 10),
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
