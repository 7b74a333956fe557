//! Networks as training leaves them: dense and sparse layers, biases and activations in one network, any
//! batch size. Every method, threshold layer and kernel of SNICIT against the f64 reference.

use std::ops::Range;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, Connection, Engine, FeedForward, Inputs, Layer, Method, Network,
    Plan, SnicitOptions, SparseWeights, reference,
};

use crate::problem::{engine, engines, infer, worst_excess};

/// A layer: outputs, density, activation, whether all outputs have one bias.
type LayerShape = (usize, f64, Activation, bool);

fn network(inputs: usize, shapes: &[LayerShape], random: &mut ChaCha8Rng) -> Network {
    weighted_network(inputs, shapes, -0.8..1.0, random)
}

fn weighted_network(
    inputs: usize,
    shapes: &[LayerShape],
    range: Range<f32>,
    random: &mut ChaCha8Rng,
) -> Network {
    let mut width = inputs;
    let layer = |&(outputs, density, activation, uniform): &LayerShape| {
        // Sums stay of the size of the inputs, whatever the number of connections.
        let scale = 2.0 / (width as f64 * density).max(1.0).sqrt() as f32;
        let mut connections = Vec::new();
        for output in 0..outputs as u32 {
            for input in 0..width as u32 {
                if random.random_bool(density) {
                    let weight = random.random_range(range.clone()) * scale;
                    connections.push(Connection { input, output, weight });
                }
            }
        }
        let weights = SparseWeights::from_connections(width, outputs, connections).unwrap();
        let mut bias = || random.random_range(-0.3..0.3);
        let bias = if uniform {
            Bias::Uniform(bias())
        } else {
            Bias::PerNeuron((0..outputs).map(|_| bias()).collect())
        };
        width = outputs;
        Layer::new(weights, bias, activation).unwrap()
    };
    Network::new(shapes.iter().map(layer).collect::<Vec<_>>()).unwrap()
}

fn inputs(count: usize, features: usize, random: &mut ChaCha8Rng) -> Inputs {
    let value = |_| if random.random_bool(0.4) { random.random_range(0.0..1.0) } else { 0.0 };
    let values = (0..count * features).map(value).collect();
    Activations::new(count, features, values).unwrap().into()
}

/// Every way there is to send `inputs` through `network`, with what to call it.
fn plans(layers: usize) -> Vec<(String, Plan)> {
    let mut plans: Vec<(String, Plan)> = Vec::new();
    for method in [Method::Bf2019, Method::Snig2020, Method::Xy2021] {
        plans.push((method.name().to_owned(), Plan::new(method)));
    }
    let kernels = [FeedForward::Bf2019, FeedForward::Snig2020, FeedForward::Xy2021];
    for t in 0..=layers {
        for (pre, post) in kernels.iter().flat_map(|pre| kernels.map(|post| (*pre, post))) {
            for mut options in [SnicitOptions::sdgc(), SnicitOptions::medium_scale()] {
                options.prune_at_conversion = 0.0;
                options.prune_at_update = 0.0;
                (options.pre_convergence, options.post_convergence) = (pre, post);
                let name = format!("SNICIT at t = {t} with {options:?}");
                let plan = Plan::new(Method::Snicit).at_threshold_layer(t).with_snicit(options);
                plans.push((name, plan));
            }
        }
    }
    plans
}

fn check(network: &Network, inputs: &Inputs) {
    let expected = reference::infer(network, inputs);
    let bound = reference::rounding_error_bound(network, inputs);
    for engine in engines() {
        for (name, plan) in plans(network.layers().len()) {
            // SNICIT computes a column as the difference and sum of others.
            let slack = if plan.method == Method::Snicit { 4.0 } else { 1.0 };
            let output = infer(engine, network, &plan, inputs);
            let (excess, input, neuron) = worst_excess(&output, &expected, &bound, slack);
            let set = engine.instruction_set();
            assert!(excess <= 0.0, "{name}, {set}: input {input}, neuron {neuron}, {excess:e} too far");
        }
    }
}

const CLIPPED: Activation = Activation::Relu { max: Some(1.0) };
const RELU: Activation = Activation::Relu { max: None };

fn layer_shapes() -> impl Strategy<Value = LayerShape> {
    let width = prop_oneof![1..50_usize, Just(64), Just(128), Just(130)];
    let density = prop::sample::select(vec![0.0, 0.03, 0.3, 0.5, 0.6, 1.0]);
    let activation = prop::sample::select(vec![
        CLIPPED,
        Activation::Relu { max: Some(0.4) },
        RELU,
        Activation::Identity,
    ]);
    (width, density, activation, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, ..ProptestConfig::default() })]

    #[test]
    fn any_layers_in_one_network(
        features in 1..60_usize,
        shapes in prop::collection::vec(layer_shapes(), 1..6),
        count in prop_oneof![1..4_usize, 10..40_usize],
        seed: u64,
    ) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let network = network(features, &shapes, &mut random);
        check(&network, &inputs(count, features, &mut random));
    }
}

/// A dense layer, sparse ones and a dense one without activation, as the paper's medium-scale networks.
fn classifier(random: &mut ChaCha8Rng) -> Network {
    let mut shapes = vec![(64, 1.0, CLIPPED, false)];
    shapes.extend([(64, 0.6, CLIPPED, false); 6]);
    shapes.push((10, 1.0, Activation::Identity, false));
    network(100, &shapes, random)
}

#[test]
fn a_classifier_of_dense_and_sparse_layers() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let network = classifier(&mut random);
    for count in [1, 2, 15, 16, 17, 300] {
        check(&network, &inputs(count, 100, &mut random));
    }
}

/// Pruning is what loses accuracy, and the more is pruned the more; without it classes stay.
#[test]
fn classes_change_only_with_pruning() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    // Weights about 0: otherwise all inputs end in one class.
    let shapes =
        [vec![(64, 0.6, CLIPPED, false); 4], vec![(10, 1.0, Activation::Identity, false)]].concat();
    let network = weighted_network(100, &shapes, -1.0..1.0, &mut random);
    let inputs = inputs(500, 100, &mut random);
    let exact = infer(&engine(2, None), &network, &Plan::new(Method::Xy2021), &inputs).classes();
    let distinct: std::collections::BTreeSet<u32> = exact.iter().copied().collect();
    assert!(distinct.len() > 1, "{distinct:?}");
    let differing = |prune: f32| {
        let mut options = SnicitOptions::medium_scale();
        (options.prune_at_conversion, options.prune_at_update) = (prune, prune);
        let plan = Plan::new(Method::Snicit).at_threshold_layer(2).with_snicit(options);
        let outcome = engine(2, None).prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
        assert!(outcome.report.centroids.is_some_and(|centroids| centroids >= 1));
        outcome.output.classes().iter().zip(&exact).filter(|(a, b)| a != b).count()
    };
    let (none, some, all) = (differing(0.0), differing(0.1), differing(2.0));
    assert!(none == 0 && none < some && some < all, "{none}, {some}, {all} classes differ");
}
