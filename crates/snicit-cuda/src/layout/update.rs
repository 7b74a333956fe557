//! Strips in a compact form, for SNICIT's persistent update.
//!
//! Between two layers neurons are numbered anew, by their *places*: so that neurons with the same readers lie side
//! by side, or, if there are few of these, the outputs of a strip. A strip then reads or writes runs.

use snicit::network::MiniBlocks;
use snicit::{Layer, SparseWeights};

use super::strips::{STRIP_OUTPUTS, Strip};
use super::{Blob, StripsForm};

/// Inputs that a lane takes at a time: each strip's are filled up to a multiple; INPUTS_A_LANE of the kernel.
const INPUTS_A_LANE: usize = 4;

/// Outputs of a strip whose outputs have their own inputs; ROWS of the kernel.
const ROWS: usize = 4;

/// Inputs that are read at once where they are runs, RUN of the kernel.
const RUN: usize = 4;

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
    /// Whether each strip's inputs are runs of four that begin at a multiple of four.
    pub(crate) runs: bool,
    pub(crate) weights: Stored,
    /// What the outputs are called, strip by strip; `None`: one after the other.
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

    /// The place of each neuron for `reader`, the layer that comes next, by whose strips it is read.
    pub(crate) fn places(&self, reader: &Layer, by: &StripOrder) -> Vec<u32> {
        let mut read_by = vec![Readers::default(); self.neurons.len()];
        if by.shared {
            for (strip, outputs) in by.strips().enumerate() {
                for &input in reader.weights().row(outputs[0] as usize).0 {
                    read_by[input as usize].add(strip);
                }
            }
        }
        let mut ordered = self.neurons.clone();
        // Stable: neurons with the same readers stay in the order of the strips.
        ordered.sort_by_key(|&neuron| read_by[neuron as usize]);
        let same = |two: &&[u32]| read_by[two[0] as usize] == read_by[two[1] as usize];
        let groups = ordered.len() - ordered.windows(2).filter(same).count();
        let order = if groups * RUN <= ordered.len() { &ordered } else { &self.neurons };
        let mut places = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&neuron, place)| places[neuron as usize] = place);
        places
    }
}

/// By which strips a neuron is read: the first, and a hash of all. What collides is only ordered worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Readers {
    first: usize,
    hash: u64,
}

impl Default for Readers {
    fn default() -> Self {
        Readers { first: usize::MAX, hash: 0 }
    }
}

