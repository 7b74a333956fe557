//! Batches with more than 2³¹ activations, and batches that do not fit.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Bias, BitActivations, Connection, Engine, Inputs, Layer, Method, Network, Plan,
    SparseWeights, reference,
};
use snicit_cuda::{CudaEngine, CudaOptions, devices};

use crate::engines::{engines, skipped};

/// The free memory of the first GPU; 0 if there is none.
fn free_memory() -> u64 {
    let first = devices().ok().and_then(|devices| devices.devices.into_iter().next());
    first.and_then(Result::ok).map_or(0, |device| device.free_memory)
}

/// Output `o` reads `reads` inputs that are spread over all of them.
fn spread_layer(inputs: usize, outputs: usize, reads: usize, bias: f32) -> Layer {
    let connections = (0..outputs).flat_map(|output| {
        (0..reads).map(move |k| Connection {
            // 48271 has no factor in common with the widths used here.
            input: (((output / 16 * reads + k) * 48_271 + 1) % inputs) as u32,
            output: output as u32,
            weight: 0.25 + (output % 3) as f32 * 0.125,
        })
    });
    let weights = SparseWeights::from_connections(inputs, outputs, connections.collect()).unwrap();
    Layer::new(weights, Bias::Uniform(bias), Activation::SDGC).unwrap()
}

#[test]
fn more_than_two_to_the_31_activations() {
    const NEURONS: usize = 65_536;
    const INPUTS: usize = 36_000;
    const { assert!(NEURONS * INPUTS > 1 << 31) };
    if engines().is_empty() {
        return;
    }
    let needed = 2 * (NEURONS * INPUTS * 4) as u64 + (4 << 30);
    if free_memory() < needed {
        skipped(&format!("more than 2^31 activations; needs {} GB of the GPU", needed >> 30));
        return;
    }
    // A positive bias keeps every column alive, so that all slots are used.
    let layers = [
        spread_layer(NEURONS, NEURONS, 4, 0.125),
        spread_layer(NEURONS, NEURONS, 2, 0.125),
        spread_layer(NEURONS, 40, 300, -0.5),
    ];
    let network = Network::new(layers).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(31);
    let mut bits = BitActivations::zeros(INPUTS, NEURONS);
    for input in 0..INPUTS {
        for _ in 0..2000 {
            bits.set(input, random.random_range(0..NEURONS));
        }
    }
    let inputs = Inputs::from(bits);
    // Around the column in which an offset passes 2^31, and at both ends.
    let checked = [0, 1, 32_766, 32_767, 32_768, 32_769, INPUTS - 1];
    let expected: Vec<Vec<f64>> =
        checked.iter().map(|&input| reference::infer_one(&network, &inputs, input)).collect();
    assert!(expected.iter().flatten().any(|&y| y > 0.0 && y < 32.0));
    for method in Method::ALL {
        let plan = Plan::new(method).at_threshold_layer(1);
        let prepared = engines()[0].prepare(&network, &plan).unwrap();
        let output = prepared.infer(&inputs).unwrap().output;
        let activations = output.to_activations();
        for (&input, expected) in checked.iter().zip(&expected) {
            for (&found, expected) in activations.column(input).iter().zip(expected) {
                let error = (f64::from(found) - expected).abs();
                // Sums of at most 300 products below 32.
                assert!(error < 1e-3, "{} input {input}: {found}, expected {expected}", method.name());
            }
        }
    }
}

#[test]
fn batches_that_do_not_fit_are_halved_unless_told_otherwise() {
    const WIDE: usize = 1 << 20;
    if engines().is_empty() {
        return;
    }
    // Four times what a single batch could have.
    let inputs = (free_memory() as usize / (2 * 4 * WIDE)) * 4;
    // One output in 16 of the wide layer is connected; none survives a zero input.
    let wide = {
        let connections = (0..WIDE as u32 / 16).map(|output| Connection {
            input: output % 3,
            output: output * 16,
            weight: 1.0,
        });
        let weights = SparseWeights::from_connections(3, WIDE, connections.collect()).unwrap();
        Layer::new(weights, Bias::Uniform(-0.5), Activation::SDGC).unwrap()
    };
    let network = Network::new([wide, spread_layer(WIDE, 20, 64, -0.25)]).unwrap();
    let mut bits = BitActivations::zeros(inputs, 3);
    for input in (0..inputs).filter(|input| input % 7 != 0) {
        bits.set(input, input % 3);
    }
    let bits = Inputs::from(bits);
    let expected = reference::categories(&network, &bits);
    assert!(!expected.is_empty() && expected.len() < inputs);

    let prepared = engines()[0].prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
    let outcome = prepared.infer(&bits).unwrap();
    assert_eq!(outcome.output.inputs(), inputs);
    assert_eq!(outcome.output.categories(), expected);
    let notes = prepared.notes().join("\n");
    assert!(notes.contains("did not fit"), "{notes}");

    let mut options = CudaOptions::default();
    options.keep_batch_size = true;
    let strict = CudaEngine::with_options(&options).unwrap();
    drop(prepared);
    let refused = strict.prepare(&network, &Plan::new(Method::Xy2021)).unwrap().infer(&bits);
    let message = refused.unwrap_err().to_string();
    assert!(message.starts_with("the GPU has no room for activations"), "{message}");
}
