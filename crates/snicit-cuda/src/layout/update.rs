//! Strips in a compact form, for SNICIT's persistent update.

use snicit::network::MiniBlocks;
use snicit::{Layer, SparseWeights};

use super::strips::{STRIP_OUTPUTS, Strip};
use super::{Blob, StripsForm};

/// Inputs that a lane takes at a time: each strip's are filled up to a multiple; INPUTS_A_LANE of the kernel.
const INPUTS_A_LANE: usize = 4;

/// Outputs of a strip whose outputs have their own inputs; ROWS of the kernel.
const ROWS: usize = 4;

/// Neurons that 16 bits can number.
const NARROW: usize = 1 << 16;

/// Where the parts of the form lie, in bytes from its beginning, and what is stored once for all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpdateForm {
    /// `None`: strip `s` has `strip_inputs` inputs, and `strip_outputs` outputs unless it is the last.
    pub(crate) strips: Option<u64>,
    pub(crate) strip_count: usize,
    pub(crate) strip_inputs: usize,
    /// Sixteen, with one set of inputs, or four that each have their own.
    pub(crate) strip_outputs: usize,
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

/// The strips of a layer, in the making.
#[derive(Default)]
struct Strips {
    strips: Vec<Strip>,
    inputs: Vec<u32>,
    weights: Vec<f32>,
    outputs: Vec<u32>,
    /// Whether some weights only fill a gap.
    filled: bool,
}

impl UpdateForm {
    /// Brings a layer into the form, with the strips of `blocks` or, without, by rows. `None` if the inputs
    /// of all strips cannot be counted in 32 bits.
    pub(crate) fn build(layer: &Layer, blocks: Option<&MiniBlocks>) -> Option<(Self, Vec<u8>)> {
        let weights = layer.weights();
        let uniform = uniform(weights.values());
        let strip_outputs = if blocks.is_some() { STRIP_OUTPUTS } else { ROWS };
        let mut made = Strips::default();
        match blocks {
            Some(blocks) => {
                for neurons in StripsForm::outputs_of_strips(blocks) {
                    made.push_shared(weights, neurons, uniform.is_none())?;
                }
            }
            None => {
                // Rows of one length side by side: little has to be filled.
                let mut outputs: Vec<u32> = (0..weights.outputs() as u32).collect();
                outputs.sort_by_key(|&output| weights.row(output as usize).0.len());
                for neurons in outputs.chunks(ROWS) {
                    made.push_rows(weights, neurons)?;
                }
            }
        }
        let Strips { strips, inputs, weights: values, outputs, filled } = made;
        let uniform = uniform.filter(|_| !filled);
        let bias: Vec<f32> = outputs.iter().map(|&neuron| layer.bias().of(neuron as usize)).collect();
        let uniform_bias = self::uniform(&bias);
        let strip_inputs = strips.first().map_or(0, |strip| strip.inputs as usize);
        let regular = strips.iter().enumerate().all(|(s, strip)| {
            strip.inputs as usize == strip_inputs && strip.first_output as usize == s * strip_outputs
        });
        let narrow = (layer.inputs() <= NARROW, layer.outputs() <= NARROW);
        let mut blob = Blob::default();
        let form = UpdateForm {
            strips: (!regular).then(|| blob.push(&strips)),
            strip_count: strips.len(),
            strip_inputs,
            strip_outputs,
            inputs: push_numbers(&mut blob, &inputs, narrow.0),
            narrow,
            weights: uniform.map_or_else(|| Stored::At(blob.push(&values)), Stored::Uniform),
            outputs: push_numbers(&mut blob, &outputs, narrow.1),
            bias: uniform_bias.map_or_else(|| Stored::At(blob.push(&bias)), Stored::Uniform),
        };
        Some((form, blob.into_bytes()))
    }
}

impl Strips {
    fn push_strip(&mut self, neurons: &[u32], inputs: usize) -> Option<()> {
        self.strips.push(Strip {
            first_input: u32::try_from(self.inputs.len()).ok()?,
            inputs: inputs as u32,
            outputs: neurons.len() as u32,
            first_output: self.outputs.len() as u32,
        });
        self.outputs.extend_from_slice(neurons);
        Some(())
    }

    /// Outputs with one set of inputs.
    fn push_shared(&mut self, weights: &SparseWeights, neurons: &[u32], stored: bool) -> Option<()> {
        let inputs = weights.row(neurons[0] as usize).0;
        self.push_strip(neurons, inputs.len())?;
        self.inputs.extend_from_slice(inputs);
        self.inputs.resize(self.inputs.len().next_multiple_of(INPUTS_A_LANE), 0);
        if !stored {
            return Some(());
        }
        let first = self.weights.len();
        self.weights.resize(self.inputs.len() * STRIP_OUTPUTS, 0.0);
        for (o, &neuron) in neurons.iter().enumerate() {
            let of_neuron = self.weights[first..].iter_mut().skip(o).step_by(STRIP_OUTPUTS);
            let row = weights.row(neuron as usize).1;
            of_neuron.zip(row).for_each(|(value, &weight)| *value = weight);
        }
        Some(())
    }

