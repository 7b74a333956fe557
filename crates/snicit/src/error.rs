use crate::network::InvalidWeights;

/// What can be wrong with a network, its inputs, or a request to infer.
///
/// Layers, inputs and features are counted from 1 in the messages, as in the Graph Challenge's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The weights of one layer are malformed.
    #[error("{0}")]
    Weights(#[from] InvalidWeights),
    /// A layer's bias vector is not as long as the layer has output neurons.
    #[error("the bias has {found} values, the layer has {expected} output neurons")]
    BiasLength {
        /// Output neurons of the layer.
        expected: usize,
        /// Length of the bias vector.
        found: usize,
    },
    /// A bias is NaN or infinite.
    #[error("the bias of output neuron {neuron} is {value}, expected a finite number")]
    BiasNotFinite {
        /// Output neuron, 1-based.
        neuron: usize,
        /// The value found.
        value: f32,
    },
    /// The upper bound of a clipped ReLU is not a positive number.
    #[error("the upper bound of the ReLU is {0}, expected a number above 0")]
    ActivationBound(f32),
    /// A layer does not take as many inputs as the layer before it puts out.
    #[error(
        "layer {layer} takes {found} inputs, but layer {} puts out {expected}", layer - 1
    )]
    WidthMismatch {
        /// The layer that does not fit, 1-based.
        layer: usize,
        /// Outputs of the layer before.
        expected: usize,
        /// Inputs of this layer.
        found: usize,
    },
    /// A network needs at least one layer.
    #[error("the network has no layers")]
    NoLayers,
    /// There is nothing to infer.
    #[error("there are no inputs")]
    NoInputs,
    /// The inputs do not fit the network's first layer.
    #[error("the inputs have {found} features, but the network's first layer takes {expected}")]
    InputWidth {
        /// Inputs of the first layer.
        expected: usize,
        /// Features of the inputs.
        found: usize,
    },
    /// The length of an activations buffer is not `inputs × features`.
    #[error("{inputs} inputs of {features} features need {expected} values, found {found}")]
    ActivationsLength {
        /// Number of inputs.
        inputs: usize,
        /// Features of an input.
        features: usize,
        /// `inputs × features`.
        expected: usize,
        /// Length of the buffer.
        found: usize,
    },
    /// The number of words of binary activations is not that of their inputs and features.
    #[error("{inputs} inputs of {features} features need {expected} words of 64 bits, found {found}")]
    BitWords {
        /// Number of inputs.
        inputs: usize,
        /// Features of an input.
        features: usize,
        /// Words they need.
        expected: usize,
        /// Words found.
        found: usize,
    },
    /// A bit of binary activations is 1 that belongs to no feature.
    #[error("input {input} has a bit beyond its {features} features")]
    BitBeyondFeatures {
        /// Input, 1-based.
        input: usize,
        /// Features of an input.
        features: usize,
    },
    /// An activation is NaN or infinite.
    #[error("input {input}, feature {feature} is {value}, expected a finite number")]
    ActivationNotFinite {
        /// Input, 1-based.
        input: usize,
        /// Feature, 1-based.
        feature: usize,
        /// The value found.
        value: f32,
    },
    /// The threshold layer lies behind the last layer.
    #[error("the threshold layer is {threshold}, but the network has only {layers} layers")]
    ThresholdBeyondLayers {
        /// The threshold layer asked for.
        threshold: usize,
        /// Layers of the network.
        layers: usize,
    },
    /// An option of a method is out of its range.
    #[error("{option} is {found}, expected {expected}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What the option may be.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// A kernel set was asked for that this processor cannot run.
    #[error("this processor cannot run the {0} kernels")]
    InstructionSetMissing(&'static str),
    /// The engine's threads could not be started.
    #[error("could not start {threads} threads: {reason}")]
    Threads {
        /// Threads asked for (0: as many as there are cores).
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// A device other than the CPU failed, or cannot do what was asked; its engine says why.
    #[error("{0}")]
    Device(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The [`Observer`](crate::Observer) asked to stop.
    #[error("the inference was cancelled")]
    Cancelled,
}
