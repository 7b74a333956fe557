//! Graph Challenge benchmarks on the GPU: times of each stage, and whether the answers agree.
//!
//! ```text
//! sdgc BENCHMARK… [--methods BF,SNIG,XY,SNICIT] [--repeat N] [--mnist FILE] [--inputs N] [--cpu] [--batch N]
//!      [--paper] [--products modelled|dense|sparse] [--merge-equal-neurons] [--early-exit] [--extras]
//!      [--random-weights]
//! ```
//!
//! `BENCHMARK` is neurons-layers, as in `1024-120`. The network is generated; the inputs are made from
//! MNIST's training images if they are given, else drawn. With `--cpu` the CPU engine gives the truth;
//! without, the methods are compared with one another. `--paper` keeps SNICIT to the paper's schedule.
//! `--random-weights` draws each weight between half of the official one and one and a half of it.
//! `--merge-equal-neurons` and `--early-exit` are extras, no part of the methods; `--extras` measures every
//! method without them, with each, and with both, of which a line each is printed.

#![allow(clippy::unwrap_used, reason = "an example stops at the first problem")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Categories, Connection, CpuEngine, Engine, Inputs, Layer, Method, Network, Plan, Prepared,
    SparseWeights, StageTimes,
};
use snicit_cuda::{CudaEngine, CudaOptions, MiniBlockUse, Products, UpdateSchedule};
use snicit_data::{digits, mnist, radixnet, sdgc};

struct Arguments {
    benchmarks: Vec<(usize, usize)>,
    methods: Vec<Method>,
    repeat: usize,
    mnist: Option<PathBuf>,
    inputs: usize,
    cpu: bool,
    batch: Option<usize>,
    options: CudaOptions,
    extras: Vec<Extras>,
    random_weights: bool,
}

/// What a plan has besides its method.
#[derive(Debug, Clone, Copy, Default)]
struct Extras {
    merge_equal_neurons: bool,
    early_exit: bool,
}

impl Extras {
    fn all() -> Vec<Self> {
        let choices = [(false, false), (true, false), (false, true), (true, true)];
        choices
            .map(|(merge_equal_neurons, early_exit)| Extras { merge_equal_neurons, early_exit })
            .into()
    }

    fn plan(self, method: Method) -> Plan {
        let mut plan = Plan::new(method);
        plan.merge_equal_neurons = self.merge_equal_neurons;
        plan.early_exit = self.early_exit;
        plan
    }

    /// The method's name, with a letter for each extra.
    fn name(self, method: Method) -> String {
        let merged = if self.merge_equal_neurons { "+n" } else { "" };
        let exits = if self.early_exit { "+e" } else { "" };
        format!("{}{merged}{exits}", method.name())
    }
}

fn arguments() -> Arguments {
    let mut arguments = Arguments {
        benchmarks: Vec::new(),
        methods: Method::ALL.to_vec(),
        repeat: 5,
        mnist: None,
        inputs: 60_000,
        cpu: false,
        batch: None,
        options: CudaOptions::default(),
        extras: vec![Extras::default()],
        random_weights: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match &*argument {
            "--methods" => {
                arguments.methods = value().split(',').map(|name| name.parse().unwrap()).collect();
            }
            "--repeat" => arguments.repeat = value().parse().unwrap(),
            "--mnist" => arguments.mnist = Some(value().into()),
            "--inputs" => arguments.inputs = value().parse().unwrap(),
            "--batch" => arguments.batch = Some(value().parse().unwrap()),
            "--cpu" => arguments.cpu = true,
            "--random-weights" => arguments.random_weights = true,
            "--paper" => {
                arguments.options.mini_blocks = MiniBlockUse::Never;
                arguments.options.update = UpdateSchedule::PerLayer;
            }
            "--products" => {
                arguments.options.products = match &*value() {
                    "modelled" => Products::Modelled,
                    "dense" => Products::Dense,
                    "sparse" => Products::Sparse,
                    other => panic!("--products {other}: expected modelled, dense or sparse"),
                }
            }
            "--merge-equal-neurons" => arguments.extras[0].merge_equal_neurons = true,
            "--early-exit" => arguments.extras[0].early_exit = true,
            "--extras" => arguments.extras = Extras::all(),
            benchmark => {
                let (neurons, layers) = benchmark.split_once('-').expect("NEURONS-LAYERS");
                arguments.benchmarks.push((neurons.parse().unwrap(), layers.parse().unwrap()));
            }
        }
    }
    arguments
}

fn inputs(arguments: &Arguments, neurons: usize) -> Inputs {
    let side = neurons.isqrt();
    match &arguments.mnist {
        None => digits::generate(arguments.inputs, side, 1).into(),
        Some(file) => mnist::sdgc_inputs(&mnist::read_images(file).unwrap(), side).unwrap().into(),
    }
}

