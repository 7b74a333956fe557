//! A layer's weights for activations in chunks: `kernels/mini_blocks.cu`.

use snicit::Layer;

use super::block_products::{BlockProduct, BlockWeights};
use super::grouping::{GROUP, Grouping, NONE};
use super::matrices::{as_right_factor, weight};
use crate::layout::Blob;
use crate::runtime::Pointer;

/// A group that a block reads has at least so many of the block's inputs, or chunks are not for this layer.
const WHOLE_FROM: usize = 8;

/// `BlocksLayer` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct BlocksLayer {
    pub(super) first_steps: Pointer,
    pub(super) steps: Pointer,
    pub(super) weights: Pointer,
    pub(super) bias: Pointer,
    pub(super) blocks: u32,
    pub(super) constants: u32,
    pub(super) low: f32,
    pub(super) high: f32,
}

/// The groups that each of a layer's blocks reads, a step each.
pub(super) struct Steps {
    blocks: Vec<Vec<u32>>,
    /// Whether all groups are read as a whole, or nearly so.
    pub(super) whole: bool,
    /// Whether all groups that are read have no neuron besides the block's inputs.
    only_inputs: bool,
}

impl Steps {
    /// `outputs` groups the layer's outputs, `inputs` its inputs.
    pub(super) fn find(layer: &Layer, inputs: &Grouping, outputs: &Grouping) -> Self {
        let (mut whole, mut only_inputs) = (true, true);
        let blocks = outputs.groups.iter().map(|members| {
            let of_block = layer.weights().row(members[0] as usize).0;
            // Inputs without a place are always zero.
            let places = of_block.iter().map(|&input| inputs.places[input as usize]);
            let mut groups: Vec<u32> =
                places.filter(|&place| place != NONE).map(|place| place / GROUP as u32).collect();
            groups.sort_unstable();
            for group in groups.chunk_by(|a, b| a == b) {
                whole &= group.len() >= WHOLE_FROM;
                only_inputs &= group.len() == inputs.groups[group[0] as usize].len();
            }
            groups.dedup();
            groups
        });
        Steps { blocks: blocks.collect(), whole, only_inputs }
    }

    /// Steps of all blocks.
    pub(super) fn count(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }
}

/// Where the parts of the form lie, in bytes from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkForm {
    /// `None` if every block has two steps.
    first_steps: Option<u64>,
    steps: u64,
    weights: u64,
    bias: u64,
    pub(super) blocks: usize,
    pub(super) product: BlockProduct,
    /// Whether all blocks have one weight and the same biases, stored once.
    one_for_all: bool,
}

impl ChunkForm {
    pub(super) fn build(
        layer: &Layer,
        inputs: &Grouping,
        outputs: &Grouping,
        steps: &Steps,
    ) -> (Self, Vec<u8>) {
        // A sum takes all of a group, and gives all of one.
        let full = outputs.groups.iter().all(|members| members.len() == GROUP);
        let product = if full && steps.only_inputs {
            BlockProduct::of(layer, outputs)
        } else {
            BlockProduct::by_matrices(layer)
        };
        let neurons = inputs.padded();
        let mut first_steps = vec![0_u32];
        let mut groups = Vec::new();
        let mut weights = BlockWeights::new(product, as_right_factor);
        let mut bias = Vec::with_capacity(outputs.groups.len() * GROUP);
        for (members, steps) in outputs.groups.iter().zip(&steps.blocks) {
            for &group in steps {
                let of_group = &neurons[group as usize * GROUP..][..GROUP];
                weights.push_step(|o, k| match members.get(o) {
                    Some(&output) => weight(layer, output, of_group[k]),
                    None => 0.0,
                });
            }
            weights.end_block(layer, members);
            groups.extend_from_slice(steps);
            first_steps.push(groups.len() as u32);
            bias.extend(members.iter().map(|&output| layer.bias().of(output as usize)));
            bias.resize(bias.len().next_multiple_of(GROUP), 0.0_f32);
        }
        let one_for_all = match &mut weights {
            BlockWeights::Equal(weights) => one_for_all(weights, &mut bias),
            BlockWeights::Matrices(_) => false,
        };
        let two_steps = steps.blocks.iter().all(|steps| steps.len() == 2);
        let mut blob = Blob::default();
        let form = ChunkForm {
            first_steps: if two_steps { None } else { Some(blob.push(&first_steps)) },
            steps: blob.push(&groups),
            weights: weights.push_to(&mut blob),
            bias: blob.push(&bias),
            blocks: outputs.groups.len(),
            product,
            one_for_all,
        };
        (form, blob.into_bytes())
    }

    pub(super) fn has_two_steps(&self) -> bool {
        self.first_steps.is_none()
    }

    /// Whether the layer can take and give chunks without gaps.
    pub(super) fn can_pack(&self) -> bool {
        self.product == BlockProduct::Sum && self.has_two_steps()
    }

    /// The kernels' argument; the form lies at `weights`.
    pub(super) fn argument(&self, weights: Pointer, (low, high): (f32, f32)) -> BlocksLayer {
        BlocksLayer {
            first_steps: self.first_steps.map_or(0, |offset| weights + offset),
            steps: weights + self.steps,
            weights: weights + self.weights,
            bias: weights + self.bias,
            blocks: self.blocks as u32,
            constants: u32::from(!self.one_for_all),
            low,
            high,
        }
    }
}

/// Keeps one weight and one block's biases where they are the same for all blocks; says whether they are.
fn one_for_all(weights: &mut Vec<f32>, bias: &mut Vec<f32>) -> bool {
    let (blocks, _) = bias.as_chunks::<GROUP>();
    let same = |a: &f32, b: &f32| a.to_bits() == b.to_bits();
    let one_weight = weights.windows(2).all(|pair| same(&pair[0], &pair[1]));
    let same_biases =
        blocks.windows(2).all(|pair| pair[0].iter().zip(&pair[1]).all(|(a, b)| same(a, b)));
    if one_weight && same_biases {
        weights.truncate(1);
        bias.truncate(GROUP);
    }
    one_weight && same_biases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_of_all_blocks_are_stored_once() {
        let biases = |second: f32| {
            let mut biases = vec![-0.5; 3 * GROUP];
            biases[1] = 0.0;
            biases[GROUP + 1] = second;
            biases[2 * GROUP + 1] = 0.0;
            biases
        };
        let (mut weights, mut bias) = (vec![0.25; 3], biases(0.0));
        assert!(one_for_all(&mut weights, &mut bias));
        assert_eq!((weights.len(), bias.len(), bias[1]), (1, GROUP, 0.0));
        let (mut weights, mut bias) = (vec![0.25; 3], biases(-0.0));
        assert!(!one_for_all(&mut weights, &mut bias));
        assert_eq!((weights.len(), bias.len()), (3, 3 * GROUP));
        let (mut weights, mut bias) = (vec![0.25, 0.25, 0.5], biases(0.0));
        assert!(!one_for_all(&mut weights, &mut bias));
    }
}
