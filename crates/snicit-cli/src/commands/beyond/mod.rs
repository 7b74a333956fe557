mod report;

use std::path::PathBuf;
use std::time::Instant;

use snicit::{Engine, FeedForward, Method, Plan, SnicitOptions, classes};
use snicit_data::medium_scale::{self, Benchmark, DataSet, Letter, Source};

use crate::device::{DeviceArgs, LargeBatch, ScheduleArg};
use crate::exit::{Failure, Verdict};
use crate::network_args::DataArgs;
use crate::progress::Bar;
use crate::snicit_args::{self, SnicitArgs};
use crate::{args, source, stdout, timing};
use report::{MethodRun, Run};

/// Run a benchmark beyond the Graph Challenge: a trained network on MNIST or CIFAR-10
///
/// Networks A to D have the sizes of the SNICIT paper's medium-scale networks. They are part of this command;
/// MNIST's test images are fetched by `snicit data fetch mnist`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, mut_args(snicit_args::medium_scale_help))]
pub(crate) struct Args {
    /// The method, in any case
    #[arg(short, long, value_name = "BF|SNIG|XY|SNICIT", default_value = "SNICIT")]
    #[arg(value_parser = snicit_args::method)]
    method: Method,

    /// The network
    #[arg(short = 'k', long, value_name = "A|B|C|D", default_value = "A")]
    benchmark: Letter,

    /// Threshold layer (t), 0 to l, counted over the sparse layers [default: the largest even t ≤ l/2]
    #[arg(short, long, value_name = "T")]
    threshold_layer: Option<usize>,

    /// Inputs that go through the network together (B)
    #[arg(short, long, value_name = "B", default_value = "10000", value_parser = args::count)]
    batch: usize,

    /// Folder of test sets, and of networks to be taken instead of those of this command
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Time so many inferences after a warm-up and report the one with the median total; 1: no warm-up
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = args::count)]
    repeat: usize,

    /// Run all methods, and show them side by side
    #[arg(long)]
    compare: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceArgs,

    #[command(flatten)]
    schedule: ScheduleArg,

    #[command(flatten)]
    snicit: SnicitArgs,
}

const AFTER_HELP: &str = "\
Networks: A 128 neurons, 18 sparse layers; B 256, 18; C 256, 12 (all MNIST); D 256, 12 (CIFAR-10).

Examples:
  snicit beyond -k D
  snicit beyond -m SNIG -k A -t 8 -b 5000
  snicit beyond -k B --compare
  snicit beyond -k C --prune-at-conversion 0 --prune-at-update 0        SNICIT that loses nothing

DIR holds what SNICIT's artifact has in dataset/beyond (networks, MNIST, CIFAR-10), or files of \
our own, A.safetensors to D.safetensors and D-features.safetensors. Without any networks in it, \
those of this command serve; without MNIST in it, that of the data folder ($SNICIT_DATA, else \
snicit in the XDG data folder).

Accuracies are in percent; the loss, in percentage points, is what exact feed-forward has more on \
the same network. XY-2021 is always timed, too, so that the report can say what SNICIT gains.

Edges/s are inputs × connections of the network / total time, computed or not.";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let letter = args.benchmark;
    let layers = letter.sparse_layers();
    let threshold_layer = args.threshold_layer.unwrap_or_else(|| medium_scale::threshold_layer(layers));
    if threshold_layer > layers {
        return Err(Failure::new(format!(
            "the threshold layer is {threshold_layer}, but network {letter} has only {layers} sparse layers"
        )));
    }
    let options = args.snicit.apply(fastest_kernels(SnicitOptions::medium_scale()));
    options.validate()?;
    let source = find(args)?;
    let engine = args.device.open_scheduled(LargeBatch::Refuse, args.schedule)?;

    let start = Instant::now();
    let benchmark = medium_scale::load(letter, &source)?;
    let load = start.elapsed();
    let plan = |method| {
        let t = letter.network_threshold_layer(threshold_layer);
        Plan::new(method).at_threshold_layer(t).with_snicit(options.clone())
    };
    let infer = |method| infer(&*engine, &benchmark, &plan(method), args);
    let asked = infer(args.method)?;
    let others = Method::ALL
        .into_iter()
        .filter(|&method| method != args.method && (args.compare || method == Method::Xy2021));
    let others = others.map(infer).collect::<Result<Vec<MethodRun>, Failure>>()?;
    let run = Run {
        benchmark: &benchmark,
        device: engine.device(),
        threshold_layer,
        batch: args.batch.min(benchmark.inputs.len()),
        repeat: args.repeat,
        asked,
        others,
        compare: args.compare,
        schedule: args.schedule,
        load,
    };
    if args.json {
        stdout::print_json(&run.json())?;
    } else {
        stdout::print(&run.text())?;
    }
    Ok(Verdict::Done)
}

/// The paper takes BF-2019's kernel for these networks. At their density the dense kernel that XY-2021
/// chooses is faster.
fn fastest_kernels(mut options: SnicitOptions) -> SnicitOptions {
    options.pre_convergence = FeedForward::Xy2021;
    options.post_convergence = FeedForward::Xy2021;
    options
}

/// Where network and test set are; fails if MNIST is needed and missing.
fn find(args: &Args) -> Result<Source, Failure> {
    if let Some(folder) = args.data.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Failure::new(format!("there is no folder {}", folder.display())));
    }
    let mnist = source::data_folder(&DataArgs { data: None })?.root().join("mnist");
    let source = Source { folder: args.data.clone(), mnist };
    let images = source.mnist_images();
    if args.benchmark.data_set() == DataSet::Mnist && !images.exists() {
        return Err(Failure::new(format!(
            "MNIST's test images are missing: {}; `snicit data fetch mnist` fetches them",
            images.display()
        )));
    }
    Ok(source)
}

fn infer(
    engine: &dyn Engine,
    benchmark: &Benchmark,
    plan: &Plan,
    args: &Args,
) -> Result<MethodRun, Failure> {
    let start = Instant::now();
    let prepared = engine.prepare(&benchmark.network, plan)?;
    let prepare = start.elapsed();
    let inferences = if args.repeat > 1 { args.repeat + 1 } else { 1 };
    let work = benchmark.inputs.len() * benchmark.network.layers().len() * inferences;
    let bar = Bar::new(plan.method.name(), work as u64);
    let outcome = timing::repeated(args.repeat, || {
        Ok(prepared.infer_in_batches(&benchmark.inputs, args.batch, &bar)?)
    })?;
    let labels: Vec<u32> = benchmark.labels.iter().map(|&label| label.into()).collect();
    let right = classes::right(&outcome.output.classes(), &labels);
    let accuracy = 100.0 * right as f64 / labels.len() as f64;
    Ok(MethodRun {
        method: plan.method,
        report: outcome.report,
        accuracy,
        prepare,
        notes: prepared.notes(),
    })
}
