//! Networks for the extras, equal neurons and early exit, and what must hold of them on any device.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::engine::EarlyExit;
use snicit::network::MergedNeurons;
use snicit::{
    Activation, Bias, BitActivations, Connection, Engine, Inputs, Layer, Method, Network, Plan,
    SnicitOptions, SparseWeights, reference,
};

use crate::problem::worst_excess;

/// What engines may lose, in units of float32's rounding bound: eight of them on matrix units, and SNICIT
/// computes a column as the difference and sum of others.
fn slack(method: Method) -> f64 {
    if method == Method::Snicit { 32.0 } else { 8.0 }
}

/// A layer with planted equal neurons.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planted {
    /// Neurons that differ.
    distinct: usize,
    /// Each of them is there 1 to so many times.
    copies: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct PlantedCase {
    name: &'static str,
    features: usize,
    layers: Vec<Planted>,
    inputs: usize,
}

pub(crate) fn planted_cases() -> Vec<PlantedCase> {
    let equal = |distinct, copies| Planted { distinct, copies };
    let case = |name, features, layers, inputs| PlantedCase { name, features, layers, inputs };
    vec![
        case("in all layers", 60, vec![equal(20, 4); 5], 100),
        case("in the middle", 50, vec![equal(40, 1), equal(13, 5), equal(30, 1)], 60),
        case("in the last layer", 50, vec![equal(40, 1), equal(40, 1), equal(11, 6)], 60),
        case("in the first layer", 33, vec![equal(17, 3), equal(40, 1), equal(40, 1)], 17),
        case("all are equal", 40, vec![equal(1, 30); 4], 50),
        case("layers of width 1", 40, vec![equal(1, 1), equal(9, 4), equal(1, 1)], 50),
        case("none are equal", 40, vec![equal(37, 1); 4], 50),
        case("mini-blocks' sizes", 256, vec![equal(64, 16); 3], 70),
        case("a single input", 64, vec![equal(25, 3); 6], 1),
    ]
}

impl PlantedCase {
    /// The network, its inputs, and how many neurons differ. Weights are multiples of 1/64, so that sums of
    /// them are exact; copies of a neuron read different copies of the same neuron.
    fn generate(&self) -> (Network, Inputs, u64) {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        // The neurons that are copies of each distinct one.
        let mut before: Vec<Vec<u32>> = (0..self.features as u32).map(|feature| vec![feature]).collect();
        let mut layers = Vec::new();
        for planted in &self.layers {
            let mut copies: Vec<usize> = (0..planted.distinct)
                .flat_map(|neuron| {
                    let copies = random.random_range(1..=planted.copies);
                    std::iter::repeat_n(neuron, copies)
                })
                .collect();
            copies.shuffle(&mut random);
            let rows: Vec<Vec<(usize, i32)>> =
                (0..planted.distinct).map(|_| row(before.len(), &mut random)).collect();
            // Some neurons differ in their bias only.
            let same_row = |neuron: usize| if neuron % 5 == 1 { neuron - 1 } else { neuron };
            let bias = |neuron: usize| {
                let own = if neuron % 5 == 1 { 0.125 } else { 0.0 };
                own - 0.25 - (neuron % 7) as f32 / 64.0
            };
            let biases: Vec<f32> = (0..planted.distinct).map(bias).collect();
            let mut connections = Vec::new();
            for (output, &neuron) in copies.iter().enumerate() {
                for &(input, weight) in &rows[same_row(neuron)] {
                    connections.extend(split(&before[input], weight, output as u32, &mut random));
                }
            }
            let inputs = before.iter().map(Vec::len).sum();
            let weights = SparseWeights::from_connections(inputs, copies.len(), connections).unwrap();
            let bias = Bias::PerNeuron(copies.iter().map(|&neuron| biases[neuron]).collect());
            layers.push(Layer::new(weights, bias, Activation::Relu { max: Some(4.0) }).unwrap());
            before = (0..planted.distinct)
                .map(|neuron| {
                    (0..copies.len() as u32).filter(|&c| copies[c as usize] == neuron).collect()
                })
                .collect();
        }
        let distinct = self.layers.iter().map(|planted| planted.distinct as u64).sum();
        let inputs = bits(self.inputs, self.features, 0.4, &mut random);
        (Network::new(layers).unwrap(), inputs, distinct)
    }
}

