//! The kernel of each method: eight layers of 1024 neurons with 32 connections each.
//!
//! `cargo bench -p snicit` prints, for each kernel, pattern and batch, the time of an inference and the
//! connections (edges) it computes in a second. SNICIT converts after two layers, so its figure is that
//! of conversion and post-convergence on columns that have not converged.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

use divan::Bencher;
use divan::counter::ItemsCount;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, Connection, CpuEngine, Engine, Inputs, Layer, Method, Network, Plan,
    SparseWeights,
};

const NEURONS: u32 = 1024;
const CONNECTIONS: u32 = 32;
const LAYERS: u32 = 8;

fn main() {
    divan::main();
}

/// Sixteen outputs share 32 inputs, as in the Graph Challenge's networks, or nobody shares anything.
#[derive(Debug, Clone, Copy)]
enum Pattern {
    MiniBlocks,
    Random,
}

fn network(pattern: Pattern) -> Network {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut layer = || {
        let mut connections = Vec::new();
        for output in 0..NEURONS {
            // Distinct for k = 0..32, and different for every output or every sixteenth.
            let (first, step) = match pattern {
                Pattern::MiniBlocks => (output % 64, 32),
                Pattern::Random => {
                    (random.random_range(0..NEURONS), random.random_range(0..512) * 2 + 1)
                }
            };
            connections.extend((0..CONNECTIONS).map(|k| Connection {
                input: (first + k * step) % NEURONS,
                output,
                weight: random.random_range(-0.1..0.3),
            }));
        }
        let (n, bias) = (NEURONS as usize, Bias::Uniform(-0.1));
        let weights = SparseWeights::from_connections(n, n, connections).unwrap();
        Layer::new(weights, bias, Activation::SDGC).unwrap()
    };
    Network::new((0..LAYERS).map(|_| layer())).unwrap()
}

fn inputs(count: usize) -> Inputs {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let features = NEURONS as usize;
    let values = (0..count * features).map(|_| random.random_range(0.0..2.0)).collect();
    Activations::new(count, features, values).unwrap().into()
}

const PATTERNS: [Pattern; 2] = [Pattern::MiniBlocks, Pattern::Random];
const BATCHES: [usize; 3] = [1, 64, 2048];

#[divan::bench(args = PATTERNS, consts = BATCHES)]
fn bf2019<const BATCH: usize>(bencher: Bencher<'_, '_>, pattern: Pattern) {
    infer(bencher, Method::Bf2019, pattern, BATCH);
}

#[divan::bench(args = PATTERNS, consts = BATCHES)]
fn snig2020<const BATCH: usize>(bencher: Bencher<'_, '_>, pattern: Pattern) {
    infer(bencher, Method::Snig2020, pattern, BATCH);
}

#[divan::bench(args = PATTERNS, consts = BATCHES)]
fn xy2021<const BATCH: usize>(bencher: Bencher<'_, '_>, pattern: Pattern) {
    infer(bencher, Method::Xy2021, pattern, BATCH);
}

#[divan::bench(args = PATTERNS, consts = BATCHES)]
fn snicit<const BATCH: usize>(bencher: Bencher<'_, '_>, pattern: Pattern) {
    infer(bencher, Method::Snicit, pattern, BATCH);
}

fn infer(bencher: Bencher<'_, '_>, method: Method, pattern: Pattern, batch: usize) {
    let (network, inputs) = (network(pattern), inputs(batch));
    let plan = Plan::new(method).at_threshold_layer(2);
    let prepared = CpuEngine::new().unwrap().prepare(&network, &plan).unwrap();
    let edges = network.connections() as usize * batch;
    bencher.counter(ItemsCount::new(edges)).bench(|| prepared.infer(&inputs).unwrap());
}
