//! Dense arrays in numpy's files: `.npy` (one array) and `.npz` (a zip archive of named ones); also in IDX and
//! CSV files.
//!
//! Of numpy's, all versions (1 to 3), both byte orders, C and Fortran order, and these types are read:
//!
//! | numpy | `descr` | here |
//! | --- | --- | --- |
//! | `bool` | `b1` | [`Values::Bool`] |
//! | `int8` … `int64`, `uint8` … `uint64` | `i1` … `u8` | [`Values::I8`] … [`Values::U64`] |
//! | `float16`, `float32`, `float64` | `f2`, `f4`, `f8` | [`Values::F16`], [`Values::F32`], [`Values::F64`] |
//!
//! What is written is version 1 (2 for a header that long), little-endian, in C order, with the type it
//! has. Nothing is reserved before the file, or the archive's member, has proved to hold as much.
//!
//! Format: `numpy.lib.format` in numpy's manual (NEP 1).

mod conversions;
mod csv;
mod element;
mod header;
mod idx;
mod npy;
mod npz;
mod order;
mod values;

pub use csv::{read_csv, write_csv};
use element::Kind;
pub use idx::{read_idx, write_idx};
pub use npy::{read_npy, write_npy};
pub(crate) use npz::write_npz_with_text;
pub use npz::{NpzReader, Packing, write_npz};
pub use values::Values;

use crate::DataError;

/// A dense array of any number of dimensions, in C order: the last index runs fastest.
#[derive(Debug, Clone)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
    /// For messages: the file, and the member of an archive.
    place: String,
}

/// Where it came from is no part of an array.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.values == other.values
    }
}

impl Array {
    /// Takes the elements of an array of this shape, in C order.
    ///
    /// # Errors
    /// If their number is not the product of the shape (1 for an empty shape).
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self, DataError> {
        let array = Array { shape, values, place: "the array".to_owned() };
        let found = array.values.len();
        match elements_of(&array.shape) {
            Some(elements) if elements == found => Ok(array),
            _ => {
                let expected = format!("that of shape {}", shown_shape(&array.shape));
                Err(array.unexpected("the number of elements", found.to_string(), expected))
            }
        }
    }

    /// The length of each dimension; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, in C order.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The elements, in C order.
    pub fn into_values(self) -> Values {
        self.values
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where it came from, for messages: the file, and the member if it is an archive.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// An error about this array, in the form of all errors: where, what, found, expected.
    pub fn unexpected(
        &self,
        what: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> DataError {
        DataError::unexpected(&self.place, what, found, expected)
    }

    /// The length of the only dimension.
    ///
    /// # Errors
    /// If there are more dimensions, or none.
    pub fn vector_length(&self) -> Result<usize, DataError> {
        match self.shape[..] {
            [length] => Ok(length),
            _ => Err(self.unexpected("the shape", shown_shape(&self.shape), "one dimension")),
        }
    }
}

/// The number of elements; `None` if there cannot be so many.
fn elements_of(shape: &[usize]) -> Option<usize> {
    // A 0 anywhere makes the array empty, whatever the other lengths are.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length))
}

/// As numpy shows it: `(3, 4)`, `(3,)`, `()`.
fn shown_shape(shape: &[usize]) -> String {
    match shape {
        [length] => format!("({length},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}
