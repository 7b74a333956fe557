use crate::Error;

/// The bias `b` of a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Bias {
    /// The same value for every output neuron.
    Uniform(f32),
    /// One value for each output neuron, in their order.
    PerNeuron(Vec<f32>),
}

impl Bias {
    /// The bias of output neuron `neuron` (0-based).
    pub fn of(&self, neuron: usize) -> f32 {
        match self {
            Bias::Uniform(value) => *value,
            Bias::PerNeuron(values) => values[neuron],
        }
    }

    /// The biases of all `outputs` neurons.
    pub fn to_vec(&self, outputs: usize) -> Vec<f32> {
        (0..outputs).map(|neuron| self.of(neuron)).collect()
    }

    pub(super) fn validate(&self, outputs: usize) -> Result<(), Error> {
        let values = match self {
            Bias::Uniform(value) => std::slice::from_ref(value),
            Bias::PerNeuron(values) if values.len() != outputs => {
                return Err(Error::BiasLength { expected: outputs, found: values.len() });
            }
            Bias::PerNeuron(values) => values,
        };
        match values.iter().position(|value| !value.is_finite()) {
            Some(i) => Err(Error::BiasNotFinite { neuron: i + 1, value: values[i] }),
            None => Ok(()),
        }
    }
}
