//! Times of XY-2021 with sparse products, with the dense one, and as the model chooses, on random layers.
//!
//! ```text
//! dense [--repeat N] [--batches N,N…] [WIDTHxLAYERS@DENSITY]…
//! ```
//!
//! Prints, for each network, the milliseconds of all layers and how far the answers are apart.

#![allow(clippy::unwrap_used, reason = "an example stops at the first problem")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, Connection, Engine, Inputs, Layer, Method, Network, Plan,
    SparseWeights,
};
use snicit_cuda::{CudaEngine, CudaOptions, Products};

fn main() {
    let (mut repeat, mut batches, mut networks) = (20, vec![10_000], Vec::new());
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match &*argument {
            "--repeat" => repeat = given.next().unwrap().parse().unwrap(),
            "--batches" => {
                batches = given.next().unwrap().split(',').map(|batch| batch.parse().unwrap()).collect();
            }
            network => {
                let (shape, density) = network.split_once('@').expect("WIDTHxLAYERS@DENSITY");
                let (width, layers) = shape.split_once('x').expect("WIDTHxLAYERS");
                networks.push((
                    width.parse::<usize>().unwrap(),
                    layers.parse::<usize>().unwrap(),
                    density.parse::<f64>().unwrap(),
                ));
            }
        }
    }
    let engine = |products| {
        let mut options = CudaOptions::default();
        options.products = products;
        CudaEngine::with_options(&options).unwrap_or_else(|error| panic!("{error}"))
    };
    let engines = [Products::Sparse, Products::Dense, Products::Modelled].map(engine);
    println!("{}, median of {repeat}, ms", engines[0].device());
    println!(
        "{:>16} {:>7} {:>10} {:>10} {:>10} {:>9}  model",
        "network", "batch", "sparse", "dense", "modelled", "apart"
    );
    for (width, layers, density) in networks {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let network = network(width, layers, density, &mut random);
        let plan = Plan::new(Method::Xy2021).at_threshold_layer(layers);
        let prepared = engines.each_ref().map(|engine| engine.prepare(&network, &plan).unwrap());
        for &batch in &batches {
            let mut values = Activations::zeros(batch, width);
            for input in 0..batch {
                values.column_mut(input).fill_with(|| random.random_range(0.0..1.0));
            }
            let inputs = Inputs::from(values);
            let mut times = Vec::new();
            let mut answers = Vec::new();
            for prepared in &prepared {
                answers.push(prepared.infer(&inputs).unwrap().output.to_activations());
                let mut runs: Vec<f64> = (0..repeat)
                    .map(|_| {
                        let times = prepared.infer(&inputs).unwrap().report.times;
                        times.pre_convergence.as_secs_f64() * 1e3
                    })
                    .collect();
                runs.sort_by(f64::total_cmp);
                times.push(runs[runs.len() / 2]);
            }
            let apart = (0..batch)
                .flat_map(|input| answers[0].column(input).iter().zip(answers[1].column(input)))
                .map(|(a, b)| f64::from((a - b).abs()))
                .fold(0.0, f64::max);
            let name = format!("{width}x{layers}@{density}");
            println!(
                "{name:>16} {batch:>7} {:>10.4} {:>10.4} {:>10.4} {apart:>9.1e}  {}",
                times[0],
                times[1],
                times[2],
                prepared[2].notes()[0]
            );
        }
    }
}

fn network(width: usize, layers: usize, density: f64, random: &mut ChaCha8Rng) -> Network {
    let size = (3.0 / (density * width as f64)).sqrt() * 2.0;
    let layer = |_| {
        let mut connections = Vec::new();
        for output in 0..width as u32 {
            for input in 0..width as u32 {
                if density >= 1.0 || random.random_bool(density) {
                    let weight = (random.random_range(-1.0..1.0) * size) as f32;
                    connections.push(Connection { input, output, weight });
                }
            }
        }
        let weights = SparseWeights::from_connections(width, width, connections).unwrap();
        Layer::new(weights, Bias::Uniform(0.1), Activation::Relu { max: Some(1.0) }).unwrap()
    };
    Network::new((0..layers).map(layer).collect::<Vec<_>>()).unwrap()
}
