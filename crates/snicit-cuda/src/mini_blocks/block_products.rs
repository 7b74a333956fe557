//! How a layer's blocks of sixteen outputs are multiplied, and their weights for that.

use snicit::Layer;

use super::grouping::Grouping;
use super::matrices::{Matrices, Place, are_bf16};
use crate::layout::Blob;

/// How all blocks of a layer are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockProduct {
    /// The weights of each block are equal: its inputs are added up once for all of its outputs.
    Sum,
    /// By matrix units; every weight is a bf16 number.
    Exact,
    /// By matrix units; each weight is the sum of three bf16 numbers.
    Split,
}

impl BlockProduct {
    /// For a layer whose blocks are the groups of `outputs`.
    pub(super) fn of(layer: &Layer, outputs: &Grouping) -> Self {
        if outputs.groups.iter().all(|members| equal_weight(layer, members).is_some()) {
            BlockProduct::Sum
        } else {
            Self::by_matrices(layer)
        }
    }

    /// For a layer whose blocks cannot be added up.
    pub(super) fn by_matrices(layer: &Layer) -> Self {
        if are_bf16(layer.weights().values()) { BlockProduct::Exact } else { BlockProduct::Split }
    }
}

/// The weights of a layer's blocks, as the kernels take them.
pub(super) enum BlockWeights {
    Equal(Vec<f32>),
    Matrices(Matrices),
}

impl BlockWeights {
    /// `place` says which weights a lane holds of a matrix.
    pub(super) fn new(product: BlockProduct, place: Place) -> Self {
        match product {
            BlockProduct::Sum => BlockWeights::Equal(Vec::new()),
            BlockProduct::Exact => BlockWeights::Matrices(Matrices::new(place, true)),
            BlockProduct::Split => BlockWeights::Matrices(Matrices::new(place, false)),
        }
    }

    /// Appends a step of a block; `weight(o, k)` is that of its output `o` and the step's input `k`.
    pub(super) fn push_step(&mut self, weight: impl Fn(usize, usize) -> f32) {
        if let BlockWeights::Matrices(matrices) = self {
            matrices.push(weight);
        }
    }

    /// Appends them all; returns where.
    pub(super) fn push_to(&self, blob: &mut Blob) -> u64 {
        match self {
            BlockWeights::Equal(weights) => blob.push(weights),
            BlockWeights::Matrices(matrices) => blob.push(matrices.words()),
        }
    }

    /// Ends a block of these outputs.
    pub(super) fn end_block(&mut self, layer: &Layer, members: &[u32]) {
        if let BlockWeights::Equal(weights) = self {
            weights.push(equal_weight(layer, members).unwrap_or(0.0));
        }
    }
}

/// The weight of all connections of these outputs, if it is one. 0 if there are no connections.
fn equal_weight(layer: &Layer, members: &[u32]) -> Option<f32> {
    let mut weights = members.iter().flat_map(|&output| layer.weights().row(output as usize).1);
    let Some(first) = weights.next() else { return Some(0.0) };
    weights.all(|weight| weight.to_bits() == first.to_bits()).then_some(*first)
}

#[cfg(test)]
mod tests {
    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;

    /// Outputs 0 and 1 read inputs 0 and 1, output 2 reads input 2.
    fn layer(weights: [f32; 5]) -> Layer {
        let places = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2)];
        let connections = places.iter().zip(weights);
        let connections =
            connections.map(|(&(input, output), weight)| Connection { input, output, weight }).collect();
        let weights = SparseWeights::from_connections(3, 3, connections).unwrap();
        Layer::new(weights, Bias::Uniform(-0.5), Activation::SDGC).unwrap()
    }

    #[test]
    fn blocks_are_added_up_where_their_weights_are_equal() {
        let product = |weights| {
            let layer = layer(weights);
            BlockProduct::of(&layer, &Grouping::of_outputs(&layer))
        };
        assert_eq!(product([0.1, 0.1, 0.1, 0.1, 0.3]), BlockProduct::Sum);
        assert_eq!(product([0.5, 0.5, 0.5, 0.25, 0.5]), BlockProduct::Exact);
        assert_eq!(product([0.1, 0.1, 0.2, 0.2, 0.5]), BlockProduct::Split);
    }
}
