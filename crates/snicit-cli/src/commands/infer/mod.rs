mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use snicit::{Activation, Inputs, Method, Output, SnicitOptions, classes};
use snicit_data::model::{self, Model, OpenOptions};
use snicit_data::samples::{self, AnswerForm, Answers};
use snicit_data::{Rounded, medium_scale};

use crate::device::{DeviceArgs, LargeBatch, ScheduleArg};
use crate::exit::{Failure, Verdict};
use crate::extras_args::ExtrasArgs;
use crate::progress::Bar;
use crate::snicit_args::{self, SnicitArgs};
use crate::stderr;
use crate::{args, destination, stdout, timing};
use report::Run;

/// Send inputs through a network of your own
///
/// MODEL is a safetensors file, or a folder: of matrices (scipy's .npz, Matrix Market, .npy) and network.toml,
/// which describes them (docs/model-format.md has both), or of text, the Graph Challenge's (n1024-l1.tsv …) or
/// that of SNICIT's artifact (l1-dense.tsv …). INPUTS are npy, npz, csv, the Graph Challenge's tsv, or IDX.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The network: a file or folder
    model: PathBuf,

    /// The inputs, a file
    inputs: PathBuf,

    /// Write the answers to this file: .npy, .csv or .json
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// What to write
    #[arg(long, value_name = "WHAT", default_value = "scores")]
    output: Wanted,

    /// File of the true classes, one an input: npy, npz, IDX, csv or lines of text; prints the accuracy
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Divide all features by 255, for the pixels of images
    #[arg(long)]
    scale: bool,

    /// The method, in any case; all but SNICIT with pruning give the same answer
    #[arg(short, long, value_name = "BF|SNIG|XY|SNICIT", default_value = "XY")]
    #[arg(value_parser = snicit_args::method)]
    method: Method,

    /// Threshold layer (t), 0 to the number of layers; SNICIT converts after it [default: 30, or the largest
    /// even number up to half the layers if that is less]
    #[arg(short, long, value_name = "T")]
    threshold_layer: Option<usize>,

    /// Inputs that go through the network together (B) [default: all, or as many as fit a GPU]
    #[arg(short, long, value_name = "B", value_parser = args::count)]
    batch: Option<usize>,

    /// Time so many inferences after a warm-up and report the one with the median total; 1: no warm-up
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = args::count)]
    repeat: usize,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    text: TextArgs,

    #[command(flatten)]
    device: DeviceArgs,

    #[command(flatten)]
    schedule: ScheduleArg,

    #[command(flatten)]
    snicit: SnicitArgs,

    #[command(flatten)]
    extras: ExtrasArgs,
}

/// What folders of text files leave open.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Networks in text files")]
struct TextArgs {
    /// Activation: identity, relu or relu:MAX [default: relu:32; relu:1 in the artifact's layout, whose last
    /// layer has none]
    #[arg(long, value_name = "NAME", value_parser = activation)]
    activation: Option<Activation>,

    /// Bias of every neuron [default: the Graph Challenge's for its widths]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    bias: Option<f32>,

    /// Folder of the biases in the artifact's layout [default: ../../tsv_biases/NAME beside the weights]
    #[arg(long, value_name = "DIR")]
    biases: Option<PathBuf>,
}

fn activation(name: &str) -> Result<Activation, String> {
    name.parse().map_err(|_| "expected identity, relu, or relu:MAX with a number above 0".to_owned())
}

/// What the answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// The activations of the last layer
    Scores,
    /// Probabilities, the softmax of the scores
    Softmax,
    /// For each input the neuron with the largest score, from 0
    Classes,
}

const AFTER_HELP: &str = "\
Examples:
  snicit infer mlp.safetensors test.npy -o scores.npy
  snicit infer mlp.safetensors t10k-images-idx3-ubyte.gz --scale --labels t10k-labels-idx1-ubyte.gz
  snicit infer mlp test.csv --output classes -o classes.csv
  snicit infer neuron1024 sparse-images-1024.tsv.gz -m SNICIT --json

Times do not include reading and preparing. Edges/s are inputs × connections of the network / \
total time, computed or not.

