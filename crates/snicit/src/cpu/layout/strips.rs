use std::ops::Range;

use super::Values;
use crate::SparseWeights;
use crate::network::MiniBlocks;

/// A layer's weights as strips of mini-blocks: the layout of XY-2021.
///
/// A mini-block (outputs with one common set of inputs, [`MiniBlocks`]) is cut into strips of 16, 8, 4, 2
/// or 1 outputs. A kernel loads each input of a strip once and keeps all its outputs in registers. An
/// output that shares its inputs with no other is a strip of one: where a matrix has no mini-blocks,
/// this layout is the plain compressed-row form.
///
/// On a GPU, XY-2021 also renumbers the neurons so that a block's outputs lie side by side in memory.
/// Here a neuron is a cache line of its own in a tile, wherever it lies, and nothing is gained by that.
#[derive(Debug)]
pub(in crate::cpu) struct Strips {
    inputs: usize,
    outputs: usize,
    strips: Vec<Strip>,
    widest: usize,
    /// Whether strip `j` is output `j` by itself.
    in_order: bool,
    input_indices: Vec<u32>,
    output_indices: Vec<u32>,
    /// That of a strip's `k`-th input and `r`-th output is at `value_start + k · width + r`.
    values: Values,
}

/// `width` outputs that read the same `inputs` inputs.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Strip {
    input_start: usize,
    output_start: usize,
    value_start: usize,
    inputs: u32,
    width: u32,
}

impl Strips {
    /// Cuts the mini-blocks of `weights` into strips of at most `max_width` outputs.
    pub(in crate::cpu) fn new(weights: &SparseWeights, blocks: &MiniBlocks, max_width: usize) -> Self {
        let mut strips = Strips {
            inputs: weights.inputs(),
            outputs: weights.outputs(),
            strips: Vec::new(),
            widest: 0,
            in_order: blocks.none_shared(),
            input_indices: Vec::new(),
            output_indices: Vec::with_capacity(weights.outputs()),
            values: Values::Equal(0.0),
        };
        let mut values = Vec::with_capacity(weights.connections());
        if strips.in_order {
            for output in 0..weights.outputs() as u32 {
                strips.push_block(weights, &[output], max_width, &mut values);
            }
        } else {
            for block in &blocks.blocks {
                strips.push_block(weights, &block.outputs, max_width, &mut values);
            }
            // These compute σ(b) only.
            strips.push_block(weights, &blocks.unconnected, max_width, &mut values);
        }
        strips.values = Values::new(values);
        strips
    }

    fn push_block(
        &mut self,
        weights: &SparseWeights,
        outputs: &[u32],
        max_width: usize,
        values: &mut Vec<f32>,
    ) {
        let Some(&first) = outputs.first() else { return };
        let (inputs, _) = weights.row(first as usize);
        let input_start = self.input_indices.len();
        self.input_indices.extend_from_slice(inputs);
        let mut rest = outputs;
        while !rest.is_empty() {
            let (outputs, further) = rest.split_at(strip_width(max_width, rest.len()));
            self.widest = self.widest.max(outputs.len());
            self.strips.push(Strip {
                input_start,
                output_start: self.output_indices.len(),
                value_start: values.len(),
                inputs: inputs.len() as u32,
                width: outputs.len() as u32,
            });
            self.output_indices.extend_from_slice(outputs);
            // Input by input, the weights of all outputs side by side: the order of the kernel.
            for k in 0..inputs.len() {
                values.extend(outputs.iter().map(|&j| weights.row(j as usize).1[k]));
            }
            rest = further;
        }
    }

    pub(in crate::cpu) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(in crate::cpu) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(in crate::cpu) fn strips(&self) -> &[Strip] {
        &self.strips
    }

    /// Whether strips can be cut at any output: none has several.
    pub(in crate::cpu) fn can_be_cut(&self) -> bool {
        self.in_order
    }

    /// The strips of `outputs`: all, or any if [`Strips::can_be_cut`].
    ///
    /// # Panics
    /// If these strips cannot be cut so.
    pub(in crate::cpu) fn strips_of(&self, outputs: &Range<usize>) -> &[Strip] {
        if self.in_order {
            return &self.strips[outputs.clone()];
        }
        assert_eq!(*outputs, 0..self.outputs, "mini-blocks lie anywhere");
        &self.strips
    }

    /// Outputs of the widest strip; 0 if there is none.
    pub(in crate::cpu) fn widest(&self) -> usize {
        self.widest
    }

    /// Input neurons of a strip, ascending.
    pub(in crate::cpu) fn inputs_of(&self, strip: &Strip) -> &[u32] {
        &self.input_indices[strip.input_start..][..strip.inputs as usize]
    }

    /// Output neurons of a strip.
    pub(in crate::cpu) fn outputs_of(&self, strip: &Strip) -> &[u32] {
        &self.output_indices[strip.output_start..][..strip.width as usize]
    }

    pub(in crate::cpu) fn values(&self) -> &Values {
        &self.values
    }

    /// The weights of a strip among those of [`Values::Each`]: that of its `k`-th input and `r`-th output
    /// is at `k · width + r`.
    pub(in crate::cpu) fn values_of<'a>(&self, strip: &Strip, values: &'a [f32]) -> &'a [f32] {
        &values[strip.value_start..][..strip.inputs as usize * strip.width as usize]
    }

    /// Rows of input that the kernel loads for a tile.
    pub(in crate::cpu) fn row_loads(&self) -> usize {
        self.strips.iter().map(|strip| strip.inputs as usize).sum()
    }

    /// Multiply-adds of rows for a tile.
    pub(in crate::cpu) fn connections(&self) -> usize {
        self.strips.iter().map(|strip| strip.inputs as usize * strip.width as usize).sum()
    }
}

/// The width of the next strip when `outputs` outputs, at least one, are left.
fn strip_width(max_width: usize, outputs: usize) -> usize {
    [16, 8, 4, 2].into_iter().find(|&width| width <= max_width.min(outputs)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;

    #[test]
    fn blocks_are_cut_into_strips() {
        // Outputs 0..7 read inputs {1, 2}; output 7 reads {0}; output 8 reads nothing.
        let pairs = (0..7).flat_map(|j| [(1, j), (2, j)]).chain([(0, 7)]);
        let connections = pairs.map(|(input, output)| {
            let weight = (10 * input + output) as f32;
            Connection { input, output, weight }
        });
        let weights = SparseWeights::from_connections(3, 9, connections.collect()).unwrap();
        let strips = Strips::new(&weights, &MiniBlocks::find(&weights), 4);
        let seen: Vec<_> = strips
            .strips()
            .iter()
            .map(|strip| (strips.inputs_of(strip).to_vec(), strips.outputs_of(strip).to_vec()))
            .collect();
        let expected: [(&[u32], &[u32]); 5] =
            [(&[1, 2], &[0, 1, 2, 3]), (&[1, 2], &[4, 5]), (&[1, 2], &[6]), (&[0], &[7]), (&[], &[8])];
        assert_eq!(seen, expected.map(|(a, b)| (a.to_vec(), b.to_vec())));
        let Values::Each(values) = strips.values() else { panic!("the weights differ") };
        assert_eq!(strips.values_of(&strips.strips()[1], values), [14.0, 15.0, 24.0, 25.0]);
        assert_eq!((strips.row_loads(), strips.connections()), (7, 15));
    }
}
