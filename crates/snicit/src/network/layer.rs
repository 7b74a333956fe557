use super::{Activation, Bias, SparseWeights};
use crate::Error;

/// One layer, `Y' = σ(W·Y + b)`.
#[derive(Debug, Clone)]
pub struct Layer {
    weights: SparseWeights,
    bias: Bias,
    activation: Activation,
}

impl Layer {
    /// Puts a layer together.
    ///
    /// # Errors
    /// If the bias has another length than there are output neurons, a bias is not finite, or the
    /// activation's bound is not positive.
    pub fn new(weights: SparseWeights, bias: Bias, activation: Activation) -> Result<Self, Error> {
        bias.validate(weights.outputs())?;
        activation.validate()?;
        Ok(Layer { weights, bias, activation })
    }

    /// Input neurons.
    pub fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    /// Output neurons.
    pub fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    /// `W`.
    pub fn weights(&self) -> &SparseWeights {
        &self.weights
    }

    /// `b`.
    pub fn bias(&self) -> &Bias {
        &self.bias
    }

    /// σ.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Whether an all-zero column stays all zero: `σ(b) = 0` for every output neuron.
    pub fn preserves_zero(&self) -> bool {
        let zero = |bias: &f32| self.activation.apply(*bias) == 0.0;
        match &self.bias {
            Bias::Uniform(bias) => zero(bias) || self.outputs() == 0,
            Bias::PerNeuron(biases) => biases.iter().all(zero),
        }
    }
}
