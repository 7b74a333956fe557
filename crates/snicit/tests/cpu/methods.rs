//! Every method on every instruction set against the f64 reference, on random networks.

use crate::problem::{Problem, engine, engines, infer, worst_excess};
use proptest::prelude::*;
use snicit::{Activation, BitActivations, CpuEngine, Engine, Inputs, Method, Network, Plan, reference};

/// SNICIT computes a column as the difference and sum of others: some more roundings, of numbers as large.
fn slack(method: Method) -> f64 {
    if method == Method::Snicit { 4.0 } else { 1.0 }
}

pub(crate) fn check_all_methods(engines: &[CpuEngine], problem: &Problem, threshold_layer: usize) {
    let (network, inputs) = problem.generate();
    let expected = reference::infer(&network, &inputs);
    let bound = reference::rounding_error_bound(&network, &inputs);
    for engine in engines {
        for method in Method::ALL {
            let plan = Plan::new(method).at_threshold_layer(threshold_layer);
            let output = infer(engine, &network, &plan, &inputs);
            let (excess, input, neuron) = worst_excess(&output, &expected, &bound, slack(method));
            assert!(
                excess <= 0.0,
                "{} with {} at t = {threshold_layer}: input {input}, neuron {neuron} is {}, expected {} \
                 within {:e}; {problem:?}",
                method.name(),
                engine.instruction_set(),
                output.to_activations().column(input)[neuron],
                expected[input][neuron],
                slack(method) * bound[neuron],
            );
        }
    }
}

fn problems() -> impl Strategy<Value = (Problem, f64)> {
    // 511, 512, 513 and 1100 lie about the sections of the scatter kernel, 15 to 17 about a tile.
    let width = prop_oneof![0..70usize, prop::sample::select(vec![15, 16, 17, 511, 512, 513, 1100])];
    let inputs = prop_oneof![1..80usize, prop::sample::select(vec![1, 15, 16, 17, 300])];
    let activation = prop_oneof![
        Just(Activation::Relu { max: Some(1.0) }),
        Just(Activation::Relu { max: Some(32.0) }),
        Just(Activation::Relu { max: None }),
        Just(Activation::Identity),
    ];
    let widths = prop::collection::vec(width, 2..7);
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
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn random_networks((problem, threshold) in problems()) {
        let layers = problem.widths.len() - 1;
        check_all_methods(engines(), &problem, (threshold * layers as f64).round() as usize);
    }
}

/// Uneven connections, a bias a neuron, widths that are no powers of two, layers that are not square.
fn uneven(inputs: usize) -> Problem {
    Problem {
        widths: vec![777, 250, 1000, 10],
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
            check_all_methods(engines(), &uneven(inputs), threshold_layer);
        }
    }
}

/// Sizes about a panel of outputs, about the tiles side by side and about the columns taken one by one; the wide
/// network's weights are more than are kept in the cache at once.
#[test]
fn dense_layers() {
    let dense = |widths: &[usize], inputs, density| Problem {
        widths: widths.to_vec(),
        density,
        activation: Activation::Relu { max: Some(1.0) },
        ..uneven(inputs)
    };
    let narrow = [17, 16, 15, 1, 33, 40, 10];
    for inputs in [1, 4, 5, 16, 17, 31, 32, 33, 48, 49, 300] {
        check_all_methods(engines(), &dense(&narrow, inputs, 0.6), 2);
    }
    let wide = [600, 700, 300];
    let (network, _) = dense(&wide, 1, 2.0).generate();
    let prepared = engines()[0].prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
    assert!(prepared.notes()[0].starts_with("dense product"), "{:?}", prepared.notes());
    for inputs in [3, 40, 130] {
        check_all_methods(engines(), &dense(&wide, inputs, 2.0), 1);
    }
    // So many connections that the dense product is faster with many inputs only.
    let (network, _) = dense(&wide, 1, 0.36).generate();
    let prepared = engines()[0].prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
    let note = "dense product for one and for many inputs in 1 of 2 layers";
    assert!(prepared.notes().iter().any(|found| found == note), "{:?}", prepared.notes());
    for inputs in [1, 40, 600] {
        check_all_methods(engines(), &dense(&wide, inputs, 0.36), 1);
    }
    // More inputs than tiles pass at a time.
    for inputs in [1, 17, 50] {
        check_all_methods(engines(), &dense(&[30, 1024, 50, 2100, 40], inputs, 2.0), 2);
    }
}

/// Rows so long that several tiles are computed side by side; counts about four tiles.
#[test]
fn long_rows_of_wide_layers() {
    for inputs in [1, 16, 17, 48, 63, 64, 65, 130] {
        let problem = Problem { widths: vec![800, 900, 300], density: 0.2, ..uneven(inputs) };
        check_all_methods(engines(), &problem, 1);
    }
}

