mod digits;
mod fetch;
mod generate;
mod images;
mod truth;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use snicit::Inputs;
use snicit_data::sdgc::{self, DataFolder};

use crate::exit::{Failure, Verdict};
use crate::network_args::DataArgs;
use crate::progress::Bar;
use crate::stderr;
use crate::units::{count, counted};
use crate::{destination, source, stdout};

/// Fetch or make networks, inputs and truth in the official layout
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
The official benchmark:
  snicit data fetch sdgc 1024
  snicit sdgc -n 1024 -l 120

A benchmark from nothing:
  snicit data generate -n 1024 -l 120
  snicit data digits -n 1024
  snicit data truth -n 1024 -l 120
  snicit sdgc -n 1024 -l 120

Existing files are never written over without --force.";

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Generate(generate::Args),
    Images(images::Args),
    Digits(digits::Args),
    Truth(truth::Args),
}

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    match &args.command {
        Command::Fetch(args) => fetch::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Images(args) => images::run(args),
        Command::Digits(args) => digits::run(args),
        Command::Truth(args) => truth::run(args),
    }?;
    Ok(Verdict::Done)
}

/// Where a file of inputs is written.
#[derive(Debug, clap::Args)]
struct InputsDestination {
    #[command(flatten)]
    data: DataArgs,

    /// The file to write, instead of --data's; ends in .gz to be compressed
    #[arg(short, long, value_name = "FILE", conflicts_with = "data")]
    output: Option<PathBuf>,

    /// Compress: sparse-images-N.tsv.gz instead of sparse-images-N.tsv
    #[arg(long, conflicts_with = "output")]
    gzip: bool,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl InputsDestination {
    /// The file, once it is sure that it may and can be written.
    fn prepare(&self, features: usize) -> Result<PathBuf, Failure> {
        let file = match &self.output {
            Some(file) => file.clone(),
            None => {
                let ending = if self.gzip { "tsv.gz" } else { "tsv" };
                let folder = source::data_folder(&self.data)?;
                destination::make_folder(folder.root())?;
                folder.root().join(format!("sparse-images-{features}.{ending}"))
            }
        };
        destination::refuse_existing(&file, self.force)?;
        destination::check_file(&file)?;
        Ok(file)
    }
}

/// Names the truths that were made for another network or other inputs of this width, whatever their depth.
fn warn_of_old_truth(folder: &DataFolder, neurons: usize) -> Result<(), Failure> {
    for truth in folder.all_categories(neurons)? {
        stderr::note(format_args!(
            "{} may be the truth of another network or other inputs",
            truth.display()
        ));
    }
    Ok(())
}

/// The side of the square images that have `features` pixels.
fn side(features: usize) -> Result<usize, Failure> {
    let side = features.isqrt();
    if side * side == features {
        return Ok(side);
    }
    Err(Failure::new(format!("{features} features make no square image; N must be a square number")))
}

fn write(destination: &InputsDestination, file: &Path, inputs: &Inputs) -> Result<(), Failure> {
    {
        let _bar = Bar::unmeasured("writing the inputs");
        sdgc::write_inputs(file, inputs)?;
    }
    if destination.output.is_none() {
        warn_of_old_truth(&source::data_folder(&destination.data)?, inputs.features())?;
    }
    stdout::print(&format!(
        "wrote {} of {} features to {}\n",
        counted(inputs.len() as u64, "input"),
        count(inputs.features() as u64),
        file.display()
    ))
}
