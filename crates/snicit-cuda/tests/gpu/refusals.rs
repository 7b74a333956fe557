//! What the engine refuses, and what it tells on the way.

use std::sync::atomic::{AtomicU64, Ordering};

use snicit::{
    Activation, Activations, Bias, Engine, Error, Inputs, Layer, Method, Network, Observer, Plan,
    SparseWeights,
};
use snicit_cuda::{CudaEngine, CudaError, CudaOptions, devices};

use crate::engines::{engines, skipped};
use crate::problem::Problem;

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
    for engine in engines() {
        for method in Method::ALL {
            let prepared = engine.prepare(&network(), &Plan::new(method)).unwrap();
            let refuse = |inputs: &Inputs| prepared.infer(inputs).unwrap_err().to_string();
            assert_eq!(refuse(&inputs(0, 3)), "there are no inputs");
            assert_eq!(
                refuse(&inputs(5, 4)),
                "the inputs have 4 features, but the network's first layer takes 3"
            );
        }
    }
}

#[test]
fn a_device_that_is_not_there() {
    let mut options = CudaOptions::default();
    options.device = 1000;
    match CudaEngine::with_options(&options) {
        Err(CudaError::NoDriver) => {}
        Err(error @ CudaError::NoDevice { ordinal: 1000, .. }) => {
            assert!(error.to_string().starts_with("there is no CUDA device 1000: the driver sees"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn devices_are_described_or_the_driver_is_missing() {
    match devices() {
        Err(CudaError::NoDriver) => skipped("describing GPUs; there is no driver"),
        Err(error) => panic!("{error}"),
        Ok(devices) => {
            for device in devices.devices.into_iter().map(Result::unwrap) {
                assert!(!device.name.is_empty() && device.free_memory <= device.total_memory);
                assert!(device.architecture().starts_with("sm_"));
            }
        }
    }
}

#[test]
fn an_observer_can_stop_and_the_engine_goes_on() {
    struct Stop;
    impl Observer for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    for engine in engines() {
        for method in Method::ALL {
            for threshold_layer in 0..=2 {
                let plan = Plan::new(method).at_threshold_layer(threshold_layer);
                let prepared = engine.prepare(&network(), &plan).unwrap();
                let result = prepared.infer_batch(&inputs(40, 3).all(), &Stop);
                assert!(matches!(result, Err(Error::Cancelled)), "{}", method.name());
                let outcome = prepared.infer(&inputs(40, 3)).unwrap();
                assert_eq!(outcome.output.categories().len(), 40, "{}", method.name());
            }
        }
    }
}

/// Every pair of input and layer is reported once.
#[test]
fn an_observer_sees_the_work_add_up() {
    struct Count(AtomicU64);
    impl Observer for Count {
        fn advanced(&self, column_layers: u64) {
            self.0.fetch_add(column_layers, Ordering::Relaxed);
        }
    }
    // More layers than are sent ahead.
    let problem = Problem {
        widths: vec![20; 301],
        density: 0.3,
        block_outputs: 3,
        biases: -0.3..-0.1,
        uniform_bias: false,
        activation: Activation::SDGC,
        inputs: 33,
        binary_inputs: true,
        seed: 1,
    };
    let (network, inputs) = problem.generate();
    for engine in engines() {
        for method in Method::ALL {
            for threshold_layer in [0, 77, 300] {
                let plan = Plan::new(method).at_threshold_layer(threshold_layer);
                let count = Count(AtomicU64::new(0));
                engine.prepare(&network, &plan).unwrap().infer_batch(&inputs.all(), &count).unwrap();
                assert_eq!(count.0.into_inner(), 33 * 300, "{} t = {threshold_layer}", method.name());
            }
        }
    }
}