/// The other tests prove little if all activations are zero or clamped.
#[test]
fn the_problems_are_not_trivial() {
    let share = |problem: &Problem, test: &dyn Fn(f64) -> bool| {
        let (network, inputs) = problem.generate();
        let output = reference::infer(&network, &inputs);
        let values: Vec<f64> = output.into_iter().flatten().collect();
        values.iter().filter(|&&y| test(y)).count() as f64 / values.len() as f64
    };
    let clipped = Problem { activation: Activation::Relu { max: Some(1.0) }, ..uneven(200) };
    let between = share(&clipped, &|y| y > 0.0 && y < 1.0);
    assert!((0.1..0.9).contains(&between), "{between}");
    let zero = share(&clipped, &|y| y == 0.0);
    assert!((0.05..0.8).contains(&zero), "{zero}");
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
fn results_do_not_depend_on_the_number_of_threads() {
    let (network, inputs) = small_sdgc_like();
    for method in Method::ALL {
        let plan = Plan::new(method).at_threshold_layer(4);
        let one = infer(&engine(1, None), &network, &plan, &inputs);
        assert!(!one.columns().is_empty());
        for threads in [2, 3, 7] {
            let more = infer(&engine(threads, None), &network, &plan, &inputs);
            assert_eq!(one.to_activations(), more.to_activations(), "{}", method.name());
        }
    }
}

#[test]
fn feed_forward_methods_give_the_same_bits() {
    let (network, inputs) = small_sdgc_like();
    for engine in engines() {
        let bf = infer(engine, &network, &Plan::new(Method::Bf2019), &inputs).to_activations();
        for method in [Method::Snig2020, Method::Xy2021] {
            let output = infer(engine, &network, &Plan::new(method), &inputs);
            assert_eq!(bf, output.to_activations(), "{}", method.name());
        }
    }
}

#[test]
fn batches_are_put_together_in_order() {
    let (network, inputs) = small_sdgc_like();
    let whole = infer(&engine(2, None), &network, &Plan::new(Method::Xy2021), &inputs);
    for method in Method::ALL {
        let plan = Plan::new(method).at_threshold_layer(6);
        let prepared = engine(2, None).prepare(&network, &plan).unwrap();
        for size in [1, 64, 699, 700, 5000] {
            let outcome = prepared.infer_in_batches(&inputs, size, &()).unwrap();
            assert_eq!(outcome.output.inputs(), inputs.len());
            assert_eq!(outcome.output.categories(), whole.categories(), "{}", method.name());
            assert_eq!(outcome.report.live_columns.len(), network.layers().len() + 1);
        }
    }
}

/// A column by itself, in a small batch or in a large one goes through other kernels.
#[test]
fn feed_forward_bits_do_not_depend_on_the_batch() {
    let random = uneven(40).generate();
    let dense = Problem { density: 0.9, widths: vec![70, 90, 33], ..uneven(40) }.generate();
    for (network, inputs) in [small_sdgc_like(), random, dense] {
        for engine in engines() {
            for method in [Method::Bf2019, Method::Snig2020, Method::Xy2021] {
                let prepared = engine.prepare(&network, &Plan::new(method)).unwrap();
                let whole = prepared.infer(&inputs).unwrap().output.to_activations();
                for size in [1, 3, 16, 50] {
                    let batched = prepared.infer_in_batches(&inputs, size, &()).unwrap().output;
                    assert_eq!(whole, batched.to_activations(), "{} by {size}", method.name());
                }
            }
        }
    }
}

/// Merging equal columns changes no bit of the feed-forward methods and nothing beyond rounding in SNICIT.
#[test]
fn equal_columns_may_be_merged() {
    const COPIES: usize = 6;
    let problem = Problem {
        widths: vec![64; 41],
        density: 0.3,
        block_outputs: 16,
        biases: -0.12..-0.1,
        uniform_bias: true,
        activation: Activation::SDGC,
        inputs: 100,
        binary_inputs: true,
        seed: 8,
    };
    let (network, distinct) = problem.generate();
    let mut repeated = BitActivations::zeros(COPIES * distinct.len(), distinct.features());
    for input in 0..repeated.inputs() {
        distinct.for_each_nonzero(input % distinct.len(), |feature, _| {
            repeated.set(input, feature);
        });
    }
    let inputs = Inputs::from(repeated);
    let expected = reference::infer(&network, &inputs);
    let survivors = reference::categories(&network, &inputs).len();
    assert!((100..=500).contains(&survivors), "{survivors}");
    for method in Method::ALL {
        let plan = Plan::new(method).at_threshold_layer(20);
        let plain = infer(&engine(2, None), &network, &plan, &inputs);
        let prepared = engine(2, None).prepare(&network, &plan.merging_equal_columns()).unwrap();
        let merged = prepared.infer(&inputs).unwrap();
        if method == Method::Snicit {
            let bound = reference::rounding_error_bound(&network, &inputs);
            let (excess, ..) = worst_excess(&merged.output, &expected, &bound, slack(method));
            assert!(excess <= 0.0, "{excess}");
        } else {
            assert_eq!(plain.to_activations(), merged.output.to_activations(), "{}", method.name());
        }
        assert_eq!(plain.categories(), merged.output.categories(), "{}", method.name());
        if method == Method::Bf2019 || method == Method::Xy2021 {
            let live = merged.report.live_columns;
            assert!((live[39] as usize) < survivors / 3, "{live:?}");
        }
    }
}