    /// Outputs with their own inputs, each as many as the last: a short row reads its last input again, with
    /// weight 0. `neurons` are ordered by their number of inputs.
    fn push_rows(&mut self, weights: &SparseWeights, neurons: &[u32]) -> Option<()> {
        let longest = neurons.last().map_or(0, |&neuron| weights.row(neuron as usize).0.len());
        self.push_strip(neurons, longest)?;
        let stored = longest.next_multiple_of(INPUTS_A_LANE);
        for r in 0..ROWS {
            let row = neurons.get(r).map(|&neuron| weights.row(neuron as usize));
            let (inputs, values) = row.unwrap_or_default();
            self.filled |= r < neurons.len() && inputs.len() < longest;
            let end = self.inputs.len() + stored;
            self.inputs.extend_from_slice(inputs);
            self.inputs.resize(end, inputs.last().copied().unwrap_or(0));
            self.weights.extend_from_slice(values);
            self.weights.resize(end, 0.0);
        }
        Some(())
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
        UpdateForm::build(layer, Some(&MiniBlocks::find(layer.weights()))).unwrap()
    }

    fn narrow(bytes: &[u8], at: u64, count: usize) -> Vec<u16> {
        let bytes = bytes[at as usize..][..count * 2].chunks_exact(2);
        bytes.map(|two| u16::from_le_bytes(two.try_into().unwrap())).collect()
    }

    fn words(bytes: &[u8], at: u64, count: usize) -> Vec<u32> {
        let bytes = bytes[at as usize..][..count * 4].chunks_exact(4);
        bytes.map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
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
        let words = |at, count| words(&bytes, at, count);
        assert_eq!(words(form.strips.unwrap(), 12), [0, 2, 2, 0, 4, 5, 1, 2, 12, 0, 1, 3]);
        assert_eq!(words(form.inputs, 12), [0, 2, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(narrow(&bytes, form.outputs, 4), [0, 2, 1, 3]);
        let Stored::At(weights) = form.weights else { panic!("weights differ") };
        let weights: Vec<f32> = words(weights, 12 * 16).into_iter().map(f32::from_bits).collect();
        assert_eq!((weights[0], weights[1], weights[16], weights[17]), (0.0, 2.0, 20.0, 22.0));
        assert_eq!((weights[32], weights[64], weights[80], weights[144]), (0.0, 11.0, 21.0, 0.0));
        assert_eq!(weights[128], 51.0, "the fifth input of the second strip");
    }
    #[test]
    fn rows_are_ordered_by_length_and_filled() {
        let reads: &[&[u32]] = &[&[5, 6, 7], &[3], &[0, 8], &[2, 4], &[1, 2, 3, 4, 5]];
        let weight = |input, output| (input * 10 + output) as f32;
        let (form, bytes) = UpdateForm::build(&layer(9, reads, weight), None).unwrap();
        assert_eq!((form.strip_count, form.strip_outputs), (2, ROWS));
        assert_eq!(words(&bytes, form.strips.unwrap(), 8), [0, 3, 4, 0, 16, 5, 1, 4]);
        assert_eq!(narrow(&bytes, form.outputs, 5), [1, 2, 3, 0, 4]);
        let expected = [3, 3, 3, 3, 0, 8, 8, 8, 2, 4, 4, 4, 5, 6, 7, 7, 1, 2, 3, 4, 5, 5, 5, 5];
        assert_eq!(narrow(&bytes, form.inputs, 24), expected);
        let Stored::At(weights) = form.weights else { panic!("weights differ") };
        let weights: Vec<f32> = words(&bytes, weights, 24).into_iter().map(f32::from_bits).collect();
        let expected = [
            31.0, 0.0, 0.0, 0.0, 2.0, 82.0, 0.0, 0.0, 23.0, 43.0, 0.0, 0.0, 50.0, 60.0, 70.0, 0.0, 14.0,
            24.0, 34.0, 44.0, 54.0, 0.0, 0.0, 0.0,
        ];
        assert_eq!(weights, expected);
        // Equal weights are stored once only if no row is filled: a filled one needs zeros.
        let (form, _) = UpdateForm::build(&layer(9, reads, |_, _| 0.5), None).unwrap();
        assert!(matches!(form.weights, Stored::At(_)));
        let (form, _) = UpdateForm::build(&layer(9, &reads[2..4], |_, _| 0.5), None).unwrap();
        assert_eq!((form.weights, form.strips), (Stored::Uniform(0.5), None));
    }
}
