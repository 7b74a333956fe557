//! Batches of fewer tiles than threads on large layers, whose outputs are divided among the threads.

use crate::methods::check_all_methods;
use crate::problem::{Problem, engine, engines, infer};
use snicit::{Activation, Engine, Method, Plan};

/// Widths that are no multiples of a panel or a section, and a last layer too small to be divided.
fn large(widths: [usize; 4], density: f64, inputs: usize) -> Problem {
    Problem {
        widths: widths.to_vec(),
        density,
        block_outputs: 1,
        biases: -0.3..0.3,
        uniform_bias: false,
        activation: Activation::Relu { max: Some(2.0) },
        inputs,
        binary_inputs: false,
        seed: 31,
    }
}

fn dense(inputs: usize) -> Problem {
    large([900, 901, 900, 10], 0.5, inputs)
}

/// Dense with single columns only.
fn either(inputs: usize) -> Problem {
    large([1100, 1000, 1100, 10], 0.34, inputs)
}

/// Half of the activations are zero, so that single columns are scattered; tiles are gathered.
fn sparse(inputs: usize) -> Problem {
    large([1500, 1411, 1500, 10], 0.15, inputs)
}

#[test]
fn the_layers_are_large() {
    for problem in [dense(1), either(1), sparse(1)] {
        let (network, _) = problem.generate();
        let connections: Vec<usize> =
            network.layers().iter().map(|layer| layer.weights().connections()).collect();
        assert!(connections[0] > 270_000 && connections[1] > 270_000, "{connections:?}");
    }
    let notes = |problem: Problem| {
        let (network, _) = problem.generate();
        engines()[0].prepare(&network, &Plan::new(Method::Xy2021)).unwrap().notes()
    };
    assert_eq!(notes(dense(1))[0], "dense product in 2 of 3 layers");
    assert_eq!(notes(either(1))[0], "dense product for one and for many inputs in 2 of 3 layers");
    assert_eq!(notes(sparse(1)), ["no mini-blocks in 3 of 3 layers: plain gather kernel"]);
}

#[test]
fn divided_layers_are_right() {
    let engines: Vec<_> = engines().iter().map(|one| engine(5, Some(one.instruction_set()))).collect();
    for inputs in [1, 3, 18] {
        check_all_methods(&engines, &dense(inputs), 1);
        check_all_methods(&engines, &either(inputs), 1);
        check_all_methods(&engines, &sparse(inputs), 1);
    }
}

#[test]
fn divided_layers_give_the_same_bits() {
    let engines: Vec<_> = [2, 3, 16].map(|threads| engine(threads, None)).into();
    for inputs in [1, 2, 5, 16, 17, 33] {
        for problem in [dense(inputs), either(inputs), sparse(inputs)] {
            let (network, inputs) = problem.generate();
            for method in Method::ALL {
                let plan = Plan::new(method).at_threshold_layer(2);
                let one = infer(&engine(1, None), &network, &plan, &inputs);
                assert!(!one.columns().is_empty());
                for engine in &engines {
                    let divided = infer(engine, &network, &plan, &inputs);
                    let name = method.name();
                    assert_eq!(one.to_activations(), divided.to_activations(), "{name}, {problem:?}");
                }
            }
        }
    }
}
