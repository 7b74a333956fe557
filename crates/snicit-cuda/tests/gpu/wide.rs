//! Wide layers without mini-blocks, with enough columns for the product from tiles in shared memory.

use snicit::{
    Activation, Activations, BitActivations, CpuEngine, Engine, Inputs, Method, Network, Plan, reference,
};

use crate::engines::engines;
use crate::problem::Problem;

fn problem(widths: &[usize], density: f64, inputs: usize, binary_inputs: bool) -> Problem {
    Problem {
        widths: widths.to_vec(),
        density,
        block_outputs: 1,
        biases: -0.6..0.1,
        uniform_bias: false,
        activation: Activation::SDGC,
        inputs,
        binary_inputs,
        seed: 21,
    }
}

/// The reference of all inputs would take too long: a part of them, by themselves.
fn sample(inputs: &Inputs) -> Vec<usize> {
    (0..inputs.len()).step_by(inputs.len() / 40).chain([inputs.len() - 1]).collect()
}

fn sampled(inputs: &Inputs, sample: &[usize]) -> Inputs {
    let mut few = Activations::zeros(sample.len(), inputs.features());
    for (k, &input) in sample.iter().enumerate() {
        let column = few.column_mut(k);
        inputs.for_each_nonzero(input, |feature, value| column[feature] = value);
    }
    few.into()
}

fn check(network: &Network, inputs: &Inputs, what: &str) {
    let sample = sample(inputs);
    let few = sampled(inputs, &sample);
    let expected = reference::infer(network, &few);
    let bound = reference::rounding_error_bound(network, &few);
    for engine in engines() {
        for method in [Method::Xy2021, Method::Snicit] {
            let plan = Plan::new(method).at_threshold_layer(2);
            let prepared = engine.prepare(network, &plan).unwrap();
            // Twice: the second time, what the first has left must not matter.
            for _ in 0..2 {
                let output = prepared.infer(inputs).unwrap().output;
                let found = output.to_activations();
                for (&input, expected) in sample.iter().zip(&expected) {
                    for (neuron, (&found, &expected)) in
                        found.column(input).iter().zip(expected).enumerate()
                    {
                        let error = (f64::from(found) - expected).abs();
                        assert!(
                            error <= 4.0 * bound[neuron],
                            "{}, {what}, {}: input {input}, neuron {neuron} is {found}, expected {expected}",
                            method.name(),
                            engine.instruction_set(),
                        );
                    }
                }
            }
        }
    }
}

/// Both widths of tiles, several chunks, columns that fill no tile, rows that fill no four.
#[test]
fn wide_layers_without_mini_blocks() {
    for (widths, density, inputs) in [
        (&[1024, 1100, 1030, 1024][..], 0.03, 5003),
        (&[4096, 4100, 4096], 0.008, 2501),
        (&[7000, 9001, 2000, 15_000, 700, 300], 0.004, 1999),
    ] {
        for binary in [false, true] {
            let (network, inputs) = problem(widths, density, inputs, binary).generate();
            check(&network, &inputs, &format!("{widths:?}, binary: {binary}"));
        }
    }
}

/// Columns with few ones die on the way, so that later layers read the others from scattered places.
#[test]
fn wide_layers_with_columns_that_die() {
    let problem =
        Problem { biases: -0.3..-0.29, uniform_bias: true, ..problem(&[1500; 7], 0.02, 6000, true) };
    let (network, inputs) = problem.generate();
    let Inputs::Bits(all) = &inputs else { panic!("binary inputs") };
    let mut some = BitActivations::zeros(all.inputs(), all.features());
    for input in 0..all.inputs() {
        let keeps = |feature: usize| input % 3 != 1 || feature % 50 == 7;
        inputs.for_each_nonzero(input, |feature, _| {
            if keeps(feature) {
                some.set(input, feature);
            }
        });
    }
    let inputs = Inputs::from(some);
    let prepared = CpuEngine::new().unwrap().prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
    let live = prepared.infer(&inputs).unwrap().report.live_columns;
    assert!(live[0] > live[6] + 500 && live[6] > 2000, "some must die, some must be left: {live:?}");
    check(&network, &inputs, "dying columns");
}

#[test]
fn categories_are_the_references() {
    let (network, inputs) = problem(&[1200; 5], 0.01, 3000, true).generate();
    let expected = reference::categories(&network, &inputs);
    for engine in engines() {
        let prepared = engine.prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
        assert_eq!(prepared.infer(&inputs).unwrap().output.categories(), expected);
    }
}
