//! Every method against the f64 reference, on random networks.

use proptest::prelude::*;
use snicit::{
    Activation, CpuEngine, Engine, FeedForward, Inputs, Method, Network, Output, Plan, SnicitOptions,
    reference,
};

use crate::engines::{TestEngine, engines};
use crate::problem::{Problem, worst_excess};

fn infer(engine: &dyn Engine, network: &Network, plan: &Plan, inputs: &Inputs) -> Output {
    engine.prepare(network, plan).unwrap().infer(inputs).unwrap().output
}

/// SNICIT computes a column as the difference and sum of others: some more roundings, of numbers as large.
fn slack(method: Method) -> f64 {
    if method == Method::Snicit { 4.0 } else { 1.0 }
}

/// The four methods, SNICIT also with every other method before and behind the conversion.
fn plans(threshold_layer: usize) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Method::ALL.map(Plan::new).to_vec();
    for (pre, post) in [
        (FeedForward::Bf2019, FeedForward::Bf2019),
        (FeedForward::Snig2020, FeedForward::Xy2021),
        (FeedForward::Xy2021, FeedForward::Snig2020),
    ] {
        let mut options = SnicitOptions::sdgc();
        (options.pre_convergence, options.post_convergence) = (pre, post);
        options.rebuild_interval = 1;
        plans.push(Plan::new(Method::Snicit).with_snicit(options));
    }
    plans.into_iter().map(|plan| plan.at_threshold_layer(threshold_layer)).collect()
}

fn check_all_methods(engines: &[TestEngine], problem: &Problem, threshold_layer: usize) {
    let (network, inputs) = problem.generate();
    let expected = reference::infer(&network, &inputs);
    let bound = reference::rounding_error_bound(&network, &inputs);
    for engine in engines {
        for plan in plans(threshold_layer) {
            let output = infer(engine, &network, &plan, &inputs);
            let (excess, input, neuron) = worst_excess(&output, &expected, &bound, slack(plan.method));
            assert!(
                excess <= 0.0,
                "{plan:?} with {}: input {input}, neuron {neuron} is {}, expected {} within {:e}; \
                 {problem:?}",
                engine.instruction_set(),
                output.to_activations().column(input)[neuron],
                expected[input][neuron],
                slack(plan.method) * bound[neuron],
            );
        }
    }
}

