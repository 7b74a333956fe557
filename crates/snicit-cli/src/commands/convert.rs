use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use snicit::Activation;
use snicit_data::convert::{Content, Converted, Format, Kind, Options, convert};
use snicit_data::sdgc;

use crate::exit::{Failure, Verdict};
use crate::progress::Bar;
use crate::stderr;
use crate::units::{count, counted};
use crate::{args, destination, stdout};

/// Turn networks and inputs into another file format, without loss
///
/// Networks: folders or tar archives of the Graph Challenge's layer files (tsv), Matrix Market (mtx) and scipy
/// matrices (scipy), one or a folder of them, safetensors. Inputs and other arrays: the Graph Challenge's (tsv),
/// npy, npz, idx, csv. All may be gzip where they are text. Matrices of weights are outputs × inputs.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The file or folder to read
    #[arg(value_name = "SOURCE")]
    from: PathBuf,

    /// The file or folder to write
    #[arg(value_name = "TARGET")]
    to: PathBuf,

    /// What the source is: tsv, mtx, scipy, safetensors, npy, npz, idx or csv [default: by its name or content]
    #[arg(long = "from", value_name = "FORMAT", value_parser = format)]
    from_format: Option<Format>,

    /// What to write [default: by the target's name; a folder of layers needs tsv, mtx or scipy]
    #[arg(long = "to", value_name = "FORMAT", value_parser = format)]
    to_format: Option<Format>,

    /// Neurons a layer of layer files, or features of the Graph Challenge's inputs [default: by the names]
    #[arg(short, long, value_name = "N", value_parser = args::count)]
    neurons: Option<usize>,

    /// Bias of every neuron, where files hold none (layer files, single matrices) [default: that of the Graph
    /// Challenge for layer files of its widths]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    bias: Option<f32>,

    /// Activation of every layer, where files hold none: identity, relu or relu:MAX [default: relu:32 for layer
    /// files]
    #[arg(long, value_name = "NAME", value_parser = activation)]
    activation: Option<Activation>,

    /// Number of inputs in a tsv file, where the last ones have no feature [default: the last one listed]
    #[arg(long, value_name = "COUNT", value_parser = args::inputs)]
    input_count: Option<usize>,

    /// The array in an npz file [default: the only one, or inputs]
    #[arg(long, value_name = "NAME")]
    member: Option<String>,

    /// Round numbers that are no float32; a note says how many
    #[arg(long)]
    allow_rounding: bool,

    /// Write over what is there
    #[arg(long)]
    force: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  snicit convert neuron1024 net.safetensors            layer files, with the Graph Challenge's bias
  snicit convert net.safetensors net --to mtx          a folder of layer-1.mtx …, and network.toml
  snicit convert w.mtx w.safetensors --bias 0 --activation relu
  snicit convert sparse-images-1024.tsv.gz images.npy
  snicit convert train-images-idx3-ubyte.gz images.npz";

/// What `--json` prints; a change of meaning needs another `schema`.
#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    target: String,
    format: String,
    kind: &'static str,
    layers: Option<usize>,
    connections: Option<u64>,
    shape: Option<&'a [usize]>,
    dtype: Option<&'static str>,
    notes: &'a [String],
}

fn format(name: &str) -> Result<Format, String> {
    name.parse().map_err(|error: snicit_data::DataError| error.to_string())
}

fn activation(name: &str) -> Result<Activation, String> {
    name.parse().map_err(|error: snicit::Error| error.to_string())
}

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let (from, to) = (&args.from, &args.to);
    let (kind, from_format) = match args.from_format {
        Some(format) => (format.kind_in(from), format),
        None => Format::of_source(from)?,
    };
    let to_format = args.to_format.or_else(|| Format::of_target(to, kind)).ok_or_else(|| {
        let formats = match kind {
            Kind::Network => "a network: tsv, mtx, scipy or safetensors",
            Kind::Inputs => "inputs: tsv, npy, npz, idx or csv",
        };
        Failure::new(format!(
            "--to is needed, as {} does not tell the format of {formats}",
            to.display()
        ))
    })?;
    prepare(to, to_format, args.force)?;
    let options = Options {
        width: args.neurons,
        bias: args.bias,
        activation: args.activation,
        inputs: args.input_count,
        member: args.member.clone(),
        allow_rounding: args.allow_rounding,
    };
    let converted = {
        let _bar = Bar::unmeasured("converting");
        convert((from, kind, from_format), (to, to_format), &options, &|_| ())?
    };
    if let Content::Network { layers, .. } = converted.content
        && to_format == Format::Tsv
        && to.is_dir()
    {
        remove_further_layers(to, layers)?;
    }
    for note in &converted.notes {
        stderr::note(note);
    }
    report(args, to_format, &converted)?;
    Ok(Verdict::Done)
}

/// Sees to it that the target may and can be written.
fn prepare(to: &Path, format: Format, force: bool) -> Result<(), Failure> {
    if !to.is_dir() {
        destination::refuse_existing(to, force)?;
        // A folder's name says nothing of files.
        if matches!(format, Format::Tsv | Format::MatrixMarket | Format::Scipy) {
            return Ok(());
        }
        return destination::check_file(to);
    }
    let mut entries = fs::read_dir(to)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", to.display())))?;
    if entries.next().is_some() && !force {
        let to = to.display();
        return Err(Failure::new(format!("{to} is not empty; --force writes over files in it")));
    }
    Ok(())
}

/// Removes layers of an older, deeper network, which would be read as part of the new one.
fn remove_further_layers(folder: &Path, layers: usize) -> Result<(), Failure> {
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let widths = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| {
        let name = name(&entry.path());
        name.strip_prefix('n')?.split_once("-l1.tsv")?.0.parse::<usize>().ok()
    });
    for width in widths.collect::<Vec<_>>() {
        for layer in layers + 1..=sdgc::count_layer_files(folder, width)? {
            let file = sdgc::layer_file(folder, width, layer);
            if file.is_file() {
                fs::remove_file(&file).map_err(|error| {
                    Failure::new(format!("cannot remove {}: {error}", file.display()))
                })?;
            }
        }
    }
    Ok(())
}

fn report(args: &Args, format: Format, converted: &Converted) -> Result<(), Failure> {
    let target = args.to.display().to_string();
    let (layers, connections, shape, dtype) = match &converted.content {
        Content::Network { layers, connections } => (Some(*layers), Some(*connections), None, None),
        Content::Inputs { shape, type_name } => (None, None, Some(&shape[..]), Some(*type_name)),
        _ => (None, None, None, None),
    };
    if args.json {
        return stdout::print_json(&Report {
            schema: 1,
            target,
            format: format.to_string(),
            kind: if layers.is_some() { "network" } else { "inputs" },
            layers,
            connections,
            shape,
            dtype,
            notes: &converted.notes,
        });
    }
    let what = match (layers, shape) {
        (Some(layers), _) => format!(
            "a network of {}, {}",
            counted(layers as u64, "layer"),
            counted(connections.unwrap_or(0), "connection")
        ),
        (None, shape) => {
            let sizes = shape.unwrap_or_default().iter().map(|size| count(*size as u64));
            format!("{} of {}", sizes.collect::<Vec<_>>().join(" × "), dtype.unwrap_or_default())
        }
    };
    stdout::print(&format!("wrote {what} to {target} ({format})\n"))
}
