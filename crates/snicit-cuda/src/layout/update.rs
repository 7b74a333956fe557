//! Strips in a compact form, for SNICIT's persistent update.

use snicit::Layer;
use snicit::network::MiniBlocks;

use super::strips::{STRIP_OUTPUTS, Strip};
use super::{Blob, StripsForm};

/// Inputs that a lane takes at a time: each strip's are filled up to a multiple; INPUTS_A_LANE of the kernel.
const INPUTS_A_LANE: usize = 4;

/// Neurons that 16 bits can number.
const NARROW: usize = 1 << 16;

/// Where the parts of the form lie, in bytes from its beginning, and what is stored once for all. The strips
/// are those of [`StripsForm`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpdateForm {
    /// `None`: strip `s` has `strip_inputs` inputs, and sixteen outputs unless it is the last.
    pub(crate) strips: Option<u64>,
    pub(crate) strip_count: usize,
    pub(crate) strip_inputs: usize,
    pub(crate) inputs: u64,
    /// Whether inputs and outputs are numbers of 16 bits.
    pub(crate) narrow: (bool, bool),
    pub(crate) weights: Stored,
    pub(crate) outputs: u64,
    /// In the order of `outputs`.
    pub(crate) bias: Stored,
}

/// Values of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stored {
    /// From this byte on.
    At(u64),
    /// All are this.
    Uniform(f32),
}

impl UpdateForm {
    /// Whether the form can hold a layer: it counts the inputs of all strips in 32 bits.
    pub(crate) fn fits(layer: &Layer, blocks: &MiniBlocks) -> bool {
        let strips = layer.outputs().div_ceil(STRIP_OUTPUTS) + blocks.blocks.len() + 1;
        let inputs = StripsForm::input_reads(layer, blocks).saturating_add(strips * INPUTS_A_LANE);
        u32::try_from(inputs).is_ok()
    }

    /// Brings a layer into the form.
    ///
    /// # Panics
    /// If it does not fit.
    pub(crate) fn build(layer: &Layer, blocks: &MiniBlocks) -> (Self, Vec<u8>) {
        let weights = layer.weights();
        let uniform = uniform(weights.values());
        let mut strips = Vec::new();
        let (mut inputs, mut values, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for neurons in StripsForm::outputs_of_strips(blocks) {
            let of_strip = weights.row(neurons[0] as usize).0;
            strips.push(Strip {
                first_input: u32::try_from(inputs.len()).expect("fewer than 2^32 inputs are read"),
                inputs: of_strip.len() as u32,
                outputs: neurons.len() as u32,
                first_output: outputs.len() as u32,
            });
            inputs.extend_from_slice(of_strip);
            inputs.resize(inputs.len().next_multiple_of(INPUTS_A_LANE), 0);
            outputs.extend_from_slice(neurons);
            if uniform.is_some() {
                continue;
            }
            let first = values.len();
            values.resize(inputs.len() * STRIP_OUTPUTS, 0.0_f32);
            for (o, &neuron) in neurons.iter().enumerate() {
                let of_neuron = values[first..].iter_mut().skip(o).step_by(STRIP_OUTPUTS);
                let row = weights.row(neuron as usize).1;
                of_neuron.zip(row).for_each(|(value, &weight)| *value = weight);
            }
        }
        let bias: Vec<f32> = outputs.iter().map(|&neuron| layer.bias().of(neuron as usize)).collect();
        let uniform_bias = self::uniform(&bias);
        let strip_inputs = strips.first().map_or(0, |strip| strip.inputs as usize);
        let regular = strips.iter().enumerate().all(|(s, strip)| {
            strip.inputs as usize == strip_inputs && strip.first_output as usize == s * STRIP_OUTPUTS
        });
        let narrow = (layer.inputs() <= NARROW, layer.outputs() <= NARROW);
        let mut blob = Blob::default();
        let form = UpdateForm {
            strips: (!regular).then(|| blob.push(&strips)),
            strip_count: strips.len(),
            strip_inputs,
            inputs: push_numbers(&mut blob, &inputs, narrow.0),
            narrow,
            weights: uniform.map_or_else(|| Stored::At(blob.push(&values)), Stored::Uniform),
            outputs: push_numbers(&mut blob, &outputs, narrow.1),
            bias: uniform_bias.map_or_else(|| Stored::At(blob.push(&bias)), Stored::Uniform),
        };
        (form, blob.into_bytes())
    }
}

/// The value that all are, to the bit; 0 if there are none.
fn uniform(values: &[f32]) -> Option<f32> {
    let first = values.first().copied().unwrap_or(0.0);
    values.iter().all(|value| value.to_bits() == first.to_bits()).then_some(first)
}

fn push_numbers(blob: &mut Blob, numbers: &[u32], narrow: bool) -> u64 {
    if narrow {
        let narrow: Vec<u16> = numbers.iter().map(|&number| number as u16).collect();
        blob.push(&narrow)
    } else {
        blob.push(numbers)
    }
}

#[cfg(test)]
mod tests {
    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;

