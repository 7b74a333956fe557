//! Strips in a compact form, for SNICIT's persistent update.
//!
//! Between two layers neurons are numbered by their *place* in the order of the strips, so that the outputs of
//! a strip lie side by side. A layer that reads all outputs of a strip of the layer before then reads one run.

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
    /// The neurons in the order of the strips; `None`: they are called by their places there.
    pub(crate) outputs: Option<u64>,
    /// In the order of the strips.
    pub(crate) bias: Stored,
}

/// The outputs of a layer, strip by strip.
#[derive(Debug)]
pub(crate) struct StripOrder {
    /// Whether the outputs of a strip have one set of inputs.
    shared: bool,
    neurons: Vec<u32>,
    /// Where each strip ends in `neurons`.
    ends: Vec<usize>,
}

impl StripOrder {
    /// By the strips of `blocks` or, without, by rows: those of one length side by side, so that little has to
    /// be filled.
    pub(crate) fn new(layer: &Layer, blocks: Option<&MiniBlocks>) -> Self {
        let mut order = StripOrder { shared: blocks.is_some(), neurons: Vec::new(), ends: Vec::new() };
        match blocks {
            Some(blocks) => StripsForm::outputs_of_strips(blocks).for_each(|strip| order.push(strip)),
            None => {
                let weights = layer.weights();
                let mut outputs: Vec<u32> = (0..weights.outputs() as u32).collect();
                outputs.sort_by_key(|&output| weights.row(output as usize).0.len());
                outputs.chunks(ROWS).for_each(|strip| order.push(strip));
            }
        }
        order
    }

    fn push(&mut self, strip: &[u32]) {
        self.neurons.extend_from_slice(strip);
        self.ends.push(self.neurons.len());
    }

    fn strips(&self) -> impl Iterator<Item = &[u32]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| &self.neurons[begin..end])
    }

    /// The place of each neuron.
    fn places(&self) -> Vec<u32> {
        let mut places = vec![0; self.neurons.len()];
        self.neurons.iter().zip(0..).for_each(|(&neuron, place)| places[neuron as usize] = place);
        places
    }
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
    outputs: usize,
    /// Whether some weights only fill a gap.
    filled: bool,
}

impl UpdateForm {
    /// Brings a layer into the form. Its inputs are called by their places in the order of the layer before,
    /// or as they are if that is `None`; its outputs as they are if `last`. `None` if the inputs of all strips
    /// cannot be counted in 32 bits.
    pub(crate) fn build(
        layer: &Layer,
        order: &StripOrder,
        before: Option<&StripOrder>,
        last: bool,
    ) -> Option<(Self, Vec<u8>)> {
        let weights = layer.weights();
        let uniform = uniform(weights.values());
        let places = before.map(StripOrder::places);
        let place = |input: u32| places.as_ref().map_or(input, |places| places[input as usize]);
        let mut made = Strips::default();
        for neurons in order.strips() {
            if order.shared {
                made.push_shared(weights, neurons, place, uniform.is_none())?;
            } else {
                made.push_rows(weights, neurons, place)?;
            }
        }
        let strip_outputs = if order.shared { STRIP_OUTPUTS } else { ROWS };
        let Strips { strips, inputs, weights: values, filled, .. } = made;
        let uniform = uniform.filter(|_| !filled);
        let bias: Vec<f32> =
            order.neurons.iter().map(|&neuron| layer.bias().of(neuron as usize)).collect();
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
            outputs: last.then(|| push_numbers(&mut blob, &order.neurons, narrow.1)),
            bias: uniform_bias.map_or_else(|| Stored::At(blob.push(&bias)), Stored::Uniform),
        };
        Some((form, blob.into_bytes()))
    }
}

impl Strips {
    fn push_strip(&mut self, outputs: usize, inputs: usize) -> Option<()> {
        self.strips.push(Strip {
            first_input: u32::try_from(self.inputs.len()).ok()?,
            inputs: inputs as u32,
            outputs: outputs as u32,
            first_output: self.outputs as u32,
        });
        self.outputs += outputs;
        Some(())
    }

    /// Outputs with one set of inputs; these in ascending order of their places, since neighbours may lie in one
    /// line of the cache.
    fn push_shared(
        &mut self,
        weights: &SparseWeights,
        neurons: &[u32],
        place: impl Fn(u32) -> u32,
        stored: bool,
    ) -> Option<()> {
        let inputs = weights.row(neurons[0] as usize).0;
        let mut inputs: Vec<(u32, usize)> =
            inputs.iter().zip(0..).map(|(&input, i)| (place(input), i)).collect();
        inputs.sort_unstable();
        self.push_strip(neurons.len(), inputs.len())?;
        self.inputs.extend(inputs.iter().map(|&(input, _)| input));
        self.inputs.resize(self.inputs.len().next_multiple_of(INPUTS_A_LANE), 0);
        if !stored {
            return Some(());
        }
        let first = self.weights.len();
        self.weights.resize(self.inputs.len() * STRIP_OUTPUTS, 0.0);
        for (o, &neuron) in neurons.iter().enumerate() {
            let of_neuron = self.weights[first..].iter_mut().skip(o).step_by(STRIP_OUTPUTS);
            let row = weights.row(neuron as usize).1;
            of_neuron.zip(&inputs).for_each(|(value, &(_, i))| *value = row[i]);
        }
        Some(())
    }

