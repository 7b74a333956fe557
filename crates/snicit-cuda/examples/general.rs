//! General sparse networks, without mini-blocks, beside cuSPARSE and cuBLAS.
//!
//! ```text
//! general [CASE…] [--repeat N] [--inputs N] [--methods XY,SNICIT,cuSPARSE,cuBLAS]
//! ```
//!
//! Two more methods are `sparse` and `dense`: XY-2021 held to one of its products, for its cost model.
//!
//! A case is `NEURONS-LAYERS-CONNECTIONS-INPUTS`: so many layers of random connections and weights, and one to 16
//! outputs behind them. Weights are scaled so that activations neither die nor grow; the share of those that are
//! not zero, and of those at the upper bound, is printed. Answers are checked against the float64 reference on a
//! sample of the inputs. Exit code 1: an answer is wrong.

#![allow(clippy::unwrap_used, reason = "an example stops at the first problem")]

use std::process::ExitCode;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use snicit::{
    Activation, Bias, BitActivations, Engine, Inputs, Layer, Method, Network, Outcome, Plan, Prepared,
    SparseWeights, reference,
};
use snicit_cuda::peers::{Peer, PeerLibrary};
use snicit_cuda::{CudaEngine, CudaOptions, Products};

const OUTPUTS: usize = 16;
const SAMPLED: usize = 12;
/// The largest activation.
const BOUND: f32 = 32.0;

#[derive(Clone, Copy)]
struct Case {
    neurons: usize,
    layers: usize,
    connections: usize,
    inputs: usize,
}

const CASES: [Case; 3] = [
    Case { neurons: 4096, layers: 30, connections: 32, inputs: 60_000 },
    Case { neurons: 16_384, layers: 30, connections: 32, inputs: 60_000 },
    // 5 % of all possible connections.
    Case { neurons: 4096, layers: 12, connections: 205, inputs: 10_000 },
];

struct Arguments {
    cases: Vec<Case>,
    repeat: usize,
    methods: Vec<String>,
}

fn arguments() -> Arguments {
    let methods = ["XY", "SNICIT", "cuSPARSE", "cuBLAS"].map(str::to_owned).to_vec();
    let mut arguments = Arguments { cases: Vec::new(), repeat: 5, methods };
    let mut inputs = None;
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match &*argument {
            "--repeat" => arguments.repeat = value().parse().unwrap(),
            "--inputs" => inputs = Some(value().parse().unwrap()),
            "--methods" => arguments.methods = value().split(',').map(str::to_owned).collect(),
            case => {
                let numbers: Vec<usize> = case.split('-').map(|part| part.parse().unwrap()).collect();
                let [neurons, layers, connections, inputs] = numbers[..] else {
                    panic!("{case}: expected NEURONS-LAYERS-CONNECTIONS-INPUTS")
                };
                arguments.cases.push(Case { neurons, layers, connections, inputs });
            }
        }
    }
    if arguments.cases.is_empty() {
        arguments.cases = CASES.to_vec();
    }
    if let Some(inputs) = inputs {
        arguments.cases.iter_mut().for_each(|case| case.inputs = inputs);
    }
    arguments
}

impl Case {
    fn network(self) -> Network {
        let layers = (0..=self.layers).into_par_iter().map(|index| {
            let outputs = if index < self.layers { self.neurons } else { OUTPUTS };
            self.layer(outputs, index as u64)
        });
        Network::new(layers.collect::<Vec<Layer>>()).unwrap()
    }

    fn layer(self, outputs: usize, seed: u64) -> Layer {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Half of the sums are cut off at zero: a variance of 2 / connections keeps the second moment, and a
        // little more makes up for the bias.
        let spread = (2.2 * 3.0 / self.connections as f32).sqrt();
        let (mut inputs, mut weights) = (Vec::new(), Vec::new());
        let mut lengths = Vec::with_capacity(outputs);
        for _ in 0..outputs {
            let mut row: Vec<u32> = Vec::with_capacity(self.connections);
            while row.len() < self.connections {
                row.push(random.random_range(0..self.neurons as u32));
                if row.len() == self.connections {
                    row.sort_unstable();
                    row.dedup();
                }
            }
            weights.extend(row.iter().map(|_| random.random_range(-spread..spread)));
            lengths.push(row.len());
            inputs.extend(row);
        }
        let mut offsets = vec![0];
        offsets.extend(lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        }));
        let weights = SparseWeights::from_rows(self.neurons, offsets, inputs, weights).unwrap();
        Layer::new(weights, Bias::Uniform(-0.02), Activation::Relu { max: Some(BOUND) }).unwrap()
    }

    /// A quarter of the bits are set.
    fn random_inputs(self) -> Inputs {
        let words_per_input = self.neurons.div_ceil(64);
        let mut words = vec![0_u64; words_per_input * self.inputs];
        words.par_chunks_mut(words_per_input * 64).enumerate().for_each(|(piece, words)| {
            let mut random = ChaCha8Rng::seed_from_u64(1 << 32 | piece as u64);
            words.iter_mut().for_each(|word| *word = random.random::<u64>() & random.random::<u64>());
        });
        BitActivations::from_words(self.inputs, self.neurons, words).unwrap().into()
    }

    fn multiply_adds(self) -> f64 {
        (self.neurons * self.layers * self.connections * self.inputs) as f64
    }
}