/// Connections with their weights in 64ths. Every row has one; sums stay small.
fn row(inputs: usize, random: &mut ChaCha8Rng) -> Vec<(usize, i32)> {
    let count = random.random_range(1..=inputs.min(12));
    let chosen = rand::seq::index::sample(random, inputs, count).into_vec();
    chosen.into_iter().map(|input| (input, random.random_range(-12..=32))).collect()
}

/// A weight, in 64ths, shared out among some copies of an input.
fn split(copies: &[u32], weight: i32, output: u32, random: &mut ChaCha8Rng) -> Vec<Connection> {
    let parts = random.random_range(1..=copies.len().min(3));
    let chosen = rand::seq::index::sample(random, copies.len(), parts).into_vec();
    let mut rest = weight;
    let connection = |(part, copy): (usize, usize)| {
        let of_part = if part + 1 == parts { rest } else { random.random_range(-20..=20) };
        rest -= of_part;
        Connection { input: copies[copy], output, weight: of_part as f32 / 64.0 }
    };
    chosen.into_iter().enumerate().map(connection).collect()
}

/// Every fifth input is empty.
fn bits(inputs: usize, features: usize, density: f64, random: &mut ChaCha8Rng) -> Inputs {
    let mut bits = BitActivations::zeros(inputs, features);
    for input in (0..inputs).filter(|input| input % 5 != 3) {
        for feature in 0..features {
            if random.random_bool(density) {
                bits.set(input, feature);
            }
        }
    }
    bits.into()
}

/// All methods give the network's answer with the equal neurons merged, all neurons in their places.
pub(crate) fn check_planted(engine: &dyn Engine, case: &PlantedCase) {
    let (network, inputs, distinct) = case.generate();
    let merged = MergedNeurons::of(&network).unwrap();
    assert_eq!(merged.reduction().neurons_left, distinct, "{case:?}");
    let expected = reference::infer(&network, &inputs);
    let bound = reference::rounding_error_bound(&network, &inputs);
    for method in Method::ALL {
        for threshold_layer in [0, 1, network.layers().len()] {
            let plan = Plan::new(method).at_threshold_layer(threshold_layer).merging_equal_neurons();
            let prepared = engine.prepare(&network, &plan).unwrap();
            let note = merged.reduction().to_string();
            assert!(prepared.notes().contains(&note), "{:?}", prepared.notes());
            let outcome = prepared.infer(&inputs).unwrap();
            assert_eq!(outcome.report.reduction, Some(merged.reduction()));
            assert_eq!(outcome.output.neurons(), network.outputs());
            let (excess, input, neuron) =
                worst_excess(&outcome.output, &expected, &bound, slack(method));
            assert!(
                excess <= 0.0,
                "{}, {}, threshold layer {threshold_layer}: input {input}, neuron {neuron} is {}, expected \
                 {}",
                case.name,
                method.name(),
                outcome.output.to_activations().column(input)[neuron],
                expected[input][neuron],
            );
        }
    }
}

/// A network whose columns are saturated or zero behind some layers. What the last layer does is given by
/// `last`: the factor by which its sums are larger than its bound.
pub(crate) fn saturating(widths: &[usize], last: f32, inputs: usize) -> (Network, Inputs) {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let bounds = [1.0, 4.0, 2.0, 32.0];
    let mut before = 1.0;
    let layers: Vec<Layer> = widths
        .windows(2)
        .enumerate()
        .map(|(l, pair)| {
            let bound = bounds[l % 4];
            let factor = if l + 2 == widths.len() { last } else { 3.0 };
            let reads = pair[0].min(7);
            // The sum over saturated inputs is `factor` times the bound; the bias is zero.
            let weight = factor * bound / (before * reads as f32);
            before = bound;
            let mut connections = Vec::new();
            for output in 0..pair[1] {
                let chosen = rand::seq::index::sample(&mut random, pair[0], reads);
                connections.extend(chosen.iter().map(|input| Connection {
                    input: input as u32,
                    output: output as u32,
                    weight,
                }));
            }
            let weights = SparseWeights::from_connections(pair[0], pair[1], connections).unwrap();
            Layer::new(weights, Bias::Uniform(0.0), Activation::Relu { max: Some(bound) }).unwrap()
        })
        .collect();
    let inputs = bits(inputs, widths[0], 0.5, &mut random);
    (Network::new(layers).unwrap(), inputs)
}

