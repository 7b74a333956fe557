//! The test set of D: what the convolutions put out for CIFAR-10's test images, and their labels.
//!
//! A safetensors file with the tensors `features` (inputs × features; U8, to be divided by 255, or F32, F16,
//! BF16) and `labels` (U8, one an input).

use std::path::Path;

use snicit::Activations;

use crate::DataError;
use crate::model::{ModelProblem, Tensors};

/// Inputs of `width` features and their labels from the contents of a file; `file` is its name for messages.
pub(super) fn read(
    file: &Path,
    bytes: &[u8],
    width: usize,
) -> Result<(Activations, Vec<u8>), DataError> {
    parse(bytes, width).map_err(|problem| DataError::ModelFile { file: file.to_owned(), problem })
}

fn parse(bytes: &[u8], width: usize) -> Result<(Activations, Vec<u8>), ModelProblem> {
    let tensors = Tensors::parse(bytes)?;
    let (features, labels) = (tensors.get("features")?, tensors.get("labels")?);
    let (inputs, found) = features.expect_matrix()?;
    if found != width {
        return Err(features.wrong_shape(format!("[{inputs}, {width}]")));
    }
    labels.expect_vector(Some(inputs))?;
    let values = if features.is_u8() { unit_interval(features.bytes()?) } else { features.floats()? };
    Ok((Activations::new(inputs, width, values)?, labels.bytes()?.to_vec()))
}

/// Bytes as numbers from 0 to 1.
pub(super) fn unit_interval(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect()
}