fn main() -> ExitCode {
    let arguments = arguments();
    let engine = CudaEngine::new();
    match &engine {
        Ok(engine) => println!("{}; {}", engine.device(), engine.compiler()),
        Err(error) => println!("only the networks are looked at: {error}"),
    }
    let mut right = true;
    for &case in &arguments.cases {
        right &= compare(&arguments, engine.as_ref().ok(), case);
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The answers of a few inputs by the float64 reference.
struct Truth {
    sample: Vec<usize>,
    expected: Vec<Vec<f64>>,
    bound: Vec<f64>,
}

impl Truth {
    fn of(network: &Network, inputs: &Inputs) -> Self {
        let sample: Vec<usize> = (0..SAMPLED).map(|k| k * (inputs.len() - 1) / (SAMPLED - 1)).collect();
        let inputs = sampled(inputs, &sample);
        let infer = |input: usize| reference::infer_one(network, &inputs, input);
        let expected = (0..sample.len()).into_par_iter().map(infer).collect();
        Truth { sample, expected, bound: reference::rounding_error_bound(network, &inputs) }
    }

    /// ‖found − expected‖ / ‖expected‖ over the sample, and whether that is small and each neuron within its bound.
    fn check(&self, outcome: &Outcome) -> (f64, bool) {
        let (mut error, mut size, mut within) = (0.0, 0.0, true);
        let columns = outcome.output.columns();
        for (&input, expected) in self.sample.iter().zip(&self.expected) {
            let column = columns.binary_search_by_key(&(input as u32), |column| column.input).ok();
            for (neuron, &expected) in expected.iter().enumerate() {
                let found = column.map_or(0.0, |at| f64::from(columns[at].values[neuron]));
                let difference = (found - expected).abs();
                within &= difference <= 4.0 * self.bound[neuron];
                error += difference * difference;
                size += expected * expected;
            }
        }
        let error = (error / size).sqrt();
        // The bound of a deep network is wide.
        (error, within && error < 1e-4)
    }
}

fn sampled(inputs: &Inputs, sample: &[usize]) -> Inputs {
    let mut few = BitActivations::zeros(sample.len(), inputs.features());
    for (k, &input) in sample.iter().enumerate() {
        inputs.for_each_nonzero(input, |feature, _| {
            few.set(k, feature);
        });
    }
    few.into()
}

fn compare(arguments: &Arguments, engine: Option<&CudaEngine>, case: Case) -> bool {
    let Case { neurons, layers, connections, inputs } = case;
    let network = case.network();
    let input_values = case.random_inputs();
    println!("\n{layers} layers of {neurons} neurons, {connections} connections each, {inputs} inputs");
    let truth = Truth::of(&network, &input_values);
    tell_of_density(&network, &input_values, &truth, layers);
    let Some(engine) = engine else { return true };
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>12} {:>10} {:>9}  notes",
        "", "ms", "best", "ms/layer", "TFLOP/s", "error", "right"
    );
    let mut right = true;
    for name in &arguments.methods {
        let prepared = match prepare(engine, name, &network) {
            Ok(prepared) => prepared,
            Err(reason) => {
                println!("{name:<12} not run: {reason}");
                continue;
            }
        };
        let mut totals = Vec::new();
        let mut last = None;
        // One more to warm up.
        for _ in 0..=arguments.repeat {
            let outcome = prepared.infer(&input_values).unwrap();
            totals.push(outcome.report.times.total());
            last = Some(outcome);
        }
        let (error, within) = truth.check(&last.expect("at least one run"));
        right &= within;
        let timed = &mut totals[1..];
        timed.sort_unstable();
        let ms = milliseconds(timed[timed.len() / 2]);
        println!(
            "{name:<12} {ms:>9.2} {:>9.2} {:>9.3} {:>12.2} {error:>10.1e} {:>9}  {}",
            milliseconds(timed[0]),
            ms / layers as f64,
            2e-9 * case.multiply_adds() / ms,
            if within { "yes" } else { "NO" },
            prepared.notes().join("; "),
        );
    }
    right
}

/// One of our methods or a library.
fn prepare(
    engine: &CudaEngine,
    name: &str,
    network: &Network,
) -> Result<Box<dyn Prepared>, Box<dyn std::error::Error>> {
    if let Some(library) = PeerLibrary::ALL.into_iter().find(|library| library.name() == name) {
        return Ok(Peer::new(engine, library)?.prepare(network, network.layers().len() / 2)?);
    }
    let plan = |method| Plan::new(method).at_threshold_layer(network.layers().len() / 2);
    let products = match name {
        "sparse" => Products::Sparse,
        "dense" => Products::Dense,
        method => return Ok(engine.prepare(network, &plan(method.parse()?))?),
    };
    let mut options = CudaOptions::default();
    options.products = products;
    Ok(CudaEngine::with_options(&options)?.prepare(network, &plan(Method::Xy2021))?)
}

/// Of the activations after the first, a middle and the last hidden layer.
fn tell_of_density(network: &Network, inputs: &Inputs, truth: &Truth, layers: usize) {
    let shares = [1, layers / 2, layers].map(|depth| {
        let network = network.truncated(depth);
        let (mut not_zero, mut bounded, mut all) = (0_usize, 0_usize, 0_usize);
        let columns =
            truth.sample.par_iter().map(|&input| reference::infer_one(&network, inputs, input));
        for column in columns.collect::<Vec<_>>() {
            all += column.len();
            not_zero += column.iter().filter(|&&y| y != 0.0).count();
            bounded += column.iter().filter(|&&y| y >= f64::from(BOUND)).count();
        }
        let percent = |count: usize| 100.0 * count as f64 / all as f64;
        format!("{depth}: {:.1} % / {:.1} %", percent(not_zero), percent(bounded))
    });
    println!("activations not zero / at the bound after layer {}", shares.join(", "));
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
