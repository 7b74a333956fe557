//! Connections by output neuron, for layers without mini-blocks: XY-2021's general kernel.

use snicit::Layer;

use super::Blob;

/// Where the parts of the form lie, in bytes from its beginning: the arrays of
/// [`SparseWeights`](snicit::SparseWeights) and the biases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowsForm {
    pub(crate) offsets: u64,
    pub(crate) inputs: u64,
    pub(crate) weights: u64,
    pub(crate) bias: u64,
}

impl RowsForm {
    /// Appends a layer of less than 2³² connections in this form to `blob`.
    pub(crate) fn build(layer: &Layer, blob: &mut Blob) -> Self {
        let weights = layer.weights();
        let mut offsets = vec![0_u32];
        let mut inputs = Vec::with_capacity(weights.connections());
        for output in 0..weights.outputs() {
            inputs.extend_from_slice(weights.row(output).0);
            offsets.push(inputs.len() as u32);
        }
        RowsForm {
            offsets: blob.push(&offsets),
            inputs: blob.push(&inputs),
            weights: blob.push(weights.values()),
            bias: blob.push(&layer.bias().to_vec(weights.outputs())),
        }
    }
}