impl Readers {
    /// Strips come in ascending order.
    fn add(&mut self, strip: usize) {
        self.first = self.first.min(strip);
        self.hash = (self.hash ^ (strip as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
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
    /// Brings a layer into the form. Inputs and outputs are called by their places, or by their numbers where
    /// there are none. `None` if the inputs of all strips cannot be counted in 32 bits.
    pub(crate) fn build(
        layer: &Layer,
        order: &StripOrder,
        input_places: Option<&[u32]>,
        output_places: Option<&[u32]>,
    ) -> Option<(Self, Vec<u8>)> {
        let weights = layer.weights();
        let uniform = uniform(weights.values());
        let place = |input: u32| input_places.map_or(input, |places| places[input as usize]);
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
        let output = |&neuron: &u32| output_places.map_or(neuron, |places| places[neuron as usize]);
        let outputs: Vec<u32> = order.neurons.iter().map(output).collect();
        let in_order = outputs.iter().zip(0..).all(|(&output, place)| output == place);
        let mut blob = Blob::default();
        let form = UpdateForm {
            strips: (!regular).then(|| blob.push(&strips)),
            strip_count: strips.len(),
            strip_inputs,
            strip_outputs,
            inputs: push_numbers(&mut blob, &inputs, narrow.0),
            narrow,
            runs: order.shared && are_runs(&strips, &inputs),
            weights: uniform.map_or_else(|| Stored::At(blob.push(&values)), Stored::Uniform),
            outputs: (!in_order).then(|| push_numbers(&mut blob, &outputs, narrow.1)),
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

    /// Outputs with one set of inputs; these in ascending order of their places, for the sake of runs.
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

/// Whether all inputs of all strips are runs of four that begin at a multiple of four.
fn are_runs(strips: &[Strip], inputs: &[u32]) -> bool {
    let is_run = |four: &[u32]| {
        four[0].is_multiple_of(RUN as u32) && four.windows(2).all(|two| two[1] == two[0] + 1)
    };
    strips.iter().all(|strip| strip.inputs.is_multiple_of(RUN as u32)) && inputs.chunks(RUN).all(is_run)
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
        UpdateForm::build(layer, &order, None, None).unwrap()
    }

    fn build_rows(layer: &Layer) -> (UpdateForm, Vec<u8>) {
        UpdateForm::build(layer, &StripOrder::new(layer, None), None, None).unwrap()
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
        assert_eq!(form.outputs, None, "they are in order");
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

    fn order(layer: &Layer) -> StripOrder {
        StripOrder::new(layer, Some(&MiniBlocks::find(layer.weights())))
    }

    #[test]
    fn neurons_with_the_same_readers_lie_side_by_side() {
        let before = order(&layer(1, &[&[0_u32][..]; 8], |_, _| 0.5));
        assert_eq!(before.neurons, [0, 1, 2, 3, 4, 5, 6, 7]);
        // Strip 0 reads 1, 3, 6, 7, strip 1 all but 1 and 3; nobody reads 5 alone.
        let reads: &[&[u32]] = &[&[1, 3, 6, 7], &[0, 2, 4, 5, 6, 7]];
        let few = layer(8, reads, |_, _| 0.5);
        // Of the groups 1, 3 and 6, 7 and 0, 2, 4, 5 there are too many: the order of the strips stays.
        assert_eq!(before.places(&few, &order(&few)), [0, 1, 2, 3, 4, 5, 6, 7]);
        let reads: &[&[u32]] = &[&[1, 3, 6, 7], &[0, 2, 4, 5]];
        let two = layer(8, reads, |input, output| (input * 10 + output) as f32);
        let places = before.places(&two, &order(&two));
        assert_eq!(places, [4, 0, 5, 1, 6, 7, 2, 3]);

        let (form, bytes) = UpdateForm::build(&two, &order(&two), Some(&places), None).unwrap();
        assert_eq!((form.outputs, form.runs), (None, true));
        assert_eq!(narrow(&bytes, form.inputs, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        let Stored::At(weights) = form.weights else { panic!("weights differ") };
        let weights: Vec<f32> = words(&bytes, weights, 8 * 16).into_iter().map(f32::from_bits).collect();
        let first_of_each_input: Vec<f32> = weights.iter().copied().step_by(16).collect();
        assert_eq!(first_of_each_input, [10.0, 30.0, 60.0, 70.0, 1.0, 21.0, 41.0, 51.0]);

        // By rows every input is called by its place, too, and outputs by theirs.
        let rows = StripOrder::new(&two, None);
        let (form, bytes) = UpdateForm::build(&two, &rows, Some(&places), Some(&[1, 0])).unwrap();
        assert_eq!(narrow(&bytes, form.inputs, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(narrow(&bytes, form.outputs.unwrap(), 2), [1, 0]);
    }

    #[test]
    fn without_shared_readers_the_order_of_the_strips_stays() {
        // Outputs 0, 2, 4, 6 share their inputs, and 1, 3, 5, 7 theirs.
        let (even, odd): (&[u32], &[u32]) = (&[0, 1], &[2, 3]);
        let before = order(&layer(4, &[even, odd, even, odd, even, odd, even, odd], |_, _| 0.5));
        assert_eq!(before.neurons, [0, 2, 4, 6, 1, 3, 5, 7]);
        let reads: &[&[u32]] = &[&[0], &[1], &[2], &[3], &[4], &[5], &[6], &[7]];
        let reader = layer(8, reads, |_, _| 0.5);
        for of_reader in [order(&reader), StripOrder::new(&reader, None)] {
            assert_eq!(before.places(&reader, &of_reader), [0, 4, 1, 5, 2, 6, 3, 7]);
        }
    }

    #[test]
    fn runs_are_whole_and_aligned() {
        let runs = |inputs: &[u32]| build(&layer(12, &[inputs, inputs], |_, _| 0.5)).0.runs;
        assert!(runs(&[0, 1, 2, 3]) && runs(&[0, 1, 2, 3, 8, 9, 10, 11]));
        assert!(!runs(&[1, 2, 3, 4]) && !runs(&[0, 1, 2, 3, 8]) && !runs(&[0, 1, 2, 4]));
        assert!(!build_rows(&layer(4, &[&[0, 1, 2, 3]], |_, _| 0.5)).0.runs);
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
