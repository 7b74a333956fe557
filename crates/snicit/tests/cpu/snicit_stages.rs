//! SNICIT with pruning against its definition, written down plainly.
//!
//! All numbers are multiples of powers of two and small enough that float32 and float64 compute them
//! exactly, so that both agree to the last bit, also about what is pruned.

use crate::problem::engines;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, Connection, Engine, FeedForward, Inputs, Layer, Method, Network,
    Plan, SnicitOptions, SparseWeights, reference,
};

/// The paper's Sections 3.1 to 3.4, in float64, column by column; nothing is skipped because it is empty.
///
/// Gives the activations and the number of centroids.
fn definition(
    network: &Network,
    inputs: &Inputs,
    threshold_layer: usize,
    options: &SnicitOptions,
) -> (Vec<Vec<f64>>, usize) {
    let layers = network.layers();
    let all: Vec<Vec<f64>> = if threshold_layer == 0 {
        (0..inputs.len()).map(|input| column_of(inputs, input)).collect()
    } else {
        reference::infer(&network.truncated(threshold_layer), inputs)
    };
    // The engine clusters live columns only, where dropping the others is allowed.
    let may_drop = threshold_layer >= network.preserves_zero_from();
    let is_live = |column: &[f64]| !may_drop || column.iter().any(|&y| y != 0.0);
    let live: Vec<usize> = (0..all.len()).filter(|&input| is_live(&all[input])).collect();
    let y: Vec<&Vec<f64>> = live.iter().map(|&input| &all[input]).collect();

    // Sampling, downsampling, pruning of samples.
    let neurons = y.first().map_or(0, |column| column.len());
    let n = options.segments.unwrap_or(neurons).min(neurons);
    let sampled = y.len().min(options.sampled_columns);
    let f: Vec<Vec<f64>> = y[..sampled]
        .iter()
        .map(|y| (0..n).map(|k| y[k * neurons / n..(k + 1) * neurons / n].iter().sum()).collect())
        .collect();
    let mut centroids: Vec<usize> = Vec::new();
    for i in 0..sampled {
        let alike = |&base: &usize| {
            let eta = f64::from(options.sum_tolerance);
            let differing = (0..n).filter(|&j| (f[i][j] - f[base][j]).abs() > eta).count();
            (differing as f64) < n as f64 * f64::from(options.differing_share)
        };
        if !centroids.iter().any(alike) {
            centroids.push(i);
        }
    }

    // Assignment and residues.
    let prune = |value: f64, bound: f32| if value.abs() <= f64::from(bound) { 0.0 } else { value };
    let mut map: Vec<Option<usize>> = Vec::new();
    let mut y_hat: Vec<Vec<f64>> = Vec::new();
    for (j, column) in y.iter().enumerate() {
        if centroids.contains(&j) {
            map.push(None);
            y_hat.push((*column).clone());
            continue;
        }
        let distance = |&c: &usize| (0..neurons).filter(|&i| column[i] != y[c][i]).count();
        let nearest = centroids.iter().copied().min_by_key(|c| distance(c)).unwrap();
        map.push(Some(nearest));
        let residue =
            (0..neurons).map(|i| prune(column[i] - y[nearest][i], options.prune_at_conversion));
        y_hat.push(residue.collect());
    }

    // Post-convergence update.
    for layer in &layers[threshold_layer..] {
        let z: Vec<Vec<f64>> = y_hat
            .iter()
            .map(|y| {
                let neuron = |j| {
                    let (inputs, weights) = layer.weights().row(j);
                    let terms = inputs.iter().zip(weights);
                    terms.map(|(&i, &w)| f64::from(w) * y[i as usize]).sum::<f64>()
                };
                (0..layer.outputs()).map(neuron).collect()
            })
            .collect();
        let (low, high) = layer.activation().bounds();
        let sigma = |x: f64| x.max(f64::from(low)).min(f64::from(high));
        let bias = |i| f64::from(layer.bias().of(i));
        for (j, y) in y_hat.iter_mut().enumerate() {
            *y = (0..layer.outputs())
                .map(|i| match map[j] {
                    None => sigma(z[j][i] + bias(i)),
                    Some(c) => prune(
                        sigma(z[c][i] + z[j][i] + bias(i)) - sigma(z[c][i] + bias(i)),
                        options.prune_at_update,
                    ),
                })
                .collect();
        }
    }

    // Recovery.
    let mut output = vec![vec![0.0; network.outputs()]; inputs.len()];
    for (j, &input) in live.iter().enumerate() {
        output[input].clone_from(&y_hat[j]);
        if let Some(c) = map[j] {
            output[input].iter_mut().zip(&y_hat[c]).for_each(|(y, &center)| *y += center);
        }
    }
    (output, centroids.len())
}

