use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use snicit::{Layer, Network, SparseWeights};

use super::{archive, layer_lines};
use super::{count_layer_files, layer_file};
use crate::text::{push_decimal, push_scientific, write_file};
use crate::{DataError, Progress, atomic_file, parallel};

/// Reads the first `layers` layers of a network, `neurons` neurons each.
///
/// `source` is the folder of the layer files, or a tar archive of it, plain or gzip, as the official
/// `neuron1024.tar.gz`. Every neuron gets `bias` and the activation [`Activation::SDGC`]. Layers may have
/// any number of connections, in any order. All threads are used, and beside the network only a few
/// megabytes of text are in memory at a time; `layer_done` counts the layers.
///
/// # Errors
/// A missing layer is noticed before anything is read (in an archive, at its end); otherwise the lowest
/// layer that is damaged (in an archive, the first), with its first bad line (duplicate connections are
/// looked for after everything else).
///
/// [`Activation::SDGC`]: snicit::Activation::SDGC
pub fn read_network(
    source: &Path,
    neurons: usize,
    layers: usize,
    bias: f32,
    layer_done: Progress<'_>,
) -> Result<Network, DataError> {
    let width = index_limit("the number of neurons", neurons)?;
    check_layers(layers)?;
    if source.is_file() {
        return archive::read(source, width, layers, bias, layer_done);
    }
    check_all_present(source, neurons, layers)?;
    let file = |i: usize| layer_file(source, neurons, i + 1);
    // A thread a file is fastest, as long as there are enough files.
    if layers >= 2 * rayon::current_num_threads() {
        let read = |i| layer_lines::read_layer(&file(i), width, bias);
        return Ok(Network::new(parallel::try_map(layers, layer_done, read)?)?);
    }
    let read = |i| {
        let layer = layer_lines::read_layer_in_parallel(&file(i), width, bias)?;
        layer_done(1);
        Ok(layer)
    };
    Ok(Network::new((0..layers).map(read).collect::<Result<Vec<_>, DataError>>()?)?)
}

/// Reads one layer, with bias 0.
pub(crate) fn read_layer(file: &Path, neurons: usize) -> Result<Layer, DataError> {
    layer_lines::read_layer(file, index_limit("the number of neurons", neurons)?, 0.0)
}

/// Writes every layer of `network` into `folder` as the official files are written, byte for byte.
///
/// Only weights are stored, neither bias nor activation. The folder is created if need be.
///
/// # Errors
/// If the layers are not all square and of one width, a layer has no connection (its file would be
/// empty), or a file cannot be written.
pub fn write_network(
    folder: &Path,
    network: &Network,
    layer_done: Progress<'_>,
) -> Result<(), DataError> {
    let neurons = network.inputs();
    check_writable(network)?;
    let write = |i: usize| {
        let file = folder.join(format!("n{neurons}-l{}.tsv", i + 1));
        write_layer(&file, network.layers()[i].weights())
    };
    parallel::try_map(network.layers().len(), layer_done, write).map(drop)
}

/// Writes every layer of `network` into a tar archive as [`write_network`] writes them into a folder, under
/// the official names, `neuron1024/n1024-l1.tsv` …; gzip if the name ends in `.gz` or `.tgz`.
///
/// # Errors
/// As [`write_network`].
pub fn write_archive(file: &Path, network: &Network, layer_done: Progress<'_>) -> Result<(), DataError> {
    check_writable(network)?;
    let neurons = network.inputs();
    let append = |writer: &mut dyn Write| {
        let mut archive = tar::Builder::new(writer);
        for (i, layer) in network.layers().iter().enumerate() {
            let mut text = Vec::new();
            put_layer(&mut text, layer.weights())?;
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            let path = format!("neuron{neurons}/n{neurons}-l{}.tsv", i + 1);
            archive.append_data(&mut header, path, text.as_slice())?;
            layer_done(1);
        }
        archive.finish()
    };
    if file.extension() == Some(OsStr::new("tgz")) {
        return atomic_file::write(file, |writer| {
            let mut gzip = GzEncoder::new(writer, Compression::default());
            append(&mut gzip)?;
            gzip.finish().map(drop)
        });
    }
    write_file(file, append)
}

/// Fails if the layers are not all square and of one width, or a layer has no connection.
fn check_writable(network: &Network) -> Result<(), DataError> {
    let neurons = network.inputs();
    for (i, layer) in network.layers().iter().enumerate() {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let refuse = |found, expected| DataError::LayerNotWritable { layer: i + 1, found, expected };
        if (inputs, outputs) != (neurons, neurons) {
            let found = format!("{inputs} inputs and {outputs} outputs");
            return Err(refuse(found, format!("{neurons} of both")));
        }
        if layer.weights().connections() == 0 {
            return Err(refuse("no connections".to_owned(), "at least 1".to_owned()));
        }
    }
    Ok(())
}

/// Indices are stored as `u32`.
pub(super) fn index_limit(what: &'static str, value: usize) -> Result<u32, DataError> {
    u32::try_from(value).ok().filter(|&value| value >= 1).ok_or_else(|| DataError::InvalidRequest {
        what,
        found: value.to_string(),
        expected: format!("1 to {}", u32::MAX),
    })
}

pub(crate) fn check_layers(layers: usize) -> Result<(), DataError> {
    let refuse = || DataError::InvalidRequest {
        what: "the number of layers",
        found: "0".to_owned(),
        expected: "at least 1".to_owned(),
    };
    if layers == 0 { Err(refuse()) } else { Ok(()) }
}

fn check_all_present(folder: &Path, neurons: usize, layers: usize) -> Result<(), DataError> {
    let highest = count_layer_files(folder, neurons)?;
    let mut first_missing = None;
    let mut present = 0;
    for layer in 1..=layers.min(highest + 1) {
        let file = layer_file(folder, neurons, layer);
        if file.exists() {
            present += 1;
        } else if first_missing.is_none() {
            first_missing = Some((layer, file));
        }
    }
    match first_missing {
        Some((layer, file)) => Err(DataError::LayerMissing { file, layer, layers, present, highest }),
        None => Ok(()),
    }
}

fn write_layer(file: &Path, weights: &SparseWeights) -> Result<(), DataError> {
    atomic_file::write(file, |writer| put_layer(writer, weights))
}

fn put_layer(writer: &mut dyn Write, weights: &SparseWeights) -> io::Result<()> {
    let mut line = Vec::new();
    // Almost always the weight before; formatting a float takes longer than all else.
    let mut weight_text = Vec::new();
    let mut weight_bits = None;
    for connection in weights.iter() {
        line.clear();
        push_decimal(&mut line, u64::from(connection.input) + 1);
        line.push(b'\t');
        push_decimal(&mut line, u64::from(connection.output) + 1);
        line.push(b'\t');
        if weight_bits != Some(connection.weight.to_bits()) {
            weight_bits = Some(connection.weight.to_bits());
            weight_text.clear();
            push_scientific(&mut weight_text, connection.weight);
            weight_text.push(b'\n');
        }
        line.extend_from_slice(&weight_text);
        writer.write_all(&line)?;
    }
    Ok(())
}
