use std::path::PathBuf;

use snicit::Inputs;
use snicit_data::mnist;

use super::InputsDestination;
use crate::args;
use crate::exit::Failure;
use crate::progress::Bar;

/// Make the Graph Challenge's inputs from MNIST
///
/// Interpolates the images to √N × √N pixels and turns them into ones and zeros, as the challenge did.
/// Its 60,000 inputs come from MNIST's training images.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Features of an input (N): a square number
    #[arg(short, long, value_name = "N", default_value = "1024", value_parser = args::count)]
    neurons: usize,

    /// The file train-images-idx3-ubyte, also with .gz
    #[arg(long, value_name = "FILE")]
    mnist: PathBuf,

    #[command(flatten)]
    destination: InputsDestination,
}

const AFTER_HELP: &str = "\
Examples:
  snicit data images -n 1024 --mnist train-images-idx3-ubyte.gz
  snicit data images -n 4096 --mnist train-images-idx3-ubyte.gz -o images-4096.tsv.gz";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let side = super::side(args.neurons)?;
    let file = args.destination.prepare(args.neurons)?;
    let inputs: Inputs = {
        let _bar = Bar::unmeasured("interpolating the images");
        let images = mnist::read_images(&args.mnist)?;
        mnist::sdgc_inputs(&images, side)?.into()
    };
    super::write(&args.destination, &file, &inputs)
}
