//! What is counted rather than timed.

use rayon::prelude::*;
use snicit::{Inputs, Outcome, classes};

use crate::record::Statistics;
use crate::workloads::Loaded;

/// The share of inputs whose largest output is that of their class.
pub(crate) fn accuracy(outcome: &Outcome, labels: &[u8]) -> f64 {
    let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
    let right = classes::right(&outcome.output.classes(), &labels);
    right as f64 / labels.len().max(1) as f64
}

/// Counts of a network and its inputs.
pub(crate) fn statistics(loaded: &Loaded) -> Statistics {
    let network = &loaded.network;
    let layers = network.layers();
    let fan_in = layers.par_iter().map(|layer| {
        let weights = layer.weights();
        (0..layer.outputs()).map(|output| weights.row(output).0.len() as u64).max().unwrap_or(0)
    });
    let possible: f64 = layers.iter().map(|l| l.inputs() as f64 * l.outputs() as f64).sum();
    let biases = layers.iter().map(|layer| match layer.bias() {
        snicit::Bias::Uniform(bias) => Some(f64::from(*bias)),
        _ => None,
    });
    let mut biases: Vec<Option<f64>> = biases.collect();
    biases.dedup();
    let ones = match &loaded.inputs {
        Inputs::Bits(bits) => bits.count_ones(),
        Inputs::Values(values) => values.values().iter().filter(|&&value| value != 0.0).count() as u64,
    };
    Statistics {
        neurons: network.max_width() as u64,
        layers: layers.len() as u64,
        connections: network.connections(),
        largest_fan_in: fan_in.max().unwrap_or(0),
        bias: if let [Some(bias)] = biases[..] { Some(round_bias(bias)) } else { None },
        density: network.connections() as f64 / possible,
        inputs: loaded.inputs.len() as u64,
        ones,
    }
}

/// −0.30000001192… is what float32 makes of −0.3.
fn round_bias(bias: f64) -> f64 {
    (bias * 1e6).round() / 1e6
}
