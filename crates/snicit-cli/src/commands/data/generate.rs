use std::fs;
use std::path::{Path, PathBuf};

use snicit::Network;
use snicit_data::{radixnet, sdgc};

use crate::exit::Failure;
use crate::network_args::DataArgs;
use crate::progress::Bar;
use crate::units::{count, counted};
use crate::{args, destination, memory, source, stdout};

/// Make a network and write its layer files
///
/// A RadiX-Net as the Graph Challenge's, with 32 connections a neuron. The first log2(N/16) layers are
/// the official ones; the permutations behind them depend on the seed.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Neurons a layer (N): 16 times a power of two, at least 32
    #[arg(short, long, value_name = "N", default_value = "1024", value_parser = args::count)]
    neurons: usize,

    /// Layers (l)
    #[arg(short, long, value_name = "L", default_value = "120", value_parser = args::count)]
    layers: usize,

    /// Seed of the permutations
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,

    #[command(flatten)]
    data: DataArgs,

    /// The folder to write the layer files to, instead of --data's
    #[arg(short, long, value_name = "DIR", conflicts_with = "data")]
    output: Option<PathBuf>,

    /// Replace a network of the same width that is there
    #[arg(long)]
    force: bool,
}

const AFTER_HELP: &str = "\
Examples:
  snicit data generate -n 1024 -l 120            into the data folder
  snicit data generate -n 4096 -l 480 -o net     n4096-l1.tsv … in the folder net";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (neurons, layers) = (args.neurons, args.layers);
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => source::data_folder(&args.data)?.network_folder(neurons),
    };
    let present = layers_present(&folder, neurons)?;
    if present > 0 && !args.force {
        return Err(Failure::new(format!(
            "{} holds a network of {neurons} neurons a layer already; --force replaces it",
            folder.display()
        )));
    }
    destination::make_folder(&folder)?;
    let network = generate(args)?;
    // No layer of the old network may stay: it would be read as a part of the new one.
    for layer in 1..=present {
        remove_layer(&folder, neurons, layer)?;
    }
    {
        let bar = Bar::new("writing the network", layers as u64);
        sdgc::write_network(&folder, &network, &|layers| bar.advance(layers))?;
    }
    if args.output.is_none() {
        super::warn_of_old_truth(&source::data_folder(&args.data)?, neurons)?;
    }
    stdout::print(&format!(
        "wrote {} of {} neurons, {} connections, to {}\n",
        counted(layers as u64, "layer"),
        count(neurons as u64),
        count(network.connections()),
        folder.display()
    ))
}

fn generate(args: &Args) -> Result<Network, Failure> {
    const BYTES_PER_CONNECTION: u128 = 8;
    let neurons = args.neurons as u128 * args.layers as u128;
    memory::check(
        neurons * sdgc::CONNECTIONS_PER_NEURON as u128 * BYTES_PER_CONNECTION,
        "so many connections",
    )?;
    // Layer files hold no bias, so for another width any will do.
    let bias = sdgc::bias(args.neurons).unwrap_or(0.0);
    let bar = Bar::new("generating the network", args.layers as u64);
    Ok(radixnet::generate(args.neurons, args.layers, bias, args.seed, &|layers| bar.advance(layers))?)
}

fn layers_present(folder: &Path, neurons: usize) -> Result<usize, Failure> {
    if folder.is_dir() { Ok(sdgc::count_layer_files(folder, neurons)?) } else { Ok(0) }
}

/// Removes the file of a layer, compressed or not.
fn remove_layer(folder: &Path, neurons: usize, layer: usize) -> Result<(), Failure> {
    loop {
        let file = sdgc::layer_file(folder, neurons, layer);
        if !file.is_file() {
            return Ok(());
        }
        fs::remove_file(&file)
            .map_err(|error| Failure::new(format!("cannot remove {}: {error}", file.display())))?;
    }
}
