//! Merging equal neurons: a smaller network with the same answers.
//!
//! Neurons of a layer with the same inputs, the same weights and the same bias are equal for every input of
//! the network. One of them stays; whoever read the others reads it instead, with the sum of their weights.
//! Merged neurons may make neurons of the next layer equal, so layers are taken first to last.
//!
//! **Rounding.** Weights are added up in float64 and rounded once to float32. Where the sums are float32
//! numbers, as in the Graph Challenge (multiples of 1/16), the smaller network is exactly the same function.
//! Elsewhere a sum `s` is off by at most `2⁻²⁴·|s|`, one rounding more for the products of that weight, and
//! neurons are equal if their rounded sums are. Fewer products are added up, so answers agree with those of
//! the network as it was within float32 rounding, not to the last bit.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Activation, Bias, Layer, Network, SparseWeights};
use crate::Error;

/// A network whose equal neurons were merged.
#[derive(Debug, Clone)]
pub struct MergedNeurons {
    network: Network,
    /// For each neuron of the last layer as it was: which neuron of the smaller network it is.
    outputs: Neurons,
    reduction: Reduction,
}

/// What merging left of a network. Neurons are those that layers put out; features are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    /// Neurons of all layers as they were.
    pub neurons: u64,
    /// Neurons that are left.
    pub neurons_left: u64,
    /// Connections of all layers as they were.
    pub connections: u64,
    /// Connections that are left.
    pub connections_left: u64,
}

/// Neurons of a layer, and which neuron of the smaller layer each has become.
#[derive(Debug, Clone)]
struct Neurons {
    /// `None`: each is its own.
    of: Option<Vec<u32>>,
    /// Neurons of the smaller layer.
    left: usize,
}

impl MergedNeurons {
    /// Merges the equal neurons of `network`. Connections of weight 0, or whose weights add up to 0, are left
    /// out. Needs memory for the smaller network and one layer; layers that stay as they are are shared.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if weights of merged neurons add up to more than float32 holds.
    pub fn of(network: &Network) -> Result<Self, Error> {
        let mut neurons = Neurons { of: None, left: network.inputs() };
        let mut layers = Vec::with_capacity(network.layers().len());
        for layer in network.layers() {
            let merged;
            (merged, neurons) = merge_layer(layer, &neurons)?;
            layers.push(merged.map_or_else(|| Arc::clone(layer), Arc::new));
        }
        let merged = Network { layers };
        let count = |network: &Network| -> u64 {
            network.layers().iter().map(|layer| layer.outputs() as u64).sum()
        };
        let reduction = Reduction {
            neurons: count(network),
            neurons_left: count(&merged),
            connections: network.connections(),
            connections_left: merged.connections(),
        };
        Ok(MergedNeurons { network: merged, outputs: neurons, reduction })
    }

    /// The smaller network. It takes the same inputs and has as many layers.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How much smaller it is.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// All neurons of the last layer as it was, from a column of the smaller network.
    ///
    /// # Panics
    /// If the column does not have as many values as the smaller network puts out.
    pub fn expand(&self, column: Box<[f32]>) -> Box<[f32]> {
        assert_eq!(column.len(), self.outputs.left, "values of a column");
        match &self.outputs.of {
            None => column,
            Some(of) => of.iter().map(|&neuron| column[neuron as usize]).collect(),
        }
    }
}

impl fmt::Display for Reduction {
    /// A sentence without its full stop, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "merged equal neurons: {} of {} neurons left, {} of {} connections",
            grouped(self.neurons_left),
            grouped(self.neurons),
            grouped(self.connections_left),
            grouped(self.connections)
        )
    }
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let comma = |k: usize| k > 0 && (digits.len() - k).is_multiple_of(3);
    let with_comma = |(k, digit)| comma(k).then_some(',').into_iter().chain([digit]);
    digits.chars().enumerate().flat_map(with_comma).collect()
}

/// Rows of some consecutive outputs, as the smaller layer has them.
#[derive(Default)]
struct Rows {
    ends: Vec<usize>,
    inputs: Vec<u32>,
    weights: Vec<f32>,
    hashes: Vec<u64>,
}

