use std::path::Path;

use super::{Form, npz_array};
use crate::DataError;
use crate::arrays::{read_csv, read_idx, read_npy};

/// Reads labels, whole numbers from 0; see the [module](super) for the forms.
///
/// # Errors
/// If the file cannot be read, or something in it is no label.
pub fn read_labels(file: &Path) -> Result<Vec<u32>, DataError> {
    match Form::of(file)? {
        Form::Npy => read_npy(file)?.to_labels(),
        Form::Npz => npz_array(file, "labels")?.to_labels(),
        Form::Idx => read_idx(file)?.to_labels(),
        Form::Csv | Form::Tsv | Form::Unknown => text(file),
    }
}

fn text(file: &Path) -> Result<Vec<u32>, DataError> {
    /// Beyond it, not every whole number is a float32.
    const LARGEST: f32 = 16_777_216.0;
    let array = read_csv(file)?.value;
    if let &[_, columns] = array.shape()
        && columns != 1
    {
        return Err(array.unexpected("the number of columns", columns.to_string(), "1, the label"));
    }
    let label = |(i, &label): (usize, &f32)| {
        if (0.0..=LARGEST).contains(&label) && label.fract() == 0.0 {
            return Ok(label as u32);
        }
        let what = format!("label {}", i + 1);
        Err(array.unexpected(what, label.to_string(), "a whole number from 0"))
    };
    array.to_f32()?.value.iter().enumerate().map(label).collect()
}
