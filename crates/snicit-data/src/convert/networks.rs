use std::collections::BTreeSet;
use std::path::Path;

use snicit::{Activation, Bias, Network};

use super::format::is_archive;
use super::{Content, Converted, Format, Options, rounding};
use crate::matrices::{self, DESCRIPTION, MatrixFormat};
use crate::model::{Model, read_safetensors, write_safetensors};
use crate::{DataError, Progress, Rounded, sdgc};

pub(super) fn convert(
    (from, from_format): (&Path, Format),
    (to, to_format): (&Path, Format),
    options: &Options,
    layer_done: Progress<'_>,
) -> Result<Converted, DataError> {
    let read = read(from, from_format, options, layer_done)?;
    let mut notes: Vec<String> = rounding(from, read.rounded, options)?.into_iter().collect();
    let Model { network, name } = read.value;
    let name = name.as_deref();
    match to_format {
        Format::Safetensors => write_safetensors(to, &network, name)?,
        Format::Tsv => {
            let width = network.inputs();
            let bias = options.bias.or_else(|| sdgc::bias(width));
            check_carried(&network, bias, options.activation.or(Some(Activation::SDGC)))?;
            if is_archive(to) {
                sdgc::write_archive(to, &network, layer_done)?;
            } else {
                sdgc::write_network(to, &network, layer_done)?;
            }
            notes.extend(name.map(|name| not_held(to, &format!("the name {name:?}"))));
        }
        Format::MatrixMarket | Format::Scipy => {
            let matrix_format = match to_format {
                Format::Scipy => MatrixFormat::Scipy,
                _ => MatrixFormat::MatrixMarket,
            };
            match (MatrixFormat::of(to), network.layers()) {
                // A single matrix, named as one.
                (Some(by_name), [layer]) if by_name == matrix_format => {
                    check_carried(&network, options.bias, options.activation)?;
                    matrix_format.write(to, layer.weights())?;
                    notes.extend(name.map(|name| not_held(to, &format!("the name {name:?}"))));
                }
                (Some(by_name), layers) if by_name == matrix_format => {
                    let expected = "1, or a folder to write to";
                    let found = layers.len().to_string();
                    return Err(DataError::unexpected(
                        to.display(),
                        "the number of layers",
                        found,
                        expected,
                    ));
                }
                _ => matrices::write_network(to, &network, name, matrix_format, layer_done)?,
            }
        }
        other => return Err(no_network(to, other)),
    }
    let content =
        Content::Network { layers: network.layers().len(), connections: network.connections() };
    Ok(Converted { content, notes })
}

fn read(
    from: &Path,
    format: Format,
    options: &Options,
    layer_done: Progress<'_>,
) -> Result<Rounded<Model>, DataError> {
    let unnamed = |network| Model { network, name: None };
    match format {
        Format::Safetensors => read_safetensors(from).map(Rounded::exact),
        Format::Tsv => {
            let width = options.width.map_or_else(|| width_of(from), Ok)?;
            let bias = options.bias.or_else(|| sdgc::bias(width)).ok_or_else(|| {
                not_said(from, "the bias", format!("one, as the challenge has none for {width} neurons"))
            })?;
            if let Some(other) = options.activation.filter(|activation| *activation != Activation::SDGC)
            {
                let expected = "relu:32, that of the challenge's files".to_owned();
                let (what, found) = ("the activation", other.to_string());
                return Err(DataError::InvalidRequest { what, found, expected });
            }
            let layers = sdgc::count_layer_files(from, width)?;
            let network = sdgc::read_network(from, width, layers.max(1), bias, layer_done)?;
            Ok(Rounded::exact(unnamed(network)))
        }
        Format::MatrixMarket | Format::Scipy if from.join(DESCRIPTION).is_file() => {
            matrices::read_network(from, layer_done)
        }
        Format::MatrixMarket | Format::Scipy => {
            let expected = || format!("one, as there is no {DESCRIPTION}");
            let bias = options.bias.ok_or_else(|| not_said(from, "the bias", expected()))?;
            let activation = options.activation;
            let activation = activation.ok_or_else(|| not_said(from, "the activation", expected()))?;
            Ok(matrices::read_bare_network(from, bias, activation, layer_done)?.map(unnamed))
        }
        other => Err(no_network(from, other)),
    }
}

fn not_said(file: &Path, what: &str, expected: String) -> DataError {
    DataError::unexpected(file.display(), what, "not given", expected)
}

fn no_network(file: &Path, format: Format) -> DataError {
    let expected = "tsv, mtx, scipy or safetensors for a network";
    DataError::unexpected(file.display(), "the format", format.to_string(), expected)
}

fn not_held(to: &Path, what: &str) -> String {
    format!("{}: {what} has no place in this format", to.display())
}

/// Fails unless every layer has this bias and activation, which the files do not hold.
fn check_carried(
    network: &Network,
    bias: Option<f32>,
    activation: Option<Activation>,
) -> Result<(), DataError> {
    for (i, layer) in network.layers().iter().enumerate() {
        let refuse = |found, what: &str, given: Option<String>| {
            let given = given.map_or_else(|| "given".to_owned(), |value| value + ",");
            let expected = format!("the {what} {given} that goes with the files, which hold none");
            Err(DataError::LayerNotWritable { layer: i + 1, found, expected })
        };
        match layer.bias() {
            // Every neuron of an empty layer has any bias.
            Bias::Uniform(value) if bias.is_some_and(|bias| bias.to_bits() == value.to_bits()) => {}
            Bias::Uniform(value) => {
                return refuse(format!("the bias {value}"), "bias", bias.map(|bias| bias.to_string()));
            }
            Bias::PerNeuron(_) => {
                return refuse("a bias a neuron".to_owned(), "bias", bias.map(|bias| bias.to_string()));
            }
        }
        if activation != Some(layer.activation()) {
            let found = format!("the activation {}", layer.activation());
            return refuse(found, "activation", activation.map(|activation| activation.to_string()));
        }
    }
    Ok(())
}

/// Neurons and layer in `n1024-l7.tsv` or `n1024-l7.tsv.gz`.
pub(super) fn layer_of(file: &Path) -> Option<(usize, usize)> {
    let name = file.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".tsv")?;
    let (neurons, layer) = name.strip_prefix('n')?.split_once("-l")?;
    Some((neurons.parse().ok()?, layer.parse().ok()?))
}

/// The neurons a layer, by the names of the files, or of the archive.
fn width_of(source: &Path) -> Result<usize, DataError> {
    let mut widths = BTreeSet::new();
    if source.is_dir() {
        let unreadable = |reason| DataError::read(source, reason);
        for entry in source.read_dir().map_err(unreadable)? {
            widths.extend(layer_of(&entry.map_err(unreadable)?.path()).map(|(neurons, _)| neurons));
        }
    } else {
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default();
        widths.extend(stem.strip_prefix("neuron").and_then(|digits| digits.parse::<usize>().ok()));
    }
    match widths.iter().collect::<Vec<_>>()[..] {
        [&width] => Ok(width),
        ref widths => {
            let found =
                if widths.is_empty() { "not in the names".to_owned() } else { format!("{widths:?}") };
            let what = "the number of neurons a layer";
            Err(DataError::unexpected(source.display(), what, found, "one number, or the number given"))
        }
    }
}
