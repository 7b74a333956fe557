use snicit::Inputs;
use snicit_data::digits;

use super::InputsDestination;
use crate::exit::Failure;
use crate::progress::Bar;
use crate::{args, memory};

/// Draw digit-like inputs, for want of MNIST
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Features of an input (N): a square number
    #[arg(short, long, value_name = "N", default_value = "1024", value_parser = args::count)]
    neurons: usize,

    /// Number of inputs
    #[arg(long, value_name = "COUNT", default_value = "60000", value_parser = args::inputs)]
    inputs: usize,

    /// Seed of the drawing
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,

    #[command(flatten)]
    destination: InputsDestination,
}

const AFTER_HELP: &str = "\
Example:
  snicit data digits -n 1024 --inputs 1000 -o digits.tsv.gz";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let side = super::side(args.neurons)?;
    let file = args.destination.prepare(args.neurons)?;
    memory::check(args.inputs as u128 * args.neurons.div_ceil(8) as u128, "so many inputs")?;
    let inputs: Inputs = {
        let _bar = Bar::unmeasured("drawing the inputs");
        digits::generate(args.inputs, side, args.seed).into()
    };
    super::write(&args.destination, &file, &inputs)
}
