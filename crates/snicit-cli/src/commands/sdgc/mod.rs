mod report;
mod truth;

use std::path::PathBuf;
use std::time::Instant;

use snicit::{Method, SnicitOptions};
use snicit_data::sdgc::{self, write_categories};

use crate::device::{DeviceArgs, LargeBatch, ScheduleArg};
use crate::exit::{Failure, Verdict};
use crate::extras_args::ExtrasArgs;
use crate::network_args::{InputArgs, NetworkArgs};
use crate::progress::Bar;
use crate::snicit_args::{self, SnicitArgs};
use crate::source::{self, InputFile, NetworkFiles};
use crate::{args, destination, stderr, stdout};
use report::{Answer, Run};
use truth::{Truth, TruthArg};

/// Run a benchmark of the Sparse DNN Graph Challenge
///
/// Reads the network, the inputs and the truth, infers by one method, and compares the categories (the
/// inputs whose last column is not all zero) with the truth, input by input.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The method, in any case
    #[arg(short, long, value_name = "BF|SNIG|XY|SNICIT", default_value = "SNICIT")]
    #[arg(value_parser = snicit_args::method)]
    method: Method,

    #[command(flatten)]
    network: NetworkArgs,

    /// Layers (l); any number for which there are files
    #[arg(short, long, value_name = "L", default_value = "120", value_parser = args::count)]
    layers: usize,

    /// Threshold layer (t), 0 to l; SNICIT converts after it [default: 30, or l if that is less]
    #[arg(short, long, value_name = "T")]
    threshold_layer: Option<usize>,

    /// Inputs that go through the network together (B) [default: 60000, or as many as fit a GPU]
    #[arg(short, long, value_name = "B", value_parser = args::count)]
    batch: Option<usize>,

    #[command(flatten)]
    inputs: InputArgs,

    /// File of the true categories, or none [default: the data folder's; none with --weights]
    #[arg(long, value_name = "FILE|none", value_parser = truth::parse)]
    truth: Option<TruthArg>,

    /// Write the categories to this file, one index a line
    #[arg(long, value_name = "FILE")]
    categories_out: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceArgs,

    #[command(flatten)]
    schedule: ScheduleArg,

    #[command(flatten)]
    snicit: SnicitArgs,

    #[command(flatten)]
    extras: ExtrasArgs,
}

const AFTER_HELP: &str = "\
Examples:
  snicit sdgc                                      SNICIT on 1024 neurons, 120 layers
  snicit sdgc -m XY -n 4096 -l 480 -b 10000
  snicit sdgc -l 30 --weights net --inputs sparse-images-1024.tsv.gz --truth none
  snicit sdgc --json | jq .times_ms.total

The first run leaves network and inputs in a cache that the next one loads from; see `snicit cache`.

Times do not include reading and preparing. Edges/s are inputs × connections of the network / \
total time, as the Graph Challenge counts them, computed or not.

Exit code: 0 done, 1 the categories differ from the truth, 2 could not do it.";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let files = NetworkFiles::find(&args.network)?;
    let input_file = InputFile::find(&args.network, &args.inputs)?;
    let bias = source::bias(&args.network)?;
    let layers = args.layers;
    if let Some(threshold) = args.threshold_layer.filter(|&t| t > layers) {
        return Err(snicit::Error::ThresholdBeyondLayers { threshold, layers }.into());
    }
    let plan = snicit_args::plan(args.method, args.threshold_layer)
        .with_snicit(args.snicit.apply(SnicitOptions::sdgc()));
    plan.snicit.validate()?;
    let plan = args.extras.apply(plan);
    files.require(layers)?;
    input_file.require()?;
    let truth = Truth::find(&args.network, layers, args.truth.as_ref())?;
    if let Some(file) = &args.categories_out {
        destination::check_file(file)?;
    }
    let large_batch = if args.batch.is_some() { LargeBatch::Refuse } else { LargeBatch::Halve };
    let engine = args.device.open_scheduled(large_batch, args.schedule)?;

    let start = Instant::now();
    let network = files.read(layers, bias)?;
    let inputs = input_file.read()?;
    let load = start.elapsed();
    let from_cache = (network.from_cache, inputs.from_cache);
    let (network, inputs) = (network.value, inputs.value);
    let true_categories = truth.read()?;

    let batch = args.batch.unwrap_or(sdgc::INPUTS);
    let start = Instant::now();
    let prepared = engine.prepare(&network, &plan)?;
    let prepare = start.elapsed();
    let outcome = {
        let bar = Bar::new(args.method.name(), inputs.len() as u64 * network.layers().len() as u64);
        prepared.infer_in_batches(&inputs, batch, &bar)?
    };

    let categories = outcome.output.categories();
    if let Some(file) = &args.categories_out {
        write_categories(file, &categories)?;
    }
    let answer = Answer::check(&categories, true_categories.as_ref());
    let run = Run {
        method: args.method,
        device: engine.device(),
        network: &network,
        inputs: inputs.len(),
        batch: batch.min(inputs.len()),
        report: &outcome.report,
        notes: prepared.notes(),
        categories: categories.len(),
        answer: &answer,
        schedule: args.schedule,
        extras: &args.extras,
        load,
        from_cache,
        prepare,
    };
    if let Some(note) = &truth.note {
        stderr::note(note);
    }
    if args.json {
        stdout::print_json(&run.json())?;
        if let Answer::Mismatch(mismatch) = &answer {
            stderr::line(format_args!("mismatch: {mismatch}"));
        }
    } else {
        stdout::print(&run.text())?;
    }
    Ok(if matches!(answer, Answer::Mismatch(_)) { Verdict::WrongAnswer } else { Verdict::Done })
}
