//! A layer's weights for neuron-major activations: `kernels/panel_blocks.cu`.

use snicit::Layer;

use super::block_products::{BlockProduct, BlockWeights};
use super::grouping::{GROUP, Grouping, NONE};
use super::matrices::{as_left_factor, weight};
use crate::layout::Blob;
use crate::runtime::Pointer;

/// `PanelBlocksLayer` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct PanelBlocksLayer {
    pub(super) first_steps: Pointer,
    pub(super) inputs: Pointer,
    pub(super) weights: Pointer,
    pub(super) outputs: Pointer,
    pub(super) bias: Pointer,
    pub(super) blocks: u32,
    pub(super) low: f32,
    pub(super) high: f32,
}

/// Where the parts of the form lie, in bytes from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct PanelForm {
    first_steps: u64,
    inputs: u64,
    weights: u64,
    outputs: u64,
    bias: u64,
    blocks: usize,
    pub(super) product: BlockProduct,
}

impl PanelForm {
    /// `outputs` groups the layer's outputs. Those in no group get blocks without steps: they are to be
    /// written, too.
    pub(super) fn build(layer: &Layer, outputs: &Grouping) -> (Self, Vec<u8>) {
        let product = BlockProduct::of(layer, outputs);
        let unconnected: Vec<u32> = (0..layer.outputs() as u32)
            .filter(|&output| outputs.places[output as usize] == NONE)
            .collect();
        let blocks: Vec<&[u32]> =
            outputs.groups.iter().map(Vec::as_slice).chain(unconnected.chunks(GROUP)).collect();
        let (mut first_steps, mut steps) = (vec![0_u32], 0);
        let (mut inputs, mut numbers, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        let mut weights = BlockWeights::new(product, as_left_factor);
        for members in &blocks {
            for of_step in layer.weights().row(members[0] as usize).0.chunks(GROUP) {
                inputs.extend_from_slice(of_step);
                inputs.resize(inputs.len().next_multiple_of(GROUP), NONE);
                weights.push_step(|o, k| match (members.get(o), of_step.get(k)) {
                    (Some(&output), Some(&input)) => weight(layer, output, input),
                    _ => 0.0,
                });
                steps += 1;
            }
            weights.end_block(layer, members);
            first_steps.push(steps);
            numbers.extend_from_slice(members);
            bias.extend(members.iter().map(|&output| layer.bias().of(output as usize)));
            numbers.resize(numbers.len().next_multiple_of(GROUP), NONE);
            bias.resize(numbers.len(), 0.0_f32);
        }
        let mut blob = Blob::default();
        let form = PanelForm {
            first_steps: blob.push(&first_steps),
            inputs: blob.push(&inputs),
            weights: weights.push_to(&mut blob),
            outputs: blob.push(&numbers),
            bias: blob.push(&bias),
            blocks: blocks.len(),
            product,
        };
        (form, blob.into_bytes())
    }

    /// The kernels' argument; the form lies at `weights`.
    pub(super) fn argument(&self, weights: Pointer, (low, high): (f32, f32)) -> PanelBlocksLayer {
        PanelBlocksLayer {
            first_steps: weights + self.first_steps,
            inputs: weights + self.inputs,
            weights: weights + self.weights,
            outputs: weights + self.outputs,
            bias: weights + self.bias,
            blocks: self.blocks as u32,
            low,
            high,
        }
    }

    /// Multiply-adds for a column, with those by zeros that fill blocks up.
    pub(super) fn products(layer: &Layer, outputs: &Grouping) -> usize {
        let steps =
            |members: &Vec<u32>| layer.weights().row(members[0] as usize).0.len().div_ceil(GROUP);
        outputs.groups.iter().map(steps).sum::<usize>() * GROUP * GROUP
    }
}
