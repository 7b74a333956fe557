//! SNICIT's layers up to the threshold layer by mini-blocks, sums and matrix units, against the f64 reference.

use proptest::prelude::*;
use snicit::{
    Activation, Bias, BitActivations, Connection, Engine, Inputs, Layer, Method, Network, Plan,
    SparseWeights, reference,
};
use snicit_data::{digits, radixnet};

use crate::engines::mini_block_engines;
use crate::methods::problems;
use crate::problem::{Problem, worst_excess};

/// Sums on the matrix units are cut off, not rounded, and weights come in three parts: some more error than
/// float32's own.
const SLACK: f64 = 8.0;

fn check(network: &Network, inputs: &Inputs, threshold_layer: usize, what: &dyn std::fmt::Debug) {
    let expected = reference::infer(network, inputs);
    let bound = reference::rounding_error_bound(network, inputs);
    for engine in mini_block_engines() {
        let plan = Plan::new(Method::Snicit).at_threshold_layer(threshold_layer);
        let prepared = engine.prepare(network, &plan).unwrap();
        let possible = threshold_layer > 0 && network.preserves_zero_from() == 0;
        let chosen = prepared.notes().iter().any(|note| note.contains("engine's mini-blocks"));
        assert_eq!(chosen, possible, "{what:?}: {:?}", prepared.notes());
        let outcome = prepared.infer(inputs).unwrap();
        let (excess, input, neuron) = worst_excess(&outcome.output, &expected, &bound, SLACK);
        assert!(
            excess <= 0.0,
            "{}, threshold layer {threshold_layer}: input {input}, neuron {neuron} is {}, expected {} within \
             {:e}; {what:?}",
            engine.instruction_set(),
            outcome.output.to_activations().column(input)[neuron],
            expected[input][neuron],
            SLACK * bound[neuron],
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn random_networks((mut problem, threshold) in problems()) {
        problem.biases = -0.7..0.0;
        let (network, inputs) = problem.generate();
        let layers = problem.widths.len() - 1;
        check(&network, &inputs, (threshold * layers as f64).round() as usize, &problem);
    }
}

/// The pattern of a Graph Challenge network with other weights; columns die on the way.
fn radix_net(neurons: usize, layers: usize, weight: impl Fn(u32, u32) -> f32) -> Network {
    radix_net_with_biases(neurons, layers, weight, &Bias::Uniform(-0.3))
}

fn radix_net_with_biases(
    neurons: usize,
    layers: usize,
    weight: impl Fn(u32, u32) -> f32,
    bias: &Bias,
) -> Network {
    let network = radixnet::generate(neurons, layers, -0.3, 3, &|_| ()).unwrap();
    let changed = network.layers().iter().map(|layer| {
        let connections = layer.weights().iter().map(|connection| {
            let Connection { input, output, .. } = connection;
            Connection { weight: weight(input, output), ..connection }
        });
        let weights =
            SparseWeights::from_connections(layer.inputs(), layer.outputs(), connections.collect())
                .unwrap();
        Layer::new(weights, bias.clone(), Activation::SDGC).unwrap()
    });
    Network::new(changed.collect::<Vec<_>>()).unwrap()
}

fn uneven(input: u32, output: u32) -> f32 {
    0.04 + ((input * 31 + output * 17) % 101) as f32 * 0.0005
}

/// Equal within a block: of 1024 neurons, outputs with the same remainder by 64 share their inputs.
fn equal_in_blocks(_input: u32, output: u32) -> f32 {
    0.05 + (output % 64 % 7) as f32 * 0.004
}

#[test]
fn radix_nets_in_chunks_and_in_panels() {
    type Weight = fn(u32, u32) -> f32;
    let weights =
        [("equal", (|_, _| 0.0625) as Weight), ("equal in blocks", equal_in_blocks), ("uneven", uneven)];
    for (weights, weight) in weights {
        let network = radix_net(1024, 12, weight);
        let inputs = Inputs::from(digits::generate(300, 32, 2));
        let survivors = reference::categories(&network, &inputs).len();
        assert!((1..290).contains(&survivors), "{survivors}");
        for threshold_layer in [1, 2, 5, 6, 7, 8, 12] {
            check(&network, &inputs, threshold_layer, &weights);
        }
    }
}

#[test]
fn batches_about_tiles_and_panels() {
    let network = radix_net(256, 9, uneven);
    for inputs in [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 2049] {
        let bits = digits::generate(inputs, 16, 4);
        let values = Inputs::from(bits.to_activations());
        for inputs in [Inputs::from(bits), values] {
            check(&network, &inputs, 7, &inputs.len());
        }
    }
}

/// One sum for the sixteen outputs of a block, which differ by their bias.
#[test]
fn outputs_of_a_sum_have_their_own_bias() {
    let bias = Bias::PerNeuron((0..1024).map(|neuron| -0.05 - (neuron % 23) as f32 * 0.025).collect());
    let network = radix_net_with_biases(1024, 10, equal_in_blocks, &bias);
    for inputs in [1, 31, 33, 300, 1025] {
        let bits = digits::generate(inputs, 32, 5);
        let values = Inputs::from(bits.to_activations());
        for inputs in [Inputs::from(bits), values] {
            for threshold_layer in [1, 3, 6, 10] {
                check(&network, &inputs, threshold_layer, &inputs.len());
            }
        }
    }
}

/// Sums in batches about the columns that warps and thread blocks take, with one octet of inputs and with several.
#[test]
fn sums_about_tiles_and_panels() {
    for (side, equal) in [(16, 0.0625), (32, 0.06)] {
        let network = radix_net(side * side, 9, |_, _| equal);
        for inputs in [1, 7, 8, 9, 63, 64, 65, 127, 129, 1023, 1025] {
            let bits = digits::generate(inputs, side, 4);
            let values = Inputs::from(bits.to_activations());
            for inputs in [Inputs::from(bits), values] {
                check(&network, &inputs, 8, &(side, inputs.len()));
            }
        }
    }
}

/// Three steps a block: neither the usual number nor groups whose words lie side by side.
#[test]
fn sums_of_three_groups() {
    const BLOCKS: u32 = 6;
    let layer = |bias: f32| {
        let neurons = BLOCKS * 16;
        let pairs = (0..neurons).flat_map(|output| (0..48).map(move |k| (output, k)));
        let connections = pairs.map(|(output, k)| {
            let input = (output / 16 + k / 16) % BLOCKS * 16 + k % 16;
            Connection { input, output, weight: 0.02 + (output / 16) as f32 * 0.003 }
        });
        let weights =
            SparseWeights::from_connections(neurons as usize, neurons as usize, connections.collect());
        Layer::new(weights.unwrap(), Bias::Uniform(bias), Activation::Relu { max: Some(3.0) }).unwrap()
    };
    let network = Network::new([-0.08, -0.1, -0.05, -0.1].map(layer)).unwrap();
    let mut bits = BitActivations::zeros(1500, BLOCKS as usize * 16);
    for input in 0..1500 {
        // Every other group is empty in some inputs; every third input is empty.
        for feature in (0..96).filter(|f| input % 3 != 0 && (f / 16 + input) % 4 == 0) {
            if (input * 7 + feature * 5) % 11 < 4 {
                bits.set(input, feature);
            }
        }
    }
    let values = Inputs::from(bits.to_activations());
    for inputs in [Inputs::from(bits), values] {
        let alive = reference::categories(&network, &inputs).len();
        assert!((100..1400).contains(&alive), "{alive}");
        for threshold_layer in 1..=4 {
            check(&network, &inputs, threshold_layer, &"three groups");
        }
    }
}

/// Groups of eight inputs whose words lie side by side.
#[test]
fn sums_of_short_groups() {
    let pairs = (0..512_u32).flat_map(|output| (0..16).map(move |k| (output, k)));
    let connections = pairs.map(|(output, k)| {
        let input = (output + k / 8) % 32 + 32 * (k % 8);
        Connection { input, output, weight: 0.1 + (output % 32) as f32 * 0.01 }
    });
    let weights = SparseWeights::from_connections(256, 512, connections.collect()).unwrap();
    let first = Layer::new(weights, Bias::Uniform(-0.9), Activation::SDGC).unwrap();
    let rest = radix_net(512, 3, |_, _| 0.07);
    let layers = std::iter::once(first).chain(rest.layers().iter().map(|layer| (**layer).clone()));
    let network = Network::new(layers.collect::<Vec<_>>()).unwrap();
    let inputs = Inputs::from(digits::generate(700, 16, 8));
    let alive = reference::categories(&network, &inputs).len();
    assert!((50..690).contains(&alive), "{alive}");
    for threshold_layer in 1..=4 {
        check(&network, &inputs, threshold_layer, &"short groups");
    }
}

/// Blocks with few and with many outputs and inputs, that do not fill groups.
#[test]
fn ragged_blocks() {
    for block_outputs in [1, 7, 16, 40] {
        let problem = Problem {
            widths: vec![777, 250, 1000, 33],
            density: 0.05,
            block_outputs,
            biases: -0.5..-0.1,
            uniform_bias: false,
            activation: Activation::Relu { max: Some(4.0) },
            inputs: 200,
            binary_inputs: true,
            seed: 11,
        };
        let (network, inputs) = problem.generate();
        for threshold_layer in 1..=3 {
            check(&network, &inputs, threshold_layer, &problem);
        }
    }
}

/// Most chunks stay zero to the end, in columns that survive and in columns that die.
#[test]
fn categories_of_a_graph_challenge_network() {
    let network = radixnet::generate(4096, 30, -0.35, 1, &|_| ()).unwrap();
    let inputs = Inputs::from(digits::generate(1500, 64, 9));
    for engine in mini_block_engines() {
        let categories = |method| {
            let plan = Plan::new(method).at_threshold_layer(24);
            engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap().output.categories()
        };
        let expected = categories(Method::Xy2021);
        assert!(!expected.is_empty() && expected.len() < 1500);
        assert_eq!(categories(Method::Snicit), expected, "{}", engine.instruction_set());
    }
}
