//! The oracle: plain feed-forward in float64, one input at a time, as the definition says.
//!
//! `Y(i) = σ(W(i)·Y(i−1) + b(i))`. Slow and simple on purpose; every engine is tested against it.

use rayon::prelude::*;

use crate::{Categories, Inputs, Layer, Network};

/// The activations of every input after the last layer; one vector of the network's outputs an input.
///
/// # Panics
/// If the inputs do not have the features that the network takes.
pub fn infer(network: &Network, inputs: &Inputs) -> Vec<Vec<f64>> {
    (0..inputs.len()).into_par_iter().map(|input| infer_one(network, inputs, input)).collect()
}

/// The inputs whose column after the last layer is not all zero.
///
/// # Panics
/// If the inputs do not have the features that the network takes.
pub fn categories(network: &Network, inputs: &Inputs) -> Categories {
    categories_watched(network, inputs, || ())
}

/// As [`categories`]; calls `input_done` after each input, from any thread.
///
/// # Panics
/// If the inputs do not have the features that the network takes.
pub fn categories_watched(
    network: &Network,
    inputs: &Inputs,
    input_done: impl Fn() + Sync,
) -> Categories {
    let survives = |&input: &usize| {
        let survives = infer_one(network, inputs, input).iter().any(|&y| y != 0.0);
        input_done();
        survives
    };
    let surviving = (0..inputs.len()).into_par_iter().filter(survives);
    Categories::from_ascending(surviving.map(|input| input as u32 + 1).collect())
}

/// The activations of input `input` (0-based) after the last layer.
///
/// # Panics
/// If the inputs do not have the features that the network takes.
pub fn infer_one(network: &Network, inputs: &Inputs, input: usize) -> Vec<f64> {
    assert_eq!(inputs.features(), network.inputs(), "features of an input");
    let zero_stays_zero_from = network.preserves_zero_from();
    let mut column = vec![0.0; network.inputs()];
    inputs.for_each_nonzero(input, |feature, value| column[feature] = f64::from(value));
    for (i, layer) in network.layers().iter().enumerate() {
        if i >= zero_stays_zero_from && column.iter().all(|&y| y == 0.0) {
            return vec![0.0; network.outputs()];
        }
        column = apply(layer, &column);
    }
    column
}

/// `σ(W·Y + b)` for one column.
fn apply(layer: &Layer, column: &[f64]) -> Vec<f64> {
    let (low, high) = layer.activation().bounds();
    let neuron = |j: usize| {
        let (inputs, weights) = layer.weights().row(j);
        let z = dot(inputs, weights, column) + f64::from(layer.bias().of(j));
        z.max(f64::from(low)).min(f64::from(high))
    };
    (0..layer.outputs()).map(neuron).collect()
}

/// The sum of `weight · column[input]` over the connections of an output.
fn dot(inputs: &[u32], weights: &[f32], column: &[f64]) -> f64 {
    let product = |(&i, &w): (&u32, &f32)| f64::from(w) * column[i as usize];
    // Four sums side by side: with a single one, every addition would wait for the one before.
    let (input_fours, last_inputs) = inputs.as_chunks::<4>();
    let (weight_fours, last_weights) = weights.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (inputs, weights) in input_fours.iter().zip(weight_fours) {
        for (sum, connection) in sums.iter_mut().zip(inputs.iter().zip(weights)) {
            *sum += product(connection);
        }
    }
    sums.iter().sum::<f64>() + last_inputs.iter().zip(last_weights).map(product).sum::<f64>()
}

/// How far float32 feed-forward may end from [`infer`] by rounding alone, for each output neuron.
///
/// A running error analysis: with `m` the largest magnitude a neuron takes over all inputs, `e` the
/// error it arrives with, `k` the connections of an output and `u = 2⁻²⁴`,
/// `e' = Σ|w|·e + (k + 2)·u·(Σ|w|·(m + e) + |b|)`; clamping never enlarges an error (Higham, *Accuracy
/// and Stability of Numerical Algorithms*, ch. 3). The order of summation and fused multiply-adds do
/// not matter. Every summand is rounded at most `k + 2` times: product, sums, bias.
///
/// # Panics
/// If the inputs do not have the features that the network takes.
pub fn rounding_error_bound(network: &Network, inputs: &Inputs) -> Vec<f64> {
    const UNIT_ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;
    assert_eq!(inputs.features(), network.inputs(), "features of an input");
    let mut columns: Vec<Vec<f64>> = (0..inputs.len())
        .map(|input| {
            let mut column = vec![0.0; network.inputs()];
            inputs.for_each_nonzero(input, |feature, value| column[feature] = f64::from(value));
            column
        })
        .collect();
    let mut error = vec![0.0; network.inputs()];
    for layer in network.layers() {
        let largest: Vec<f64> = (0..layer.inputs())
            .map(|i| columns.iter().map(|column| column[i].abs()).fold(0.0, f64::max))
            .collect();
        error = (0..layer.outputs())
            .map(|j| {
                let (inputs, weights) = layer.weights().row(j);
                let weighted = |of: &dyn Fn(usize) -> f64| -> f64 {
                    let terms = inputs.iter().zip(weights);
                    terms.map(|(&i, &w)| f64::from(w).abs() * of(i as usize)).sum()
                };
                let bias = f64::from(layer.bias().of(j)).abs();
                let carried = weighted(&|i| error[i]);
                let magnitude = weighted(&|i| largest[i] + error[i]) + bias;
                carried + (inputs.len() + 2) as f64 * UNIT_ROUNDOFF * magnitude
            })
            .collect();
        columns = columns.par_iter().map(|column| apply(layer, column)).collect();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Activations, Bias, Connection, SparseWeights};

    #[test]
    fn two_layers_by_hand() {
        let layer = |bias: &[f32], activation, connections: &[(u32, u32, f32)]| {
            let connections = connections.iter();
            let connections =
                connections.map(|&(input, output, weight)| Connection { input, output, weight });
            let weights = SparseWeights::from_connections(2, 2, connections.collect()).unwrap();
            Layer::new(weights, Bias::PerNeuron(bias.to_vec()), activation).unwrap()
        };
        // Y(1) = min(max([2a - 1, a + b], 0), 4); Y(2) = [Y(1)0 - Y(1)1, 0.5].
        let first = layer(
            &[-1.0, 0.0],
            Activation::Relu { max: Some(4.0) },
            &[(0, 0, 2.0), (0, 1, 1.0), (1, 1, 1.0)],
        );
        let second = layer(&[0.0, 0.5], Activation::Identity, &[(0, 0, 1.0), (1, 0, -1.0)]);
        let network = Network::new([first, second]).unwrap();
        let values = vec![1.0, 2.0, 3.0, 0.5, 0.0, 0.0];
        let inputs = Inputs::from(Activations::new(3, 2, values).unwrap());
        let expected = [[1.0 - 3.0, 0.5], [4.0 - 3.5, 0.5], [0.0, 0.5]];
        assert_eq!(infer(&network, &inputs), expected);
        assert_eq!(categories(&network, &inputs).indices(), &[1, 2, 3]);
        let bound = rounding_error_bound(&network, &inputs);
        assert!(bound.iter().all(|&e| e > 0.0 && e < 1e-5), "{bound:?}");
    }
}
