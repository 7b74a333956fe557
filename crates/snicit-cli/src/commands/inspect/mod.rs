mod report;
mod summary;

use snicit_data::sdgc;

use crate::exit::{Failure, Verdict};
use crate::network_args::NetworkArgs;
use crate::source::NetworkFiles;
use crate::{args, stdout};
use summary::Summary;

/// Tell what a network is like: sizes, structure, memory
///
/// Mini-blocks are sets of outputs that read the same inputs; XY-2021 computes them densely.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    network: NetworkArgs,

    /// Layers (l) [default: all there are]
    #[arg(short, long, value_name = "L", value_parser = args::count)]
    layers: Option<usize>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  snicit inspect -n 4096
  snicit inspect -n 1024 -l 30 --weights net --json";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let files = NetworkFiles::find(&args.network)?;
    let layers = args.layers.map_or_else(|| files.count(), Ok)?;
    // Layer files hold no bias; nothing but the bias line depends on it.
    let bias = args.network.bias.or_else(|| sdgc::bias(args.network.neurons));
    let network = files.read(layers, bias.unwrap_or(0.0))?.value;
    let summary = Summary::of(&network, bias);
    if args.json {
        stdout::print_json(&summary)?;
    } else {
        stdout::print(&report::text(&summary, files.folder()))?;
    }
    Ok(Verdict::Done)
}
