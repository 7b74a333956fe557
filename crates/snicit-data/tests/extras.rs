//! The extras, equal neurons merged and early exit, on the Graph Challenge's networks.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use snicit::{
    Categories, CpuEngine, Engine, Inputs, Method, Network, Plan, network::MergedNeurons, reference,
};
use snicit_data::{digits, radixnet, sdgc};

mod common;

/// Every method with every extra has `expected`; gives the layer after which XY-2021 exits.
fn check(network: &Network, inputs: &Inputs, expected: &Categories) -> Option<usize> {
    let engine = CpuEngine::new().unwrap();
    let mut exit = None;
    for method in Method::ALL {
        for (merges, exits) in [(true, false), (false, true), (true, true)] {
            let mut plan = Plan::new(method).at_threshold_layer(25);
            (plan.merge_equal_neurons, plan.early_exit) = (merges, exits);
            let outcome = engine.prepare(network, &plan).unwrap().infer(inputs).unwrap();
            outcome.output.categories().check(expected).unwrap();
            assert_eq!(outcome.output.neurons(), network.outputs());
            if method == Method::Xy2021 && exits {
                exit = outcome.report.early_exit;
            }
        }
    }
    exit
}

/// Outputs are equal whose numbers are equal modulo a sixteenth of the neurons. The last layer of a block reads
/// two of these classes at a time, so that there half as many differ.
fn distinct_neurons(neurons: usize, layers: usize) -> u64 {
    let classes = neurons / 16;
    let block = classes.ilog2() as usize;
    let of_layer = |l: usize| if l % block == block - 1 { classes / 2 } else { classes };
    (0..layers).map(of_layer).sum::<usize>() as u64
}

#[test]
fn equal_neurons_of_the_official_network() {
    let folder = "sdgc-1024-official-subset";
    let Some(folder) = common::shared("equal_neurons", folder) else { return };
    let network = sdgc::read_network(&folder, 1024, 30, -0.3, &|_| ()).unwrap();
    let images = folder.join("sparse-images-1024-first1200.tsv.gz");
    let inputs = sdgc::read_inputs(&images, 1024, None).unwrap();
    let merged = MergedNeurons::of(&network).unwrap();
    assert_eq!(merged.reduction().neurons_left, distinct_neurons(1024, 30));
    let expected = reference::categories(&network, &inputs);
    assert_eq!(expected.len(), 19);
    let exit = check(&network, &inputs, &expected).unwrap();
    assert!((10..30).contains(&exit), "{exit}");
}

#[test]
fn generated_networks_saturate_before_layer_30() {
    for (neurons, count) in [(1024, 1500), (4096, 400)] {
        let bias = sdgc::bias(neurons).unwrap();
        let network = radixnet::generate(neurons, 60, bias, 1, &|_| ()).unwrap();
        let inputs = Inputs::from(digits::generate(count, neurons.isqrt(), 9));
        let expected = reference::categories(&network, &inputs);
        assert!(!expected.is_empty() && expected.len() < count, "{}", expected.len());
        let merged = MergedNeurons::of(&network).unwrap();
        assert_eq!(merged.reduction().neurons_left, distinct_neurons(neurons, 60));
        let exit = check(&network, &inputs, &expected).unwrap();
        assert!((10..=30).contains(&exit), "{exit}");
    }
}
