use std::path::Path;

use snicit::{Activations, Inputs};

use super::{Form, npz_array};
use crate::arrays::{read_csv, read_idx, read_npy};
use crate::{DataError, Rounded, sdgc};

/// Reads the inputs of a network that takes `features` of them; see the [module](super) for the forms.
///
/// The pixels of images stay 0 to 255. Only `.tsv` depends on `features`; that inputs of another form
/// fit the network is for the engine to check.
///
/// # Errors
/// If the file cannot be read, is in none of the forms, or a number is malformed or not finite.
pub fn read_inputs(file: &Path, features: usize) -> Result<Rounded<Inputs>, DataError> {
    match Form::of(file)? {
        Form::Npy => read_npy(file)?.to_inputs(),
        Form::Npz => npz_array(file, "inputs")?.to_inputs(),
        Form::Tsv => Ok(Rounded::exact(sdgc::read_inputs(file, features, None)?)),
        Form::Csv => {
            let Rounded { value: array, rounded } = read_csv(file)?;
            Ok(Rounded { value: array.to_inputs()?.value, rounded })
        }
        Form::Idx => read_idx(file)?.to_inputs(),
        Form::Unknown => {
            let expected = "npy, npz, csv, tsv or IDX";
            Err(DataError::unexpected(file.display(), "the form of the inputs", "unknown", expected))
        }
    }
}

/// Every feature divided by `divisor`, 255 for the pixels of images.
///
/// # Errors
/// If a quotient is not finite.
pub fn divide(inputs: &Inputs, divisor: f32) -> Result<Inputs, DataError> {
    let divided = |values: &Activations| values.values().iter().map(|value| value / divisor).collect();
    let values = match inputs {
        Inputs::Bits(bits) => divided(&bits.to_activations()),
        Inputs::Values(values) => divided(values),
    };
    Ok(Activations::new(inputs.len(), inputs.features(), values)?.into())
}