/// The smaller layer, or none if it is as it was, and what has become of its neurons.
fn merge_layer(layer: &Layer, inputs: &Neurons) -> Result<(Option<Layer>, Neurons), Error> {
    /// Outputs that a thread takes at once.
    const OUTPUTS: usize = 256;
    let outputs = layer.outputs();
    let starts: Vec<usize> = (0..outputs).step_by(OUTPUTS).collect();
    let rows: Vec<Rows> = starts
        .into_par_iter()
        .map(|start| rows_of(layer, inputs, start..outputs.min(start + OUTPUTS)))
        .collect::<Result<_, Error>>()?;

    let mut row_offsets = vec![0];
    let mut input_indices: Vec<u32> = Vec::new();
    let mut values: Vec<f32> = Vec::new();
    let mut representatives: Vec<u32> = Vec::new();
    // Neurons that are left, by hash: the last of them; each leads to the one before it.
    let mut with_hash: HashMap<u64, u32> = HashMap::new();
    let mut before: Vec<Option<u32>> = Vec::new();
    let mut of: Vec<u32> = Vec::with_capacity(outputs);
    for rows in &rows {
        let mut start = 0;
        for (&end, &hash) in rows.ends.iter().zip(&rows.hashes) {
            let (row, weights) = (&rows.inputs[start..end], &rows.weights[start..end]);
            start = end;
            let output = of.len();
            let bias = layer.bias().of(output).to_bits();
            let equal = |left: u32| {
                let left = left as usize;
                let range = row_offsets[left]..row_offsets[left + 1];
                let same_bits = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
                input_indices[range.clone()] == *row
                    && values[range].iter().zip(weights).all(same_bits)
                    && layer.bias().of(representatives[left] as usize).to_bits() == bias
            };
            let last = with_hash.get(&hash).copied();
            let candidates = std::iter::successors(last, |&left| before[left as usize]);
            let found = candidates.into_iter().find(|&left| equal(left));
            of.push(found.unwrap_or_else(|| {
                let left = representatives.len() as u32;
                input_indices.extend_from_slice(row);
                values.extend_from_slice(weights);
                row_offsets.push(values.len());
                representatives.push(output as u32);
                before.push(with_hash.insert(hash, left));
                left
            }));
        }
    }

    let left = representatives.len();
    let none_merged = left == outputs;
    let neurons = Neurons { of: (!none_merged).then_some(of), left };
    if none_merged && inputs.of.is_none() && values.len() == layer.weights().connections() {
        return Ok((None, neurons));
    }
    let bias = match layer.bias() {
        Bias::Uniform(bias) => Bias::Uniform(*bias),
        Bias::PerNeuron(biases) => {
            Bias::PerNeuron(representatives.iter().map(|&output| biases[output as usize]).collect())
        }
    };
    let weights = SparseWeights::from_rows(inputs.left, row_offsets, input_indices, values)?;
    let activation: Activation = layer.activation();
    Ok((Some(Layer::new(weights, bias, activation)?), neurons))
}

/// The rows of `outputs`, with weights added up over inputs that have become one.
fn rows_of(layer: &Layer, inputs: &Neurons, outputs: std::ops::Range<usize>) -> Result<Rows, Error> {
    let mut rows = Rows::default();
    let mut merged: Vec<(u32, f32)> = Vec::new();
    for output in outputs {
        let (row, weights) = layer.weights().row(output);
        let start = rows.inputs.len();
        let mut add = |input: u32, weight: f32| {
            if weight != 0.0 {
                rows.inputs.push(input);
                rows.weights.push(weight);
            }
        };
        match &inputs.of {
            None => row.iter().zip(weights).for_each(|(&input, &weight)| add(input, weight)),
            Some(of) => {
                merged.clear();
                let connections = row.iter().zip(weights);
                merged.extend(connections.map(|(&input, &weight)| (of[input as usize], weight)));
                // The weights, too, in one order: equal sets of them then give equal sums.
                merged.sort_unstable_by_key(|&(input, weight)| (input, weight.to_bits()));
                for equal in merged.chunk_by(|a, b| a.0 == b.0) {
                    let sum = equal.iter().map(|&(_, weight)| f64::from(weight)).sum::<f64>() as f32;
                    if !sum.is_finite() {
                        return Err(Error::InvalidOption {
                            option: "merging equal neurons",
                            expected: "off: weights of equal neurons add up to more than float32 holds",
                            found: "on".to_owned(),
                        });
                    }
                    add(equal[0].0, sum);
                }
            }
        }
        rows.ends.push(rows.inputs.len());
        let numbers = rows.inputs[start..].iter().copied();
        let weights = rows.weights[start..].iter().map(|weight| weight.to_bits());
        let bias = layer.bias().of(output).to_bits();
        rows.hashes.push(hash(numbers.zip(weights), bias));
    }
    Ok(rows)
}