    /// `reads[o]` are the inputs of output `o`; the weight of input `i` to output `o` is `weight(i, o)`.
    fn layer(inputs: usize, reads: &[&[u32]], weight: impl Fn(u32, u32) -> f32) -> Layer {
        let connections = reads.iter().zip(0..).flat_map(|(inputs, output)| {
            let weight = &weight;
            inputs.iter().map(move |&input| Connection { input, output, weight: weight(input, output) })
        });
        let weights = SparseWeights::from_connections(inputs, reads.len(), connections.collect());
        Layer::new(weights.unwrap(), Bias::Uniform(-0.5), Activation::SDGC).unwrap()
    }

    fn build(layer: &Layer) -> (UpdateForm, Vec<u8>) {
        let blocks = MiniBlocks::find(layer.weights());
        assert!(UpdateForm::fits(layer, &blocks));
        UpdateForm::build(layer, &blocks)
    }

    fn narrow(bytes: &[u8], at: u64, count: usize) -> Vec<u16> {
        let bytes = bytes[at as usize..][..count * 2].chunks_exact(2);
        bytes.map(|two| u16::from_le_bytes(two.try_into().unwrap())).collect()
    }

    #[test]
    fn what_is_equal_is_stored_once() {
        let reads: &[&[u32]] = &[&[1_u32, 4, 7][..]; 20];
        let (form, bytes) = build(&layer(9, reads, |_, _| 0.25));
        assert_eq!((form.strips, form.strip_count, form.strip_inputs), (None, 2, 3));
        assert_eq!((form.weights, form.bias), (Stored::Uniform(0.25), Stored::Uniform(-0.5)));
        assert_eq!(form.narrow, (true, true));
        assert_eq!(narrow(&bytes, form.inputs, 8), [1, 4, 7, 0, 1, 4, 7, 0]);
        assert_eq!(narrow(&bytes, form.outputs, 20), (0..20).collect::<Vec<u16>>());
        // A bit of difference is a difference.
        let (form, _) = build(&layer(9, reads, |input, _| if input == 4 { -0.0 } else { 0.0 }));
        assert!(matches!(form.weights, Stored::At(_)));
    }

    #[test]
    fn uneven_strips_have_a_list_and_rows_of_weights() {
        let reads: &[&[u32]] = &[&[0, 2], &[1, 2, 3, 4, 5], &[0, 2], &[]];
        let (form, bytes) = build(&layer(70_000, reads, |input, output| (input * 10 + output) as f32));
        assert_eq!((form.strip_count, form.narrow), (3, (false, true)));
        let words = |at: u64, count: usize| -> Vec<u32> {
            let bytes = bytes[at as usize..][..count * 4].chunks_exact(4);
            bytes.map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
        };
        assert_eq!(words(form.strips.unwrap(), 12), [0, 2, 2, 0, 4, 5, 1, 2, 12, 0, 1, 3]);
        assert_eq!(words(form.inputs, 12), [0, 2, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(narrow(&bytes, form.outputs, 4), [0, 2, 1, 3]);
        let Stored::At(weights) = form.weights else { panic!("weights differ") };
        let weights: Vec<f32> = words(weights, 12 * 16).into_iter().map(f32::from_bits).collect();
        assert_eq!((weights[0], weights[1], weights[16], weights[17]), (0.0, 2.0, 20.0, 22.0));
        assert_eq!((weights[32], weights[64], weights[80], weights[144]), (0.0, 11.0, 21.0, 0.0));
        assert_eq!(weights[128], 51.0, "the fifth input of the second strip");
    }
}
