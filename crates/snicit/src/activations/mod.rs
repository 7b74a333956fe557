//! What flows through a network: inputs, activations between layers, and the output.

mod bits;
mod inputs;
mod output;

pub use bits::BitActivations;
pub use inputs::{InputBatch, Inputs};
pub use output::{Column, Output};

use crate::Error;

/// Activations as float32, inputs-major: the features of one input are contiguous.
///
/// In the papers' terms this is the matrix `Y`, features × inputs, stored column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Activations {
    inputs: usize,
    features: usize,
    values: Vec<f32>,
}

impl Activations {
    /// Takes `inputs × features` finite values.
    ///
    /// # Errors
    /// If the length differs or a value is NaN or infinite.
    pub fn new(inputs: usize, features: usize, values: Vec<f32>) -> Result<Self, Error> {
        let expected = inputs.saturating_mul(features);
        if values.len() != expected {
            let found = values.len();
            return Err(Error::ActivationsLength { inputs, features, expected, found });
        }
        if let Some(i) = values.iter().position(|value| !value.is_finite()) {
            let (input, feature) = (i / features + 1, i % features + 1);
            return Err(Error::ActivationNotFinite { input, feature, value: values[i] });
        }
        Ok(Activations { inputs, features, values })
    }

    /// `inputs × features` zeros.
    pub fn zeros(inputs: usize, features: usize) -> Self {
        Activations { inputs, features, values: vec![0.0; inputs * features] }
    }

    /// Number of inputs (columns of `Y`).
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Features of an input (rows of `Y`).
    pub fn features(&self) -> usize {
        self.features
    }

    /// The features of input `input` (0-based).
    pub fn column(&self, input: usize) -> &[f32] {
        &self.values[input * self.features..][..self.features]
    }

    /// The features of input `input` (0-based), to write.
    pub fn column_mut(&mut self, input: usize) -> &mut [f32] {
        &mut self.values[input * self.features..][..self.features]
    }

    /// All values, input by input.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}