/// Widths of the networks that saturate.
pub(crate) fn saturating_widths() -> [Vec<usize>; 3] {
    [
        vec![40; 40],
        [vec![64, 100, 31, 77], vec![50; 20], vec![333, 16, 1, 20, 65]].concat(),
        vec![90; 600],
    ]
}

/// Whether all columns are saturated or zero behind layer `layer`, by the reference.
fn is_settled(network: &Network, inputs: &Inputs, layer: usize) -> bool {
    let bound = f64::from(network.layers()[layer - 1].activation().bounds().1);
    let columns = reference::infer(&network.truncated(layer), inputs);
    let all = |column: &[f64], value: f64| column.iter().all(|&y| y == value);
    columns.iter().all(|column| all(column, bound) || all(column, 0.0))
}

/// Where columns are saturated, layers are skipped, and the answer is what it is without.
pub(crate) fn check_saturating(engine: &dyn Engine, snig_exits: bool) {
    const THRESHOLD_LAYER: usize = 20;
    for widths in saturating_widths() {
        let (network, inputs) = saturating(&widths, 2.0, 70);
        assert!(is_settled(&network, &inputs, THRESHOLD_LAYER) && !is_settled(&network, &inputs, 1));
        let from = EarlyExit::of(&network).unwrap().from();
        assert_eq!(from, 1);
        let expected: Vec<f64> = reference::infer(&network, &inputs).concat();
        for (method, prune) in
            Method::ALL.map(|method| (method, 0.0)).into_iter().chain([(Method::Snicit, 0.05)])
        {
            let mut options = SnicitOptions::sdgc();
            options.prune_at_conversion = prune;
            options.prune_at_update = prune;
            let plan = Plan::new(method).at_threshold_layer(THRESHOLD_LAYER).with_snicit(options);
            let plain = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
            assert_eq!(plain.report.early_exit, None);
            let prepared = engine.prepare(&network, &plan.exiting_early()).unwrap();
            // More than once: what an inference leaves must not trouble the next.
            for _ in 0..2 {
                let outcome = prepared.infer_in_batches(&inputs, 50, &()).unwrap();
                assert_eq!(outcome.output.to_activations(), plain.output.to_activations());
                let found = outcome.output.to_activations();
                assert!(found.values().iter().map(|&y| f64::from(y)).eq(expected.iter().copied()));
                let Some(exit) = outcome.report.early_exit else {
                    assert!(method == Method::Snig2020 && !snig_exits, "{} goes on", method.name());
                    continue;
                };
                assert!((from..=THRESHOLD_LAYER).contains(&exit), "{exit}");
                let live = &outcome.report.live_columns;
                let (skipped, output) = live.split_at(network.layers().len());
                assert!(skipped[exit..].iter().all(|&live| live == 0), "{live:?}");
                assert_eq!(output[0], plain.output.categories().len() as u64);
            }
        }
    }
}

/// A layer that just fails the bound, or a column that is neither, keeps all layers.
pub(crate) fn check_nearly_saturating(engine: &dyn Engine) {
    let widths = vec![40; 40];
    // Rounding alone could lead below the bound.
    let (fails, inputs) = saturating(&widths, 1.0, 70);
    assert_eq!(EarlyExit::of(&fails), None);
    let (passes, _) = saturating(&widths, 1.001, 70);
    assert_eq!(EarlyExit::of(&passes).unwrap().from(), 1);
    // One neuron of one layer may fall below the bound: only layers behind it may be skipped.
    let mut layers: Vec<Layer> = passes.layers().iter().map(|layer| Layer::clone(layer)).collect();
    layers[30] = fading(&layers[30], 0);
    let fades = Network::new(layers).unwrap();
    assert_eq!(EarlyExit::of(&fades).unwrap().from(), 31);
    for (network, exits) in [(&fails, false), (&passes, true), (&fades, false)] {
        for method in [Method::Xy2021, Method::Snicit] {
            let plan = Plan::new(method).at_threshold_layer(20);
            let plain = engine.prepare(network, &plan).unwrap().infer(&inputs).unwrap();
            let outcome =
                engine.prepare(network, &plan.exiting_early()).unwrap().infer(&inputs).unwrap();
            assert_eq!(outcome.output.to_activations(), plain.output.to_activations());
            let at_threshold = outcome.report.early_exit.filter(|&exit| exit <= 20);
            assert_eq!(at_threshold.is_some(), exits, "{}", method.name());
        }
    }
}