fn main() {
    let arguments = arguments();
    let start = Instant::now();
    let engine = CudaEngine::with_options(&arguments.options).unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{}; {}; {} sources compiled, {:.0} ms; opened in {:.0} ms",
        engine.device(),
        engine.compiler(),
        engine.compiled_sources(),
        milliseconds(engine.compilation_time()),
        milliseconds(start.elapsed()),
    );
    let mut made: Option<(usize, Inputs)> = None;
    for &(neurons, layers) in &arguments.benchmarks {
        let start = Instant::now();
        let bias = sdgc::bias(neurons).unwrap_or(-0.3);
        let mut network = radixnet::generate(neurons, layers, bias, 1, &|_| ()).unwrap();
        if arguments.random_weights {
            network = with_random_weights(&network);
        }
        let inputs = match made.take() {
            Some((width, inputs)) if width == neurons => inputs,
            _ => inputs(&arguments, neurons),
        };
        println!(
            "\n{neurons}-{layers}, {} inputs, made in {:.1} s",
            inputs.len(),
            start.elapsed().as_secs_f64()
        );
        benchmark(&arguments, &engine, &network, &inputs);
        made = Some((neurons, inputs));
    }
}

fn with_random_weights(network: &Network) -> Network {
    let layers = network.layers().iter().enumerate().map(|(number, layer)| {
        let mut random = ChaCha8Rng::seed_from_u64(number as u64);
        let connections = layer.weights().iter().map(|connection| Connection {
            weight: connection.weight * random.random_range(0.5..1.5),
            ..connection
        });
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let weights = SparseWeights::from_connections(inputs, outputs, connections.collect()).unwrap();
        Layer::new(weights, layer.bias().clone(), layer.activation()).unwrap()
    });
    Network::new(layers.collect::<Vec<_>>()).unwrap()
}

fn benchmark(arguments: &Arguments, engine: &CudaEngine, network: &Network, inputs: &Inputs) {
    let batch = arguments.batch.unwrap_or(inputs.len());
    let mut truth: Option<Categories> = arguments.cpu.then(|| {
        let start = Instant::now();
        let cpu = CpuEngine::new().unwrap();
        let prepared = cpu.prepare(network, &Plan::new(Method::Snicit)).unwrap();
        let outcome = prepared.infer_in_batches(inputs, 10_000, &()).unwrap();
        let categories = outcome.output.categories();
        println!(
            "{}: {} categories, {:.1} s",
            cpu.device(),
            categories.len(),
            start.elapsed().as_secs_f64()
        );
        categories
    });
    println!(
        "{:<13} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  {:>6}  {:>6}",
        "ms", "pre", "convert", "post", "recover", "total", "best", "found", "agrees"
    );
    let methods = arguments.methods.iter();
    for (&method, extras) in methods.flat_map(|method| arguments.extras.iter().map(move |e| (method, e)))
    {
        let prepared = engine.prepare_network(network, &extras.plan(method)).unwrap();
        let mut runs = Vec::new();
        let mut wall = Vec::new();
        let mut last = None;
        // One more to warm up.
        for _ in 0..=arguments.repeat {
            let start = Instant::now();
            let outcome = prepared.infer_in_batches(inputs, batch, &()).unwrap();
            wall.push(start.elapsed());
            runs.push(outcome.report.times);
            last = Some(outcome);
        }
        let outcome = last.expect("at least one run");
        let categories = outcome.output.categories();
        let agrees = match &truth {
            None => "-".to_owned(),
            Some(truth) => match categories.check(truth) {
                Ok(()) => "yes".to_owned(),
                Err(mismatch) => mismatch.to_string(),
            },
        };
        let times = median(&mut runs[1..]);
        let best = runs[1..].iter().map(StageTimes::total).min().unwrap_or_default();
        println!(
            "{:<13} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3}  {:>6}  {agrees:>6}",
            extras.name(method),
            milliseconds(times.pre_convergence),
            milliseconds(times.conversion),
            milliseconds(times.post_convergence),
            milliseconds(times.recovery),
            milliseconds(times.total()),
            milliseconds(best),
            categories.len(),
        );
        let live = &outcome.report.live_columns;
        let behind = network.layers().len() - outcome.report.threshold_layer;
        println!(
            "  post {:.2} µs a layer behind layer {}; prepared in {:.0} ms, first call {:.0} ms, last {:.0} ms, of which upload {:.1} ms; centroids {:?}; live {:?} … {}; early exit {:?}; {}",
            milliseconds(times.post_convergence) * 1e3 / behind.max(1) as f64,
            outcome.report.threshold_layer,
            milliseconds(prepared.preparation_time()),
            milliseconds(wall[0]),
            milliseconds(wall[wall.len() - 1]),
            milliseconds(outcome.report.upload),
            outcome.report.centroids,
            &live[..live.len().min(8)],
            live[live.len() - 1],
            outcome.report.early_exit,
            prepared.notes().join("; "),
        );
        truth.get_or_insert(categories);
    }
}

/// The run with the median total.
fn median(runs: &mut [StageTimes]) -> StageTimes {
    runs.sort_by_key(StageTimes::total);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
