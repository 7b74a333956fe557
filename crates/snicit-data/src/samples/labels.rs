use std::path::Path;

use super::{Form, csv, npz_array};
use crate::arrays::read_npy;
use crate::{DataError, mnist};

/// Reads labels, whole numbers from 0; see the [module](super) for the forms.
///
/// # Errors
/// If the file cannot be read, or something in it is no label.
pub fn read_labels(file: &Path) -> Result<Vec<u32>, DataError> {
    match Form::of(file)? {
        Form::Npy => read_npy(file)?.to_labels(),
        Form::Npz => npz_array(file, "labels")?.to_labels(),
        Form::Idx => Ok(mnist::read_labels(file)?.into_iter().map(u32::from).collect()),
        Form::Csv | Form::Tsv | Form::Unknown => text(file),
    }
}

fn text(file: &Path) -> Result<Vec<u32>, DataError> {
    /// Beyond it, not every whole number is a float32.
    const LARGEST: f32 = 16_777_216.0;
    let table = csv::read(file, "label")?;
    if table.columns != 1 {
        let found = table.columns.to_string();
        return Err(DataError::unexpected(
            file.display(),
            "the number of columns",
            found,
            "1, the label",
        ));
    }
    let label = |(i, &label): (usize, &f32)| {
        if (0.0..=LARGEST).contains(&label) && label.fract() == 0.0 {
            return Ok(label as u32);
        }
        let what = format!("label {}", i + 1);
        Err(DataError::unexpected(file.display(), what, label.to_string(), "a whole number from 0"))
    };
    table.values.iter().enumerate().map(label).collect()
}
