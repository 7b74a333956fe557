use std::path::PathBuf;

use snicit::reference;
use snicit_data::sdgc::write_categories;

use crate::exit::Failure;
use crate::network_args::{InputArgs, NetworkArgs};
use crate::progress::Bar;
use crate::source::{self, InputFile, NetworkFiles};
use crate::units::{count, counted};
use crate::{args, destination, stdout};

/// Compute the truth of a network with the float64 reference
///
/// For networks and inputs without official categories. Simple on purpose, and slow.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkArgs,

    /// Layers (l)
    #[arg(short, long, value_name = "L", default_value = "120", value_parser = args::count)]
    layers: usize,

    #[command(flatten)]
    inputs: InputArgs,

    /// The file to write; needed with --weights [default: the data folder's neuronN-lL-categories.tsv]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

const AFTER_HELP: &str = "\
Examples:
  snicit data truth -n 1024 -l 120
  snicit data truth -l 30 --weights net --inputs digits.tsv.gz -o truth.tsv";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let files = NetworkFiles::find(&args.network)?;
    let input_file = InputFile::find(&args.network, &args.inputs)?;
    let bias = source::bias(&args.network)?;
    files.require(args.layers)?;
    input_file.require()?;
    let output = match &args.output {
        Some(file) => file.clone(),
        None if args.network.weights.is_some() => {
            return Err(Failure::new("--weights needs -o, the file to write the truth to"));
        }
        None => source::data_folder(&args.network.data)?.categories(args.network.neurons, args.layers),
    };
    destination::refuse_existing(&output, args.force)?;
    destination::check_file(&output)?;

    let network = files.read(args.layers, bias)?.value;
    let inputs = input_file.read()?.value;
    let truth = {
        let bar = Bar::new("float64 reference", inputs.len() as u64);
        reference::categories_watched(&network, &inputs, || bar.advance(1))
    };
    write_categories(&output, &truth)?;
    stdout::print(&format!(
        "wrote the truth to {}: {} of {} survive\n",
        output.display(),
        count(truth.len() as u64),
        counted(inputs.len() as u64, "input")
    ))
}