    /// Outputs with their own inputs, each as many as the last: a short row reads its last input again, with
    /// weight 0. `neurons` are ordered by their number of inputs.
    fn push_rows(
        &mut self,
        weights: &SparseWeights,
        neurons: &[u32],
        place: impl Fn(u32) -> u32,
    ) -> Option<()> {
        let longest = neurons.last().map_or(0, |&neuron| weights.row(neuron as usize).0.len());
        self.push_strip(neurons.len(), longest)?;
        let stored = longest.next_multiple_of(INPUTS_A_LANE);
        for r in 0..ROWS {
            let row = neurons.get(r).map(|&neuron| weights.row(neuron as usize));
            let (inputs, values) = row.unwrap_or_default();
            self.filled |= r < neurons.len() && inputs.len() < longest;
            let end = self.inputs.len() + stored;
            self.inputs.extend(inputs.iter().map(|&input| place(input)));
            self.inputs.resize(end, inputs.last().map_or(0, |&input| place(input)));
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
        let order = StripOrder::new(layer, Some(&MiniBlocks::find(layer.weights())));
        UpdateForm::build(layer, &order, None, true).unwrap()
    }

    fn build_rows(layer: &Layer) -> (UpdateForm, Vec<u8>) {
        UpdateForm::build(layer, &StripOrder::new(layer, None), None, true).unwrap()
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
        assert_eq!(narrow(&bytes, form.outputs.unwrap(), 20), (0..20).collect::<Vec<u16>>());
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
        assert_eq!(narrow(&bytes, form.outputs.unwrap(), 4), [0, 2, 1, 3]);
        let Stored::At(weights) = form.weights else { panic!("weights differ") };
        let weights: Vec<f32> = words(weights, 12 * 16).into_iter().map(f32::from_bits).collect();
        assert_eq!((weights[0], weights[1], weights[16], weights[17]), (0.0, 2.0, 20.0, 22.0));
        assert_eq!((weights[32], weights[64], weights[80], weights[144]), (0.0, 11.0, 21.0, 0.0));
        assert_eq!(weights[128], 51.0, "the fifth input of the second strip");
    }

    #[test]
    fn inputs_are_called_by_their_places_in_the_layer_before() {
        // Outputs 0, 2, 4, 6 share their inputs, and 1, 3, 5, 7 theirs.
        let (even, odd): (&[u32], &[u32]) = (&[0, 1], &[2, 3]);
        let before = layer(4, &[even, odd, even, odd, even, odd, even, odd], |_, _| 0.5);
        let before = StripOrder::new(&before, Some(&MiniBlocks::find(before.weights())));
        assert_eq!(before.neurons, [0, 2, 4, 6, 1, 3, 5, 7]);
        let reads: &[&[u32]] = &[&[1, 2, 5, 6], &[1, 2, 5, 6], &[1, 3, 5, 7]];
        let of = layer(8, reads, |input, output| (input * 10 + output) as f32);
        let order = StripOrder::new(&of, Some(&MiniBlocks::find(of.weights())));
        let (form, bytes) = UpdateForm::build(&of, &order, Some(&before), false).unwrap();
        assert_eq!(form.outputs, None);
        assert_eq!(narrow(&bytes, form.inputs, 8), [1, 3, 4, 6, 4, 5, 6, 7]);
        let Stored::At(weights) = form.weights else { panic!("weights differ") };
        let weights = words(&bytes, weights, 8 * 16).into_iter().map(f32::from_bits);
        let weights: Vec<f32> = weights.collect();
        let first_of_each_input: Vec<f32> = weights.iter().copied().step_by(16).collect();
        assert_eq!(first_of_each_input, [20.0, 60.0, 10.0, 50.0, 12.0, 32.0, 52.0, 72.0]);
        assert_eq!(weights[1], 21.0, "the second output of the first strip");
        let order = StripOrder::new(&of, None);
        let (form, bytes) = UpdateForm::build(&of, &order, Some(&before), true).unwrap();
        assert_eq!(narrow(&bytes, form.inputs, 12), [4, 1, 6, 3, 4, 1, 6, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn rows_are_ordered_by_length_and_filled() {
        let reads: &[&[u32]] = &[&[5, 6, 7], &[3], &[0, 8], &[2, 4], &[1, 2, 3, 4, 5]];
        let weight = |input, output| (input * 10 + output) as f32;
        let (form, bytes) = build_rows(&layer(9, reads, weight));
        assert_eq!((form.strip_count, form.strip_outputs), (2, ROWS));
        assert_eq!(words(&bytes, form.strips.unwrap(), 8), [0, 3, 4, 0, 16, 5, 1, 4]);
        assert_eq!(narrow(&bytes, form.outputs.unwrap(), 5), [1, 2, 3, 0, 4]);
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
        let (form, _) = build_rows(&layer(9, reads, |_, _| 0.5));
        assert!(matches!(form.weights, Stored::At(_)));
        let (form, _) = build_rows(&layer(9, &reads[2..4], |_, _| 0.5));
        assert_eq!((form.weights, form.strips), (Stored::Uniform(0.5), None));
    }
}