pub(crate) fn problems() -> impl Strategy<Value = (Problem, f64)> {
    // 15 to 17 lie about a strip, 31 to 33 about a warp, 99 to 101 about the small slabs, 1023 to 1025
    // about a section.
    let edges = vec![1, 15, 16, 17, 31, 32, 33, 99, 100, 101, 1023, 1024, 1025];
    let width = prop_oneof![1..70usize, prop::sample::select(edges)];
    // 7 to 9 lie about the kernels for few columns, 63 to 65 and 128 about a warp's columns, 1024 about a
    // chunk of the compaction.
    let counts = vec![1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025];
    let inputs = prop_oneof![1..80usize, prop::sample::select(counts)];
    let activation = prop_oneof![
        Just(Activation::Relu { max: Some(1.0) }),
        Just(Activation::Relu { max: Some(32.0) }),
        Just(Activation::Relu { max: None }),
        Just(Activation::Identity),
    ];
    let widths = prop::collection::vec(width, 2..6);
    let biases = prop_oneof![Just(-1.0f32..0.0), Just(-0.7..0.3), Just(-0.1..-0.05)];
    let shape = (widths, inputs, prop::sample::select(vec![0.0, 0.02, 0.2, 0.9]));
    let kind = (1..20usize, biases, any::<bool>(), activation, any::<bool>(), any::<u64>());
    (shape, kind, 0.0..=1.0).prop_map(|((widths, inputs, density), kind, threshold)| {
        let (block_outputs, biases, uniform_bias, activation, binary_inputs, seed) = kind;
        let problem = Problem {
            widths,
            density,
            block_outputs,
            biases,
            uniform_bias,
            activation,
            inputs,
            binary_inputs,
            seed,
        };
        (problem, threshold)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn random_networks((problem, threshold) in problems()) {
        let layers = problem.widths.len() - 1;
        check_all_methods(&engines(), &problem, (threshold * layers as f64).round() as usize);
    }
}

/// Uneven connections, a bias a neuron, widths that are no powers of two, layers that are not square.
fn uneven(inputs: usize, widths: &[usize]) -> Problem {
    Problem {
        widths: widths.to_vec(),
        density: 0.05,
        block_outputs: 1,
        biases: -0.9..0.1,
        uniform_bias: false,
        activation: Activation::SDGC,
        inputs,
        binary_inputs: false,
        seed: 777,
    }
}

#[test]
fn uneven_rectangular_network() {
    for inputs in [1, 3, 1000] {
        for threshold_layer in 0..=3 {
            check_all_methods(&engines(), &uneven(inputs, &[777, 250, 1000, 10]), threshold_layer);
        }
    }
}

/// Several slabs with the usual options, too: 30,000 sums do not fit half a multiprocessor's memory.
#[test]
fn wide_layers() {
    let problem =
        Problem { density: 0.0005, block_outputs: 16, ..uneven(70, &[5000, 30_000, 29_999, 77]) };
    check_all_methods(&engines(), &problem, 2);
}

#[test]
fn layers_without_neurons() {
    for widths in [&[5, 0, 3][..], &[4, 6, 0], &[0, 3]] {
        for binary_inputs in [false, true] {
            let problem = Problem { binary_inputs, ..uneven(40, widths) };
            check_all_methods(&engines(), &problem, 1);
        }
    }
}

/// Some columns die on the way and some survive.
fn small_sdgc_like() -> (Network, Inputs) {
    let problem = Problem {
        widths: vec![96; 13],
        density: 0.15,
        block_outputs: 16,
        biases: -0.12..-0.1,
        uniform_bias: true,
        activation: Activation::SDGC,
        inputs: 700,
        binary_inputs: true,
        seed: 5,
    };
    let (network, inputs) = problem.generate();
    let survivors = reference::categories(&network, &inputs).len();
    assert!((20..=500).contains(&survivors), "{survivors}");
    (network, inputs)
}

#[test]
fn categories_and_counts_are_those_of_the_cpu() {
    let (network, inputs) = small_sdgc_like();
    let cpu = CpuEngine::new().unwrap();
    for engine in engines() {
        for method in Method::ALL {
            let plan = Plan::new(method).at_threshold_layer(6);
            let expected = cpu.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
            let found = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
            assert_eq!(found.output.categories(), expected.output.categories(), "{}", method.name());
            assert_eq!(found.report.centroids, expected.report.centroids);
            let (found, expected) = (found.report.live_columns, expected.report.live_columns);
            assert_eq!((found[0], found.len()), (expected[0], expected.len()), "{}", method.name());
            // The CPU leaves out columns tile by tile, so it may still count some that are empty; behind
            // the conversion the engines notice at different times that a residue is.
            let mut up_to_conversion = found.iter().zip(&expected).take(7);
            assert!(up_to_conversion.all(|(f, e)| f <= e), "{found:?} {expected:?}");
            assert!(found[..7].is_sorted_by(|a, b| a >= b), "{found:?}");
        }
    }
}

#[test]
fn batches_are_put_together_in_order() {
    let (network, inputs) = small_sdgc_like();
    let cpu = CpuEngine::new().unwrap();
    let whole = infer(&cpu, &network, &Plan::new(Method::Xy2021), &inputs).categories();
    for engine in engines() {
        for method in Method::ALL {
            let plan = Plan::new(method).at_threshold_layer(6);
            let prepared = engine.prepare(&network, &plan).unwrap();
            // Smaller and larger batches in turn: memory is kept and replaced. In the end there are more sizes than
            // are kept recorded.
            for size in [64, 699, 1, 700, 5000, 33, 90, 80, 50] {
                let outcome = prepared.infer_in_batches(&inputs, size, &()).unwrap();
                assert_eq!(outcome.output.inputs(), inputs.len());
                assert_eq!(outcome.output.categories(), whole, "{} by {size}", method.name());
                assert_eq!(outcome.report.live_columns.len(), network.layers().len() + 1);
            }
        }
    }
}

/// Bits and the same inputs as float32 take different ways into the first layer.
#[test]
fn bits_and_values_give_the_same() {
    let (network, inputs) = small_sdgc_like();
    let Inputs::Bits(bits) = &inputs else { panic!("binary inputs") };
    let values = Inputs::from(bits.to_activations());
    for engine in engines() {
        for method in Method::ALL {
            let prepared = engine.prepare(&network, &Plan::new(method)).unwrap();
            let of_bits = prepared.infer(&inputs).unwrap();
            let of_values = prepared.infer(&values).unwrap();
            assert_eq!(of_bits.output.categories(), of_values.output.categories(), "{}", method.name());
            assert_eq!(of_bits.report.live_columns, of_values.report.live_columns, "{}", method.name());
        }
    }
}
