//! cuSPARSE and cuBLAS beside the f64 reference.

use snicit::{Activation, Inputs, Network, Prepared, reference};
use snicit_cuda::CudaError;
use snicit_cuda::peers::{Peer, PeerLibrary};

use crate::engines::{engines, skipped};
use crate::problem::{Problem, worst_excess};

/// The libraries that are there; the others are named.
fn peers() -> Vec<Peer> {
    let Some(engine) = engines().into_iter().next() else { return Vec::new() };
    let open = |library| match Peer::new(&engine.engine, library) {
        Ok(peer) => Some(peer),
        Err(error @ CudaError::LibraryMissing { .. })
            if std::env::var_os("SNICIT_REQUIRE_GPU").is_none() =>
        {
            skipped(&format!("{}; {error}", library.name()));
            None
        }
        Err(error) => panic!("{error}"),
    };
    PeerLibrary::ALL.into_iter().filter_map(open).collect()
}

fn problem(widths: &[usize], inputs: usize, binary_inputs: bool) -> Problem {
    Problem {
        widths: widths.to_vec(),
        density: 0.05,
        block_outputs: 1,
        biases: -0.3..0.1,
        uniform_bias: false,
        activation: Activation::SDGC,
        inputs,
        binary_inputs,
        seed: 11,
    }
}

fn check(peer: &Peer, prepared: &dyn Prepared, network: &Network, inputs: &Inputs, what: &str) {
    let expected = reference::infer(network, inputs);
    let bound = reference::rounding_error_bound(network, inputs);
    let outcome = prepared.infer(inputs).unwrap();
    let (excess, input, neuron) = worst_excess(&outcome.output, &expected, &bound, 1.0);
    let library = peer.library().name();
    assert!(excess <= 0.0, "{library}, {what}: input {input}, neuron {neuron}: excess {excess:e}");
    let live = outcome.report.live_columns;
    assert_eq!(live.len(), network.layers().len() + 1);
    assert_eq!(live[0], inputs.len() as u64);
    assert_eq!(live[live.len() - 1], outcome.output.categories().len() as u64);
}

#[test]
fn peers_give_what_the_reference_gives() {
    for peer in peers() {
        // Lines that are multiples of four and others; one column; layers that are not square.
        for (widths, inputs) in [
            (&[128, 64, 256][..], 300),
            (&[77, 250, 101, 10], 33),
            (&[30, 40], 1),
            (&[1030, 2000, 500], 257),
        ] {
            for binary in [false, true] {
                let (network, inputs) = problem(widths, inputs, binary).generate();
                let prepared = peer.prepare(&network, 1).unwrap();
                let what = format!("{widths:?}, {} inputs, binary: {binary}", inputs.len());
                check(&peer, &*prepared, &network, &inputs, &what);
                let notes = prepared.notes().join("; ");
                assert!(notes.contains(peer.library().name()), "{notes}");
            }
        }
    }
}

#[test]
fn peers_take_batches_of_other_sizes_in_turn() {
    let (network, inputs) = problem(&[96, 96, 96, 12], 500, true).generate();
    for peer in peers() {
        let prepared = peer.prepare(&network, 2).unwrap();
        let whole = prepared.infer(&inputs).unwrap().output.categories();
        for size in [1, 64, 499, 500] {
            let outcome = prepared.infer_in_batches(&inputs, size, &()).unwrap();
            assert_eq!(outcome.output.inputs(), inputs.len());
            assert_eq!(outcome.output.categories(), whole, "{} by {size}", peer.library().name());
        }
    }
}
