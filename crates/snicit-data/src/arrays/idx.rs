//! IDX, the format of MNIST's files: two zeros, the type, the number of dimensions, each of them as a
//! big-endian 32-bit number, and the elements, big-endian, the last index running fastest.

use std::path::Path;

use super::element::Element;
use super::npy::Bytes;
use super::values::with_vector;
use super::{Array, Kind, shown_shape};
use crate::text::{Source, write_file};
use crate::{DataError, text};

/// The types that IDX has, by their byte in the header.
const TYPES: [(u8, Kind); 6] = [
    (0x08, Kind::U8),
    (0x09, Kind::I8),
    (0x0b, Kind::I16),
    (0x0c, Kind::I32),
    (0x0d, Kind::F32),
    (0x0e, Kind::F64),
];

/// Reads an array of any type and number of dimensions from an IDX file, plain or gzip.
///
/// # Errors
/// If the file cannot be read, its header is another one, or it is shorter or longer than it says.
pub fn read_idx(file: &Path) -> Result<Array, DataError> {
    let mut source = Source::open(file)?;
    let length = source.plain_length();
    let mut read = |buffer: &mut [u8]| source.read(buffer);
    let mut bytes = Bytes { place: file.display().to_string(), length, read: &mut read };
    let mut magic = [0; 4];
    let found = bytes.fill(&mut magic)?;
    let kind = TYPES.iter().find(|(code, _)| *code == magic[2]).map(|(_, kind)| *kind);
    let (4, [0, 0, _, dimensions], Some(kind)) = (found, magic, kind) else {
        let expected = "0, 0, a type (8, 9, 11 to 14) and a number of dimensions (an IDX file)";
        return Err(DataError::unexpected(
            file.display(),
            "the beginning",
            format!("{:?}", &magic[..found]),
            expected,
        ));
    };
    let mut shape = Vec::new();
    for dimension in 1..=dimensions {
        let mut size = [0; 4];
        if bytes.fill(&mut size)? < 4 {
            let what = format!("the size of dimension {dimension} of {dimensions}");
            return Err(DataError::unexpected(file.display(), what, "missing", "4 bytes"));
        }
        shape.push(u32::from_be_bytes(size) as usize);
    }
    bytes.elements_of(kind, true, shape, 4 * (usize::from(dimensions) + 1))
}

/// Writes an array as an IDX file; gzip if the name ends in `.gz`. `bool` becomes unsigned bytes.
///
/// # Errors
/// If IDX has no such type or size, or the file cannot be written.
pub fn write_idx(file: &Path, array: &Array) -> Result<(), DataError> {
    let kind = match array.values.kind() {
        Kind::Bool => Kind::U8,
        kind => kind,
    };
    let Some((code, _)) = TYPES.iter().find(|(_, known)| *known == kind) else {
        let expected = "uint8, int8, int16, int32, float32 or float64 for IDX";
        return Err(array.unexpected("the type of the elements", array.values.type_name(), expected));
    };
    let sizes: Option<Vec<u32>> = array.shape.iter().map(|&size| u32::try_from(size).ok()).collect();
    let (Some(sizes), Ok(dimensions)) = (sizes, u8::try_from(array.shape.len())) else {
        let found = shown_shape(&array.shape);
        return Err(array.unexpected("the shape", found, "sizes below 2^32 for IDX"));
    };
    write_file(file, |writer| {
        writer.write_all(&[0, 0, *code, dimensions])?;
        for size in &sizes {
            writer.write_all(&size.to_be_bytes())?;
        }
        let mut bytes = Vec::new();
        with_vector!(&array.values, elements => {
            for piece in elements.chunks(text::BLOCK_BYTES / 8) {
                bytes.clear();
                for element in piece {
                    let start = bytes.len();
                    element.put(&mut bytes);
                    bytes[start..].reverse();
                }
                writer.write_all(&bytes)?;
            }
        });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Values;
    use super::*;

    #[test]
    fn every_type_comes_back_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-idx");
        for values in [
            Values::U8(vec![0, 1, 255, 3, 4, 5]),
            Values::I8(vec![0, 1, -1, 3, 4, 5]),
            Values::I16(vec![0, 1, -300, 3, 4, 5]),
            Values::I32(vec![0, 1, -70_000, 3, 4, 5]),
            Values::F32(vec![0.0, -0.0, 1e-40, 3.5, 4.0, 5.0]),
            Values::F64(vec![0.1, -0.0, 1e300, 3.5, 4.0, 5.0]),
        ] {
            let array = Array::new(vec![2, 3], values).unwrap();
            write_idx(&file, &array).unwrap();
            assert_eq!(read_idx(&file).unwrap(), array);
        }
        let message = |content: &[u8]| {
            fs::write(&file, content).unwrap();
            let folder = format!("{}/", folder.path().display());
            read_idx(&file).unwrap_err().to_string().replace(&folder, "")
        };
        let beginning = "0, 0, a type (8, 9, 11 to 14) and a number of dimensions (an IDX file)";
        assert_eq!(message(b"\0\0"), format!("a-idx: the beginning is [0, 0], expected {beginning}"));
        assert_eq!(
            message(b"\0\0\x07\x01"),
            format!("a-idx: the beginning is [0, 0, 7, 1], expected {beginning}")
        );
        assert_eq!(
            message(b"\0\0\x08\x02\0\0\0\x01"),
            "a-idx: the size of dimension 2 of 2 is missing, expected 4 bytes"
        );
        assert_eq!(
            message(b"\0\0\x0d\x01\xff\xff\xff\xff\x01"),
            "a-idx: the data is 1 bytes, expected 17179869180 bytes (shape (4294967295,))"
        );
        let array = Array::new(vec![1], Values::U64(vec![1])).unwrap();
        assert_eq!(
            write_idx(&file, &array).unwrap_err().to_string(),
            "the array: the type of the elements is uint64, expected uint8, int8, int16, int32, float32 or \
             float64 for IDX"
        );
    }
}
