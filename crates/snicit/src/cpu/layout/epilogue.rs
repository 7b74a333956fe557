use crate::network::{Activation, Layer};

/// What follows the sparse product: `clamp(z + bias)`, for every output neuron.
#[derive(Debug, Clone)]
pub(in crate::cpu) struct Epilogue {
    /// One value an output neuron.
    pub(in crate::cpu) bias: Vec<f32>,
    pub(in crate::cpu) low: f32,
    pub(in crate::cpu) high: f32,
}

impl Epilogue {
    /// Bias and activation of `layer`.
    pub(in crate::cpu) fn of(layer: &Layer) -> Self {
        let (low, high) = layer.activation().bounds();
        Epilogue { bias: layer.bias().to_vec(layer.outputs()), low, high }
    }

    /// The bias of `layer` without its activation.
    pub(in crate::cpu) fn bias_only(layer: &Layer) -> Self {
        let (low, high) = Activation::Identity.bounds();
        Epilogue { low, high, ..Self::of(layer) }
    }

    /// Neither bias nor activation: the bare product.
    pub(in crate::cpu) fn none(outputs: usize) -> Self {
        let (low, high) = Activation::Identity.bounds();
        Epilogue { bias: vec![0.0; outputs], low, high }
    }
}