fn column_of(inputs: &Inputs, input: usize) -> Vec<f64> {
    let mut column = vec![0.0; inputs.features()];
    inputs.for_each_nonzero(input, |feature, value| column[feature] = f64::from(value));
    column
}

/// Weights and biases are multiples of 1/4, features of 1/8: after four layers the activations are
/// multiples of 2⁻¹¹ below 4, which is exact in float32.
fn exact_problem(widths: &[usize], inputs: usize, bias: i32, seed: u64) -> (Network, Inputs) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let layers: Vec<Layer> = widths
        .windows(2)
        .map(|pair| {
            let mut connections = Vec::new();
            for output in 0..pair[1] as u32 {
                for input in 0..pair[0] as u32 {
                    if random.random_bool(8.0 / (pair[0] as f64 + 8.0)) {
                        let weight = random.random_range(-2..4) as f32 / 4.0;
                        connections.push(Connection { input, output, weight });
                    }
                }
            }
            let weights = SparseWeights::from_connections(pair[0], pair[1], connections).unwrap();
            let biases = (0..pair[1]).map(|_| (bias - random.random_range(0..3)) as f32 / 4.0);
            let bias = Bias::PerNeuron(biases.collect());
            Layer::new(weights, bias, Activation::Relu { max: Some(4.0) }).unwrap()
        })
        .collect();
    // Inputs are variations of a few prototypes, so that there is something to cluster.
    let prototypes: Vec<Vec<i32>> =
        (0..3).map(|_| (0..widths[0]).map(|_| random.random_range(0..20) - 8).collect()).collect();
    let mut values = Vec::new();
    for _ in 0..inputs {
        let prototype = &prototypes[random.random_range(0..3)];
        for &feature in prototype {
            let change = if random.random_bool(0.1) { random.random_range(-2..=2) } else { 0 };
            values.push((feature + change).max(0) as f32 / 8.0);
        }
    }
    let inputs = Activations::new(inputs, widths[0], values).unwrap();
    (Network::new(layers).unwrap(), inputs.into())
}

fn options() -> impl Strategy<Value = SnicitOptions> {
    let method =
        prop::sample::select(vec![FeedForward::Bf2019, FeedForward::Snig2020, FeedForward::Xy2021]);
    // Limits lie between the possible values, multiples of 2⁻¹¹: no comparison is a close call.
    let limit = prop::sample::select(vec![0.0f32, 0.03, 0.1, 0.3001]);
    (
        (1..60usize, prop::option::of(1..40usize), 1..5usize),
        (limit.clone(), limit.clone(), limit),
        (prop::sample::select(vec![0.0f32, 0.03, 0.2, 1.0]), method.clone(), method),
    )
        .prop_map(|(counts, limits, (share, pre, post))| {
            let mut options = SnicitOptions::sdgc();
            (options.sampled_columns, options.segments, options.rebuild_interval) = counts;
            (options.sum_tolerance, options.prune_at_conversion, options.prune_at_update) = limits;
            options.differing_share = share;
            (options.pre_convergence, options.post_convergence) = (pre, post);
            options
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn lossy_answers_are_what_the_definition_says(
        options in options(),
        widths in prop::collection::vec(0..40usize, 2..6),
        inputs in 1..120usize,
        bias in 0..3i32,
        threshold in 0.0..=1.0f64,
        seed in any::<u64>(),
    ) {
        let (network, inputs) = exact_problem(&widths, inputs, bias, seed);
        let threshold_layer = (threshold * network.layers().len() as f64).round() as usize;
        let (expected, centroids) = definition(&network, &inputs, threshold_layer, &options);
        let plan = Plan::new(Method::Snicit).at_threshold_layer(threshold_layer).with_snicit(options);
        for engine in engines() {
            let outcome = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
            let output = outcome.output.to_activations();
            for (input, expected) in expected.iter().enumerate() {
                let found: Vec<f64> = output.column(input).iter().map(|&y| f64::from(y)).collect();
                prop_assert_eq!(&found, expected, "input {} with {}", input, engine.instruction_set());
            }
            prop_assert_eq!(outcome.report.centroids, Some(centroids as u64));
        }
    }
}

/// The comparison above would say little if nothing was ever pruned or merged.
#[test]
fn the_problems_have_something_to_prune() {
    let (network, inputs) = exact_problem(&[30, 30, 30, 30], 100, 2, 1);
    let exact = reference::infer(&network, &inputs);
    let mut options = SnicitOptions::medium_scale();
    options.sum_tolerance = 0.3;
    options.differing_share = 0.2;
    options.prune_at_conversion = 0.1;
    options.prune_at_update = 0.1;
    let (pruned, centroids) = definition(&network, &inputs, 2, &options);
    assert!((2..80).contains(&centroids), "{centroids}");
    assert_ne!(exact, pruned);
    options.prune_at_conversion = 0.0;
    options.prune_at_update = 0.0;
    assert_eq!(exact, definition(&network, &inputs, 2, &options).0);
}
