//! The extras that change what is computed, on a GPU: equal neurons merged, and early exit.

use snicit::{Categories, CpuEngine, Engine, Inputs, Method, Plan};
use snicit_cuda::{CudaEngine, CudaOptions, Products, UpdateSchedule};
use snicit_data::{digits, radixnet};

use crate::engines::{TestEngine, engines, mini_block_engines};
use crate::extra_cases::{
    check_all_extras, check_nearly_saturating, check_one_column_between, check_planted,
    check_saturating, planted_cases,
};

fn all_engines() -> impl Iterator<Item = TestEngine> {
    engines().into_iter().chain(mini_block_engines())
}

/// Both schedules of the update, with sparse products: persistent, and two kernels a layer.
fn scheduled_engines() -> Vec<CudaEngine> {
    if engines().is_empty() {
        return Vec::new();
    }
    let engine = |schedule| {
        let mut options = CudaOptions::default().with_update(schedule);
        options.products = Products::Sparse;
        CudaEngine::with_options(&options).unwrap()
    };
    [UpdateSchedule::Persistent, UpdateSchedule::PerLayer].map(engine).into()
}

#[test]
fn equal_neurons_may_be_merged() {
    for engine in all_engines() {
        planted_cases().iter().for_each(|case| check_planted(&engine, case));
    }
}

#[test]
fn saturated_columns_skip_the_remaining_layers() {
    all_engines().for_each(|engine| check_saturating(&engine, false));
    scheduled_engines().iter().for_each(|engine| check_saturating(engine, false));
}

#[test]
fn layers_that_may_change_saturated_columns_are_computed() {
    all_engines().for_each(|engine| check_nearly_saturating(&engine));
    scheduled_engines().iter().for_each(|engine| check_nearly_saturating(engine));
}

#[test]
fn one_column_that_is_not_saturated_keeps_all_layers() {
    all_engines().for_each(|engine| check_one_column_between(&engine));
}

#[test]
fn extras_work_together() {
    all_engines().for_each(|engine| check_all_extras(&engine));
}

/// Outputs are equal whose numbers are equal modulo a sixteenth of the neurons. The last layer of a block reads
/// two of these classes at a time, so that there half as many differ.
fn distinct_neurons(neurons: usize, layers: usize) -> u64 {
    let classes = neurons / 16;
    let block = classes.ilog2() as usize;
    let of_layer = |l: usize| if l % block == block - 1 { classes / 2 } else { classes };
    (0..layers).map(of_layer).sum::<usize>() as u64
}

/// Some columns die, the others saturate before layer 30; neurons are equal sixteen by sixteen.
#[test]
fn graph_challenge_networks() {
    const THRESHOLD_LAYER: usize = 30;
    if engines().is_empty() {
        return;
    }
    let cpu = CpuEngine::new().unwrap();
    for (neurons, bias) in [(1024, -0.3), (4096, -0.35)] {
        let network = radixnet::generate(neurons, 60, bias, 1, &|_| ()).unwrap();
        let inputs = Inputs::from(digits::generate(1500, neurons.isqrt(), 9));
        let categories = |engine: &dyn Engine, plan: &Plan| -> (Categories, Option<usize>) {
            let outcome = engine.prepare(&network, plan).unwrap().infer(&inputs).unwrap();
            let left = outcome.report.reduction.map(|reduction| reduction.neurons_left);
            assert!(left.is_none_or(|left| left == distinct_neurons(neurons, 60)), "{left:?}");
            (outcome.output.categories(), outcome.report.early_exit)
        };
        let (expected, _) = categories(&cpu, &Plan::new(Method::Xy2021));
        assert!(!expected.is_empty() && expected.len() < 1500);
        for engine in engines() {
            for method in Method::ALL {
                let plan = Plan::new(method).at_threshold_layer(THRESHOLD_LAYER);
                for (merges, exits) in [(true, false), (false, true), (true, true)] {
                    let mut plan = plan.clone();
                    (plan.merge_equal_neurons, plan.early_exit) = (merges, exits);
                    let (found, exit) = categories(&engine, &plan);
                    let name = engine.instruction_set();
                    assert_eq!(found, expected, "{} with {name}, {plan:?}", method.name());
                    let exits = exits && method != Method::Snig2020;
                    assert_eq!(exit, exits.then_some(THRESHOLD_LAYER), "{} with {name}", method.name());
                }
            }
        }
    }
}