Exit code: 0 done, 2 could not do it.";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let options = args.snicit.apply(SnicitOptions::sdgc());
    options.validate()?;
    let destination = args.out.as_deref().map(destination).transpose()?;
    for file in [&args.model, &args.inputs].into_iter().chain(&args.labels) {
        if !file.exists() {
            return Err(Failure::new(format!("there is no {}", file.display())));
        }
    }
    let large_batch = if args.batch.is_some() { LargeBatch::Refuse } else { LargeBatch::Halve };
    let engine = args.device.open_scheduled(large_batch, args.schedule)?;

    let start = Instant::now();
    let Model { network, name } = read_model(args)?;
    let inputs = read_inputs(args, network.inputs())?;
    let labels = args.labels.as_deref().map(samples::read_labels).transpose()?;
    if let (Some(labels), Some(file)) = (&labels, &args.labels) {
        check_labels(labels, file, inputs.len(), network.outputs())?;
    }
    let load = start.elapsed();

    let layers = network.layers().len();
    let default = snicit::Threshold::SDGC.min(medium_scale::threshold_layer(layers));
    let t = args.threshold_layer.unwrap_or(default);
    let plan = snicit_args::plan(args.method, Some(t)).with_snicit(options);
    let plan = args.extras.apply(plan);
    let start = Instant::now();
    let prepared = engine.prepare(&network, &plan)?;
    let prepare = start.elapsed();
    let batch = args.batch.unwrap_or(inputs.len());
    let outcome = {
        let inferences = if args.repeat > 1 { args.repeat + 1 } else { 1 };
        let work = inputs.len() as u64 * layers as u64 * inferences as u64;
        let bar = Bar::new(args.method.name(), work);
        timing::repeated(args.repeat, || Ok(prepared.infer_in_batches(&inputs, batch, &bar)?))?
    };
    if let Some((file, form)) = destination {
        samples::write_answers(file, &answers(&outcome.output, args.output), form)?;
    }
    let right = labels.map(|labels| classes::right(&outcome.output.classes(), &labels));
    let run = Run {
        name: name.unwrap_or_else(|| args.model.display().to_string()),
        method: args.method,
        device: engine.device(),
        network: &network,
        inputs: inputs.len(),
        batch: batch.min(inputs.len()),
        repeat: args.repeat,
        report: &outcome.report,
        schedule: args.schedule,
        extras: &args.extras,
        notes: prepared.notes(),
        accuracy: right.map(|right| 100.0 * right as f64 / inputs.len() as f64),
        load,
        prepare,
    };
    if args.json {
        stdout::print_json(&run.json())?;
    } else {
        stdout::print(&run.text())?;
    }
    Ok(Verdict::Done)
}

/// The file of the answers and its form; fails if it cannot be written.
fn destination(file: &Path) -> Result<(&Path, AnswerForm), Failure> {
    let form = AnswerForm::of(file).ok_or_else(|| {
        Failure::new(format!(
            "cannot write {}: its name must end in .npy, .csv or .json",
            file.display()
        ))
    })?;
    destination::check_file(file)?;
    Ok((file, form))
}

fn read_model(args: &Args) -> Result<Model, Failure> {
    let TextArgs { activation, bias, biases } = &args.text;
    let options = OpenOptions { activation: *activation, bias: *bias, biases: biases.clone() };
    let _bar = Bar::unmeasured("reading the network");
    Ok(noted(model::open(&args.model, &options, &|_| ())?, &args.model))
}

fn read_inputs(args: &Args, features: usize) -> Result<Inputs, Failure> {
    let _bar = Bar::unmeasured("reading the inputs");
    let inputs = noted(samples::read_inputs(&args.inputs, features)?, &args.inputs);
    if inputs.is_empty() {
        return Err(Failure::new(format!("there are no inputs in {}", args.inputs.display())));
    }
    let found = inputs.features();
    if found != features {
        let error = snicit::Error::InputWidth { expected: features, found };
        return Err(Failure::new(format!("{}: {error}", args.inputs.display())));
    }
    Ok(if args.scale { samples::divide(&inputs, 255.0)? } else { inputs })
}

/// The value, after saying what was rounded.
fn noted<T>(rounded: Rounded<T>, file: &Path) -> T {
    if let Some(note) = rounded.note() {
        stderr::note(format_args!("{}: {note}", file.display()));
    }
    rounded.value
}

fn check_labels(labels: &[u32], file: &Path, inputs: usize, classes: usize) -> Result<(), Failure> {
    let file = file.display();
    if labels.len() != inputs {
        let found = labels.len();
        return Err(Failure::new(format!(
            "{file}: there are {found} labels, expected {inputs}, one an input"
        )));
    }
    match labels.iter().position(|&label| label as usize >= classes) {
        Some(i) => {
            let (input, label) = (i + 1, labels[i]);
            Err(Failure::new(format!(
                "{file}: the label of input {input} is {label}, but the network has {classes} classes, from 0"
            )))
        }
        None => Ok(()),
    }
}

fn answers(output: &Output, wanted: Wanted) -> Answers {
    match wanted {
        Wanted::Classes => Answers::Classes(output.classes()),
        Wanted::Scores => Answers::Scores(output.to_activations()),
        Wanted::Softmax => {
            let mut scores = output.to_activations();
            (0..scores.inputs()).for_each(|input| classes::softmax(scores.column_mut(input)));
            Answers::Scores(scores)
        }
    }
}