/// Any hash would do, as rows with equal ones are compared.
fn hash(connections: impl Iterator<Item = (u32, u32)>, bias: u32) -> u64 {
    /// An odd number without structure: 2⁶⁴ over the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    connections.fold(u64::from(bias), |hash, (input, weight)| {
        let word = u64::from(input) << 32 | u64::from(weight);
        (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;

    fn layer(inputs: usize, rows: &[&[(u32, f32)]], bias: Bias) -> Layer {
        let mut connections = Vec::new();
        for (output, row) in rows.iter().enumerate() {
            let output = output as u32;
            let of_row = row.iter().map(|&(input, weight)| Connection { input, output, weight });
            connections.extend(of_row);
        }
        let weights = SparseWeights::from_connections(inputs, rows.len(), connections).unwrap();
        Layer::new(weights, bias, Activation::SDGC).unwrap()
    }

    #[test]
    fn neurons_are_merged_through_the_layers() {
        // Outputs 0 and 2 of the first layer are equal, 1 has another bias, 3 another weight.
        let first = layer(
            2,
            &[&[(0, 1.0)], &[(0, 1.0)], &[(0, 1.0)], &[(0, 2.0)]],
            Bias::PerNeuron(vec![0.0, 0.5, 0.0, 0.0]),
        );
        // Read through the merged neurons, outputs 0 and 1 are equal, and so are 2 and 3: nothing is left of
        // the weights 1 and -1.
        let second = layer(
            4,
            &[&[(0, 0.5), (2, 0.25)], &[(2, 0.75)], &[(0, 1.0), (2, -1.0)], &[], &[(3, 0.75)]],
            Bias::Uniform(-0.5),
        );
        let merged = MergedNeurons::of(&Network::new([first, second]).unwrap()).unwrap();
        let [first, second] = merged.network().layers() else { panic!("two layers") };
        assert_eq!(first.weights().row(0), (&[0][..], &[1.0][..]));
        assert_eq!(first.bias(), &Bias::PerNeuron(vec![0.0, 0.5, 0.0]));
        assert_eq!((second.inputs(), second.outputs()), (3, 3));
        assert_eq!(second.weights().row(0), (&[0][..], &[0.75][..]));
        assert_eq!(second.weights().row(1), (&[][..], &[][..]));
        assert_eq!(second.weights().row(2), (&[2][..], &[0.75][..]));
        assert_eq!(*merged.expand([7.0, 8.0, 9.0].into()), [7.0, 7.0, 8.0, 8.0, 9.0]);
        assert_eq!(
            merged.reduction().to_string(),
            "merged equal neurons: 6 of 9 neurons left, 5 of 10 connections"
        );
    }

    #[test]
    fn what_has_no_equal_neurons_is_shared() {
        let first = layer(2, &[&[(0, 1.0)], &[(1, 1.0)]], Bias::Uniform(0.0));
        let second = layer(2, &[&[(0, 1.0)], &[(0, 2.0)]], Bias::Uniform(0.0));
        let network = Network::new([first, second]).unwrap();
        let merged = MergedNeurons::of(&network).unwrap();
        for (layer, left) in network.layers().iter().zip(merged.network().layers()) {
            assert!(Arc::ptr_eq(layer, left));
        }
        assert_eq!(*merged.expand([1.0, 2.0].into()), [1.0, 2.0]);
    }

    #[test]
    fn sums_are_rounded_once() {
        let equal: &[(u32, f32)] = &[(0, 1.0)];
        let first = layer(1, &[equal; 3], Bias::Uniform(0.0));
        // In float32, 1 + 2⁻²⁴ is 1 each time.
        let small = 2.0_f32.powi(-24);
        let second = layer(3, &[&[(0, 1.0), (1, small), (2, small)]], Bias::Uniform(0.0));
        let merged = MergedNeurons::of(&Network::new([first, second]).unwrap()).unwrap();
        assert_eq!(merged.network().layers()[1].weights().values(), [1.0 + 2.0 * small]);
    }

    #[test]
    fn sums_beyond_float32_are_refused() {
        let equal: &[(u32, f32)] = &[(0, 1.0)];
        let first = layer(1, &[equal; 2], Bias::Uniform(0.0));
        let second = layer(2, &[&[(0, 3e38), (1, 3e38)]], Bias::Uniform(0.0));
        let error = MergedNeurons::of(&Network::new([first, second]).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "merging equal neurons is on, expected off: weights of equal neurons add up to more than float32 \
             holds"
        );
    }

    #[test]
    fn numbers_have_commas() {
        let numbers = [0, 999, 1000, 31_457_280].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "31,457,280"]);
    }
}
