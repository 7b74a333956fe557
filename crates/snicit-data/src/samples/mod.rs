//! Inputs, labels and answers of trained networks, in the files that people keep them in.
//!
//! | form | inputs | labels | answers |
//! | --- | --- | --- | --- |
//! | `.npy` | inputs × features (further dimensions are features) | one integer an input | float32, uint32 |
//! | `.npz` | its only array, or the one named `inputs` | its only array, or `labels` | |
//! | `.csv` | an input a line | a label a line | an input a line |
//! | `.tsv` | the Graph Challenge's, with the network's number of features | | |
//! | `.json` | | | a list |
//! | IDX, whatever the name | images, any array | labels | |
//!
//! CSV has comma-separated numbers and may have a header, a first line without any number. Labels may be in
//! a text file of any name. All inputs and labels but `.npz` may be gzip; `.gz` then follows the ending.

mod answers;
mod inputs;
mod labels;

pub use answers::{AnswerForm, Answers, write_answers};
pub use inputs::{divide, read_inputs};
pub use labels::read_labels;

use std::path::Path;

use crate::DataError;
use crate::arrays::{Array, NpzReader};
use crate::text::Source;

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Npy,
    Npz,
    Csv,
    Tsv,
    Idx,
    Unknown,
}

impl Form {
    /// By the first bytes, if they tell, else by the ending of the name.
    fn of(file: &Path) -> Result<Self, DataError> {
        let start = Source::open(file)?.read_at_most(6)?;
        if start == b"\x93NUMPY" {
            return Ok(Form::Npy);
        }
        if start.starts_with(b"PK\x03\x04") {
            return Ok(Form::Npz);
        }
        if start.starts_with(&[0, 0, 8]) {
            return Ok(Form::Idx);
        }
        let name = file.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let forms = [(".npy", Form::Npy), (".npz", Form::Npz), (".csv", Form::Csv), (".tsv", Form::Tsv)];
        let form = forms.into_iter().find(|(ending, _)| name.ends_with(ending));
        Ok(form.map_or(Form::Unknown, |(_, form)| form))
    }
}

/// The only array of an archive, or the one of this name.
fn npz_array(file: &Path, name: &str) -> Result<Array, DataError> {
    let mut archive = NpzReader::open(file)?;
    let names = archive.names();
    match names.as_slice() {
        [only] => archive.read(only),
        names if names.iter().any(|other| other == name) => archive.read(name),
        names => {
            let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let expected = format!("one, or one that is named {name}");
            Err(DataError::unexpected(file.display(), "the arrays", found, expected))
        }
    }
}
