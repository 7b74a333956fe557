use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use snicit_data::DataError;
use snicit_data::fetch::{self, Fetched, Fetcher, MNIST_FILES, Received};
use snicit_data::sdgc;

use crate::exit::Failure;
use crate::network_args::DataArgs;
use crate::progress::Bar;
use crate::{source, stdout};

/// Fetch the official files of the Graph Challenge, MNIST or CIFAR-10
///
/// Files are unpacked and checked while they come in. If a fetch is interrupted, the same command goes on
/// where it ended; only what is complete and right gets its name.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  snicit data fetch sdgc 1024
  snicit data fetch sdgc 65536 --what images --what truth
  snicit data fetch mnist
  snicit data fetch cifar10";

#[derive(Debug, Subcommand)]
enum Command {
    Sdgc(SdgcArgs),
    Mnist(MnistArgs),
    Cifar10(Cifar10Args),
}

/// Networks, inputs and categories of the Graph Challenge
///
/// Unpacked, the networks take 1.3, 5.5, 23 and 92 GB, the inputs 0.08, 0.3, 1.4 and 5.5 GB.
#[derive(Debug, clap::Args)]
#[command(after_help = SDGC_HELP)]
struct SdgcArgs {
    /// Neurons a layer: 1024, 4096, 16384 or 65536
    #[arg(value_name = "N", value_parser = width)]
    neurons: usize,

    /// What to fetch [default: all three]
    #[arg(long, value_enum, value_delimiter = ',')]
    what: Vec<What>,

    #[command(flatten)]
    place: PlaceArgs,

    /// Address of a place that has the folders dnn and mnist of the challenge
    #[arg(long, value_name = "URL", default_value = fetch::SDGC)]
    mirror: String,
}

const SDGC_HELP: &str = "\
Examples:
  snicit data fetch sdgc 1024
  snicit data fetch sdgc 4096 --what networks --mirror http://fileserver/sdgc";

/// The four files of MNIST, into the folder mnist
#[derive(Debug, clap::Args)]
#[command(after_help = MNIST_HELP)]
struct MnistArgs {
    #[command(flatten)]
    place: PlaceArgs,

    /// Address of a place that has train-images-idx3-ubyte.gz and the others
    #[arg(long, value_name = "URL", default_value = fetch::MNIST)]
    mirror: String,
}

const MNIST_HELP: &str = "\
Example:
  snicit data fetch mnist";

/// CIFAR-10 in its binary version, into the folder cifar-10-batches-bin
#[derive(Debug, clap::Args)]
#[command(after_help = CIFAR10_HELP)]
struct Cifar10Args {
    #[command(flatten)]
    place: PlaceArgs,

    /// Address of a place that has cifar-10-binary.tar.gz
    #[arg(long, value_name = "URL", default_value = fetch::CIFAR10)]
    mirror: String,
}

const CIFAR10_HELP: &str = "\
Example:
  snicit data fetch cifar10";

#[derive(Debug, clap::Args)]
struct PlaceArgs {
    #[command(flatten)]
    data: DataArgs,

    /// Replace what is there already
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The layers, 1920 of them
    Networks,
    /// The 60,000 inputs
    Images,
    /// The categories after 120, 480 and 1920 layers
    Truth,
}

fn width(text: &str) -> Result<usize, String> {
    let official = text.parse().ok().filter(|width| sdgc::WIDTHS.contains(width));
    official.ok_or_else(|| "expected 1024, 4096, 16384 or 65536".to_owned())
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Sdgc(args) => sdgc(args),
        Command::Mnist(args) => mnist(args),
        Command::Cifar10(args) => {
            let folder = root(&args.place)?;
            let fetcher = Fetcher::new(&folder, &args.mirror).replacing(args.place.force);
            let name = "cifar-10-batches-bin";
            get(name, &folder.join(name), |received| fetcher.cifar10(received))
        }
    }
}

fn sdgc(args: &SdgcArgs) -> Result<(), Failure> {
    let folder = source::data_folder(&args.place.data)?;
    let fetcher = Fetcher::new(folder.root(), &args.mirror).replacing(args.place.force);
    let neurons = args.neurons;
    let wanted = |what| args.what.is_empty() || args.what.contains(&what);
    // What is small comes first, so that an unknown mirror shows at once.
    if wanted(What::Truth) {
        for layers in sdgc::DEPTHS {
            let what = format!("the truth after {layers} layers");
            let file = folder.categories(neurons, layers);
            get(&what, &file, |received| fetcher.sdgc_truth(neurons, layers, received))?;
        }
    }
    if wanted(What::Images) {
        let file = folder.root().join(format!("sparse-images-{neurons}.tsv"));
        get("the inputs", &file, |received| fetcher.sdgc_images(neurons, received))?;
    }
    if wanted(What::Networks) {
        let place = folder.network_folder(neurons);
        get("the network", &place, |received| fetcher.sdgc_network(neurons, received))?;
    }
    Ok(())
}

fn mnist(args: &MnistArgs) -> Result<(), Failure> {
    let folder = root(&args.place)?.join("mnist");
    let fetcher = Fetcher::new(&folder, &args.mirror).replacing(args.place.force);
    for file in &MNIST_FILES {
        get(file.name, &folder.join(file.name), |received| fetcher.mnist(file, received))?;
    }
    Ok(())
}

fn root(place: &PlaceArgs) -> Result<PathBuf, Failure> {
    Ok(source::data_folder(&place.data)?.root().to_owned())
}

fn get(
    what: &str,
    destination: &Path,
    fetch: impl FnOnce(Received<'_>) -> Result<Fetched, DataError>,
) -> Result<(), Failure> {
    let fetched = {
        let bar = Bar::bytes(format!("fetching {what}"));
        fetch(&|received, total| bar.set(received, total))?
    };
    let destination = destination.display();
    stdout::print(&match fetched {
        Fetched::New => format!("fetched {what} to {destination}\n"),
        Fetched::AlreadyThere => {
            format!("{destination} is there already; --force fetches it again\n")
        }
    })
}
