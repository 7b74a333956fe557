use std::ops::Range;

use super::{Activations, BitActivations};

/// The inputs of a network, binary or not.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Every feature is 0 or 1, as in the Graph Challenge.
    Bits(BitActivations),
    /// Any finite features.
    Values(Activations),
}

impl Inputs {
    /// Number of inputs.
    pub fn len(&self) -> usize {
        match self {
            Inputs::Bits(bits) => bits.inputs(),
            Inputs::Values(values) => values.inputs(),
        }
    }

    /// Whether there is no input at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Features of an input.
    pub fn features(&self) -> usize {
        match self {
            Inputs::Bits(bits) => bits.features(),
            Inputs::Values(values) => values.features(),
        }
    }

    /// Calls `visit(feature, value)` for the non-zero features of input `input` (0-based), ascending.
    pub fn for_each_nonzero(&self, input: usize, mut visit: impl FnMut(usize, f32)) {
        match self {
            Inputs::Bits(bits) => bits.ones_of(input).for_each(|feature| visit(feature, 1.0)),
            Inputs::Values(values) => {
                for (feature, &value) in values.column(input).iter().enumerate() {
                    if value != 0.0 {
                        visit(feature, value);
                    }
                }
            }
        }
    }

    /// All inputs as one batch.
    pub fn all(&self) -> InputBatch<'_> {
        self.batch(0..self.len())
    }

    /// The inputs `range` (0-based) as one batch.
    ///
    /// # Panics
    /// If `range` reaches beyond the last input.
    pub fn batch(&self, range: Range<usize>) -> InputBatch<'_> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of {}", self.len());
        InputBatch { inputs: self, range }
    }

    /// Consecutive batches of `size` inputs; the last may be smaller.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = InputBatch<'_>> {
        assert!(size > 0, "a batch has at least one input");
        let starts = (0..self.len()).step_by(size);
        starts.map(move |start| self.batch(start..self.len().min(start.saturating_add(size))))
    }
}

impl From<BitActivations> for Inputs {
    fn from(bits: BitActivations) -> Self {
        Inputs::Bits(bits)
    }
}

impl From<Activations> for Inputs {
    fn from(values: Activations) -> Self {
        Inputs::Values(values)
    }
}

/// A run of consecutive inputs that goes through the network together.
#[derive(Debug, Clone)]
pub struct InputBatch<'a> {
    inputs: &'a Inputs,
    range: Range<usize>,
}

impl<'a> InputBatch<'a> {
    /// The inputs it is taken from.
    pub fn inputs(&self) -> &'a Inputs {
        self.inputs
    }

    /// Which of them (0-based) belong to the batch.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Number of inputs in the batch.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether the batch has no input.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
}