/// The layer with an output that reads nothing and so is zero.
fn fading(layer: &Layer, output: u32) -> Layer {
    let connections = layer.weights().iter().filter(|connection| connection.output != output).collect();
    let weights = SparseWeights::from_connections(layer.inputs(), layer.outputs(), connections).unwrap();
    Layer::new(weights, layer.bias().clone(), layer.activation()).unwrap()
}

/// A single column that is not saturated keeps all layers for all columns.
pub(crate) fn check_one_column_between(engine: &dyn Engine) {
    let (network, _) = saturating(&[40; 12], 2.0, 70);
    // A weight of 3/7 each: one feature alone does not saturate what reads it.
    let mut bits = BitActivations::zeros(70, 40);
    for input in 0..69 {
        (0..40).for_each(|feature| assert!(bits.set(input, feature)));
    }
    bits.set(69, 5);
    let columns = Inputs::from(bits);
    assert!(!is_settled(&network, &columns, 1));
    for method in [Method::Bf2019, Method::Xy2021, Method::Snicit] {
        for (inputs, exits) in [(&columns, false), (&saturated_inputs(), true)] {
            let plan = Plan::new(method).at_threshold_layer(1);
            let plain = engine.prepare(&network, &plan).unwrap().infer(inputs).unwrap();
            let outcome =
                engine.prepare(&network, &plan.exiting_early()).unwrap().infer(inputs).unwrap();
            assert_eq!(outcome.output.to_activations(), plain.output.to_activations());
            let at_threshold = outcome.report.early_exit == Some(1);
            assert_eq!(at_threshold, exits, "{}", method.name());
        }
    }
}

/// All features, in inputs that are not empty.
fn saturated_inputs() -> Inputs {
    let mut bits = BitActivations::zeros(70, 40);
    for input in (0..70).filter(|input| input % 3 != 1) {
        (0..40).for_each(|feature| assert!(bits.set(input, feature)));
    }
    bits.into()
}

/// Both extras, and equal columns merged, together.
pub(crate) fn check_all_extras(engine: &dyn Engine) {
    let (network, inputs) = saturating(&[40; 30], 2.0, 70);
    // Every neuron twice, and read through either.
    let doubled = network.layers().iter().enumerate().map(|(l, layer)| {
        let copies = if l == 0 { 1 } else { 2 };
        let connections = layer.weights().iter().flat_map(|Connection { input, output, weight }| {
            (0..2).map(move |copy| Connection {
                input: input * copies + copy % copies,
                output: output * 2 + copy,
                weight,
            })
        });
        let (inputs, outputs) = (layer.inputs() * copies as usize, layer.outputs() * 2);
        let weights = SparseWeights::from_connections(inputs, outputs, connections.collect()).unwrap();
        Layer::new(weights, layer.bias().clone(), layer.activation()).unwrap()
    });
    let network = Network::new(doubled.collect::<Vec<_>>()).unwrap();
    for method in Method::ALL {
        let plan = Plan::new(method).at_threshold_layer(20);
        let plain = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
        let plan = plan.merging_equal_neurons().merging_equal_columns().exiting_early();
        let outcome = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
        assert_eq!(outcome.output.to_activations(), plain.output.to_activations(), "{}", method.name());
        assert!(outcome.report.reduction.unwrap().neurons_left <= 30 * 40);
        assert!(!outcome.output.columns().is_empty());
    }
}
