//! What the engine refuses, and how it says so.

use snicit::{
    Activation, Activations, Bias, CpuEngine, Engine, Error, Inputs, Layer, Method, Network, Observer,
    Plan, SnicitOptions, SparseWeights,
};

fn network() -> Network {
    let layer = || {
        let weights = SparseWeights::from_connections(3, 3, vec![]).unwrap();
        Layer::new(weights, Bias::Uniform(1.0), Activation::SDGC).unwrap()
    };
    Network::new([layer(), layer()]).unwrap()
}

fn inputs(count: usize, features: usize) -> Inputs {
    Activations::zeros(count, features).into()
}

#[test]
fn batches_that_do_not_fit() {
    let engine = CpuEngine::new().unwrap();
    for method in Method::ALL {
        let prepared = engine.prepare(&network(), &Plan::new(method)).unwrap();
        let refuse = |inputs: &Inputs| prepared.infer(inputs).unwrap_err().to_string();
        assert_eq!(refuse(&inputs(0, 3)), "there are no inputs");
        assert_eq!(
            refuse(&inputs(5, 4)),
            "the inputs have 4 features, but the network's first layer takes 3"
        );
        let batched = prepared.infer_in_batches(&inputs(5, 3), 0, &()).unwrap_err();
        assert_eq!(batched.to_string(), "the batch size is 0, expected at least 1");
    }
}

#[test]
fn plans_that_do_not_fit() {
    let engine = CpuEngine::new().unwrap();
    let refuse = |plan: Plan| match engine.prepare(&network(), &plan) {
        Ok(_) => panic!("{plan:?} was accepted"),
        Err(error) => error.to_string(),
    };
    assert_eq!(
        refuse(Plan::new(Method::Xy2021).at_threshold_layer(3)),
        "the threshold layer is 3, but the network has only 2 layers"
    );
    let mut options = SnicitOptions::sdgc();
    options.rebuild_interval = 0;
    assert_eq!(
        refuse(Plan::new(Method::Snicit).with_snicit(options)),
        "the rebuild interval is 0, expected at least 1"
    );
}

#[test]
fn values_that_are_no_numbers() {
    let error = Activations::new(2, 2, vec![0.0, 1.0, f32::NAN, 0.0]).unwrap_err();
    assert_eq!(error.to_string(), "input 2, feature 1 is NaN, expected a finite number");
    let error = Activations::new(2, 2, vec![0.0]).unwrap_err();
    assert_eq!(error.to_string(), "2 inputs of 2 features need 4 values, found 1");
    let weights = || SparseWeights::from_connections(1, 2, vec![]).unwrap();
    let refuse = |bias, activation| Layer::new(weights(), bias, activation).unwrap_err().to_string();
    assert_eq!(
        refuse(Bias::PerNeuron(vec![0.0]), Activation::SDGC),
        "the bias has 1 values, the layer has 2 output neurons"
    );
    assert_eq!(
        refuse(Bias::PerNeuron(vec![0.0, f32::INFINITY]), Activation::SDGC),
        "the bias of output neuron 2 is inf, expected a finite number"
    );
    assert_eq!(
        refuse(Bias::Uniform(0.0), Activation::Relu { max: Some(-1.0) }),
        "the upper bound of the ReLU is -1, expected a number above 0"
    );
}

#[test]
fn an_observer_can_stop_any_method() {
    struct Stop;
    impl Observer for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let engine = CpuEngine::new().unwrap();
    for method in Method::ALL {
        for threshold_layer in 0..=2 {
            let plan = Plan::new(method).at_threshold_layer(threshold_layer);
            let prepared = engine.prepare(&network(), &plan).unwrap();
            let result = prepared.infer_batch(&inputs(40, 3).all(), &Stop);
            assert!(matches!(result, Err(Error::Cancelled)), "{}", method.name());
        }
    }
}

/// Every pair of input and layer is reported once, whether it was computed or spared.
#[test]
fn an_observer_sees_the_work_add_up() {
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::problem::Problem;

    struct Count(AtomicU64);
    impl Observer for Count {
        fn advanced(&self, column_layers: u64) {
            self.0.fetch_add(column_layers, Ordering::Relaxed);
        }
    }
    let problem = Problem {
        widths: vec![50, 60, 60, 60, 20],
        density: 0.2,
        block_outputs: 3,
        biases: -0.3..-0.1,
        uniform_bias: false,
        activation: Activation::SDGC,
        inputs: 333,
        binary_inputs: true,
        seed: 1,
    };
    let (network, inputs) = problem.generate();
    let engine = CpuEngine::new().unwrap();
    for method in Method::ALL {
        for threshold_layer in 0..=4 {
            let plan = Plan::new(method).at_threshold_layer(threshold_layer);
            let count = Count(AtomicU64::new(0));
            engine.prepare(&network, &plan).unwrap().infer_batch(&inputs.all(), &count).unwrap();
            assert_eq!(count.0.into_inner(), 333 * 4, "{} t = {threshold_layer}", method.name());
        }
    }
}
