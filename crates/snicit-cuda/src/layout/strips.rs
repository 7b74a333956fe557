//! Mini-blocks, cut into strips of up to sixteen outputs: XY-2021.

use snicit::Layer;
use snicit::network::MiniBlocks;

use super::Blob;
use crate::runtime::DeviceValue;

/// Outputs that a lane keeps in registers; STRIP_OUTPUTS of the kernel.
pub(crate) const STRIP_OUTPUTS: usize = 16;

/// Up to sixteen outputs with one set of inputs; `Strip` of the kernel.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Strip {
    pub(super) first_input: u32,
    pub(super) inputs: u32,
    pub(super) outputs: u32,
    pub(super) first_output: u32,
}

// SAFETY: four numbers of four bytes, without padding.
unsafe impl DeviceValue for Strip {}

/// Where the parts of the form lie, in bytes from its beginning.
///
/// The neurons are renumbered: `outputs` lists them strip by strip, and the biases follow that order. The
/// weights of a strip are dense, a row of sixteen for each of its inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StripsForm {
    pub(crate) strips: u64,
    pub(crate) inputs: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
    pub(crate) bias: u64,
    /// The biases in the order of the neurons.
    pub(crate) bias_by_neuron: u64,
    pub(crate) strip_count: usize,
}

impl StripsForm {
    /// Activations that are read for a column: the inputs of all strips.
    pub(crate) fn input_reads(layer: &Layer, blocks: &MiniBlocks) -> usize {
        let reads = |outputs: &[u32]| {
            outputs.len().div_ceil(STRIP_OUTPUTS) * layer.weights().row(outputs[0] as usize).0.len()
        };
        blocks.blocks.iter().map(|block| reads(&block.outputs)).sum()
    }

    /// The outputs of each strip.
    pub(super) fn outputs_of_strips(blocks: &MiniBlocks) -> impl Iterator<Item = &[u32]> {
        let with_inputs = blocks.blocks.iter().map(|block| &block.outputs[..]);
        // Outputs without connections have their bias: strips without inputs.
        let neurons = with_inputs.chain([&blocks.unconnected[..]]);
        neurons.flat_map(|neurons| neurons.chunks(STRIP_OUTPUTS))
    }

    /// Brings a layer into the form.
    ///
    /// # Panics
    /// If the strips read 2³² inputs or more.
    pub(crate) fn build(layer: &Layer, blocks: &MiniBlocks) -> (Self, Vec<u8>) {
        let weights = layer.weights();
        let mut strips = Vec::new();
        let (mut inputs, mut values, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for neurons in Self::outputs_of_strips(blocks) {
            let of_strip = weights.row(neurons[0] as usize).0;
            strips.push(Strip {
                first_input: u32::try_from(inputs.len()).expect("fewer than 2^32 inputs are read"),
                inputs: of_strip.len() as u32,
                outputs: neurons.len() as u32,
                first_output: outputs.len() as u32,
            });
            inputs.extend_from_slice(of_strip);
            outputs.extend_from_slice(neurons);
            let first = values.len();
            values.resize(first + of_strip.len() * STRIP_OUTPUTS, 0.0_f32);
            for (o, &neuron) in neurons.iter().enumerate() {
                let of_neuron = values[first..].iter_mut().skip(o).step_by(STRIP_OUTPUTS);
                let row = weights.row(neuron as usize).1;
                of_neuron.zip(row).for_each(|(value, &weight)| *value = weight);
            }
        }
        let bias: Vec<f32> = outputs.iter().map(|&neuron| layer.bias().of(neuron as usize)).collect();
        let mut blob = Blob::default();
        let form = StripsForm {
            strips: blob.push(&strips),
            inputs: blob.push(&inputs),
            weights: blob.push(&values),
            outputs: blob.push(&outputs),
            bias: blob.push(&bias),
            bias_by_neuron: blob.push(&layer.bias().to_vec(layer.outputs())),
            strip_count: strips.len(),
        };
        (form, blob.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;

    #[test]
    fn blocks_are_cut_into_strips_and_every_output_is_in_one() {
        // Outputs 1 to 18 read inputs 0 and 2; output 0 reads nothing.
        let pairs = (1..19_u32).flat_map(|output| [(0, output), (2, output)]);
        let connections = pairs.map(|(input, output)| Connection {
            input,
            output,
            weight: (input * 100 + output) as f32,
        });
        let weights = SparseWeights::from_connections(3, 19, connections.collect()).unwrap();
        let biases = (0..19).map(|neuron| neuron as f32).collect();
        let layer = Layer::new(weights, Bias::PerNeuron(biases), Activation::SDGC).unwrap();
        let blocks = MiniBlocks::find(layer.weights());
        assert_eq!(StripsForm::input_reads(&layer, &blocks), 4);
        let (form, bytes) = StripsForm::build(&layer, &blocks);
        let words = |at: u64, count: usize| -> Vec<u32> {
            let bytes = bytes[at as usize..][..count * 4].chunks_exact(4);
            bytes.map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
        };
        assert_eq!(words(form.strips, 12), [0, 2, 16, 0, 2, 2, 2, 16, 4, 0, 1, 18]);
        assert_eq!(words(form.inputs, 4), [0, 2, 0, 2]);
        let expected: Vec<u32> = (1..19).chain([0]).collect();
        assert_eq!(words(form.outputs, 19), expected);
        let values: Vec<f32> = words(form.weights, 64).into_iter().map(f32::from_bits).collect();
        assert_eq!(
            (values[0], values[15], values[16], values[32], values[49]),
            (1.0, 16.0, 201.0, 17.0, 218.0)
        );
        assert_eq!(values[34], 0.0, "a strip with two outputs has fourteen empty columns");
        let biases: Vec<f32> = words(form.bias, 19).into_iter().map(f32::from_bits).collect();
        assert_eq!((biases[0], biases[18]), (1.0, 0.0));
    }
}
