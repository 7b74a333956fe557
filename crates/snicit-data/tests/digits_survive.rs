//! The drawn digits behave in a network like the official inputs.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use snicit::{Inputs, reference};
use snicit_data::{digits, radixnet, sdgc};

#[test]
fn a_few_per_cent_survive_and_become_equal() {
    const INPUTS: usize = 1000;
    let bias = sdgc::bias(1024).unwrap();
    for seed in [1, 2, 20_230_807] {
        let network = radixnet::generate(1024, 120, bias, seed, &|_| ()).unwrap();
        let inputs = Inputs::from(digits::generate(INPUTS, 32, seed));
        let outputs = reference::infer(&network, &inputs);
        let live: Vec<_> = outputs.iter().filter(|column| column.iter().any(|&y| y != 0.0)).collect();
        let share = live.len() as f64 / INPUTS as f64;
        assert!((0.01..0.10).contains(&share), "{share} survive, seed {seed}");
        let mut distinct = Vec::new();
        for column in live {
            if !distinct.contains(&column) {
                distinct.push(column);
            }
        }
        assert!(distinct.len() <= 3, "{} distinct columns, seed {seed}", distinct.len());
    }
}
