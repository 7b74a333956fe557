//! Times networks of the paper's medium-scale shapes A, B and C with random weights, and writes them down
//! so that `benchmarks/cpu_peers/medium.py` can time others on the same networks and compare answers.
//!
//! `medium_scale FOLDER BATCH…` writes, for each shape, `A-l1.f32` … (dense, outputs × inputs, row-major),
//! `A-b1.f32` …, `A-inputs.f32` and `A-output.f32` of the largest batch, and prints one line a shape,
//! method and batch: `shape method batch milliseconds` (the median of repeated inferences).

#![allow(clippy::unwrap_used, reason = "an example may panic")]

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, Connection, CpuEngine, Engine, Inputs, Layer, Method, Network, Plan,
    Prepared, SnicitOptions, SparseWeights,
};

/// Name, neurons, sparse layers and density, as in Table 4 of the paper.
const SHAPES: [(&str, usize, usize, f64); 3] =
    [("A", 128, 18, 0.6), ("B", 256, 18, 0.6), ("C", 256, 12, 0.5)];
const PIXELS: usize = 784;
const CLASSES: usize = 10;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = Path::new(&arguments[0]);
    let batches: Vec<usize> = arguments[1..].iter().map(|batch| batch.parse().unwrap()).collect();
    fs::create_dir_all(folder).unwrap();
    let engine = CpuEngine::new().unwrap();
    for (shape, neurons, layers, density) in SHAPES {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let widths: Vec<usize> = [vec![PIXELS], vec![neurons; layers + 1], vec![CLASSES]].concat();
        let network = Network::new(widths.windows(2).enumerate().map(|(i, pair)| {
            let ends = i == 0 || i == layers + 1;
            layer(pair[0], pair[1], if ends { 1.0 } else { density }, i <= layers, &mut random)
        }));
        let network = network.unwrap();
        let largest = batches.iter().copied().max().unwrap();
        let inputs = inputs(largest, &mut random);
        write_network(folder, shape, &network);
        write(&folder.join(format!("{shape}-inputs.f32")), inputs.values());

        let plans = [
            (Method::Bf2019, Plan::new(Method::Bf2019)),
            (Method::Xy2021, Plan::new(Method::Xy2021)),
            (
                Method::Snicit,
                Plan::new(Method::Snicit)
                    .at_threshold_layer(1 + layers / 2 / 2 * 2)
                    .with_snicit(SnicitOptions::medium_scale()),
            ),
        ];
        let inputs = Inputs::from(inputs);
        for (method, plan) in plans {
            let prepared = engine.prepare(&network, &plan).unwrap();
            for &batch in &batches {
                let median = median(&*prepared, &inputs, batch);
                println!("{shape} {} {batch} {:.4}", method.name(), median.as_secs_f64() * 1e3);
            }
            if method == Method::Xy2021 {
                let output = prepared.infer(&inputs).unwrap().output.to_activations();
                write(&folder.join(format!("{shape}-output.f32")), output.values());
            }
        }
    }
}

fn layer(inputs: usize, outputs: usize, density: f64, clipped: bool, random: &mut ChaCha8Rng) -> Layer {
    let mut connections = Vec::new();
    // Activations neither die nor are all clamped: a spread of 1.5 around a mean near zero.
    let scale = 3.0 / (inputs as f32 * density as f32).sqrt();
    for output in 0..outputs as u32 {
        for input in 0..inputs as u32 {
            if random.random_bool(density) {
                let weight = random.random_range(-1.0..1.0) * scale;
                connections.push(Connection { input, output, weight });
            }
        }
    }
    let weights = SparseWeights::from_connections(inputs, outputs, connections).unwrap();
    let bias = Bias::PerNeuron((0..outputs).map(|_| random.random_range(-0.2..0.4)).collect());
    let activation = if clipped { Activation::Relu { max: Some(1.0) } } else { Activation::Identity };
    Layer::new(weights, bias, activation).unwrap()
}

/// As many pixels are black as in MNIST.
fn inputs(count: usize, random: &mut ChaCha8Rng) -> Activations {
    let pixel = |_| if random.random_bool(0.19) { random.random_range(0.0..1.0) } else { 0.0 };
    Activations::new(count, PIXELS, (0..count * PIXELS).map(pixel).collect()).unwrap()
}

/// The median of inferences repeated for about a second, after a warm-up. Only the inference is timed, as
/// a caller sees it.
fn median(prepared: &dyn Prepared, inputs: &Inputs, batch: usize) -> Duration {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed() < Duration::from_secs(1) {
        let start = Instant::now();
        let outcome = prepared.infer_batch(&inputs.batch(0..batch), &()).unwrap();
        times.push(start.elapsed());
        drop(outcome);
    }
    times.remove(0);
    times.sort_unstable();
    times[times.len() / 2]
}

fn write_network(folder: &Path, shape: &str, network: &Network) {
    for (i, layer) in network.layers().iter().enumerate() {
        let mut dense = vec![0.0; layer.inputs() * layer.outputs()];
        for connection in layer.weights().iter() {
            let place = connection.output as usize * layer.inputs() + connection.input as usize;
            dense[place] = connection.weight;
        }
        write(&folder.join(format!("{shape}-l{}.f32", i + 1)), &dense);
        let bias = layer.bias().to_vec(layer.outputs());
        write(&folder.join(format!("{shape}-b{}.f32", i + 1)), &bias);
    }
}

/// Writes little-endian float32.
fn write(file: &Path, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(file, bytes).unwrap();
}
