//! The extras that change what is computed, on the CPU: equal neurons merged, and early exit.

use snicit::{Engine, Method, Plan, SnicitOptions};

use crate::extra_cases::{
    check_all_extras, check_nearly_saturating, check_one_column_between, check_planted,
    check_saturating, planted_cases, saturating,
};
use crate::problem::engines;

#[test]
fn equal_neurons_may_be_merged() {
    for engine in engines() {
        planted_cases().iter().for_each(|case| check_planted(engine, case));
    }
}

#[test]
fn saturated_columns_skip_the_remaining_layers() {
    engines().iter().for_each(|engine| check_saturating(engine, true));
}

#[test]
fn layers_that_may_change_saturated_columns_are_computed() {
    engines().iter().for_each(|engine| check_nearly_saturating(engine));
}

#[test]
fn one_column_that_is_not_saturated_keeps_all_layers() {
    engines().iter().for_each(|engine| check_one_column_between(engine));
}

#[test]
fn extras_work_together() {
    engines().iter().for_each(|engine| check_all_extras(engine));
}

/// Behind the conversion centroids are looked at, when no residue is left.
#[test]
fn centroids_exit_too() {
    let (network, inputs) = saturating(&[40; 60], 2.0, 70);
    let mut options = SnicitOptions::sdgc();
    options.sampled_columns = 3;
    let plan = Plan::new(Method::Snicit).at_threshold_layer(0).with_snicit(options);
    for engine in engines() {
        let plain = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap();
        let early = plan.clone().exiting_early();
        let outcome = engine.prepare(&network, &early).unwrap().infer(&inputs).unwrap();
        assert_eq!(outcome.output.to_activations(), plain.output.to_activations());
        let exit = outcome.report.early_exit.unwrap();
        assert!((1..30).contains(&exit), "{exit}");
        assert!(outcome.report.centroids.unwrap() > 0);
    }
}
