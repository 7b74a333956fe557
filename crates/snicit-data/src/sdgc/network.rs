use std::path::Path;

use snicit::{Activation, Bias, Connection, Layer, Network, SparseWeights};

use super::{count_layer_files, layer_file};
use crate::error::LineProblem;
use crate::text::{NumberCache, Source, Triple, for_each_line, push_decimal, push_scientific};
use crate::{DataError, Progress, atomic_file, parallel};

const FIELDS: &str = "3 fields (input neuron, output neuron, weight)";

/// Reads the first `layers` layers of the network in `folder`, `neurons` neurons each.
///
/// Every neuron gets `bias` and the activation [`Activation::SDGC`]. Layers may have any number of
/// connections, in any order. They are read in parallel; `layer_done` counts them.
///
/// # Errors
/// A missing layer is noticed before anything is read; otherwise the lowest layer that is damaged, with
/// its first bad line (duplicate connections are looked for after everything else).
pub fn read_network(
    folder: &Path,
    neurons: usize,
    layers: usize,
    bias: f32,
    layer_done: Progress<'_>,
) -> Result<Network, DataError> {
    let width = index_limit("the number of neurons", neurons)?;
    check_layers(layers)?;
    check_all_present(folder, neurons, layers)?;
    let read = |i| {
        let weights = read_layer(&layer_file(folder, neurons, i + 1), width)?;
        Ok(Layer::new(weights, Bias::Uniform(bias), Activation::SDGC)?)
    };
    Ok(Network::new(parallel::try_map(layers, layer_done, read)?)?)
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
    let write = |i: usize| {
        let file = folder.join(format!("n{neurons}-l{}.tsv", i + 1));
        write_layer(&file, network.layers()[i].weights())
    };
    parallel::try_map(network.layers().len(), layer_done, write).map(drop)
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

fn read_layer(file: &Path, neurons: u32) -> Result<SparseWeights, DataError> {
    let names = ["input neuron", "output neuron", "weight"];
    let format = Triple { fields: FIELDS, names, max: [neurons; 2] };
    let mut weights = NumberCache::default();
    let mut connections: Vec<Connection> = Vec::new();
    let mut ascending = true;
    let mut last = None;
    let mut source = Source::open(file)?;
    for_each_line(&mut source, FIELDS, |_, text| {
        let parsed = format.parse(text).and_then(|(input, output, weight)| {
            Some(Connection { input: input - 1, output: output - 1, weight: weights.parse(weight)? })
        });
        let connection = parsed.ok_or_else(|| format.explain(text))?;
        let place = Some((connection.output, connection.input));
        ascending &= last < place;
        last = place;
        connections.push(connection);
        Ok(())
    })?;
    if connections.is_empty() {
        return Err(DataError::Empty { file: file.to_owned(), expected: FIELDS });
    }
    if !ascending && let Some(second) = first_repetition(&connections) {
        let Connection { input, output, .. } = connections[second];
        let problem = LineProblem::DuplicateConnection { input: input + 1, output: output + 1 };
        return Err(DataError::line(file, second as u64 + 1, problem));
    }
    let neurons = neurons as usize;
    Ok(SparseWeights::from_connections(neurons, neurons, connections).map_err(snicit::Error::from)?)
}

/// The lowest index of a connection between two neurons that an earlier one connects already.
fn first_repetition(connections: &[Connection]) -> Option<usize> {
    let mut places: Vec<(u32, u32, usize)> =
        connections.iter().enumerate().map(|(i, c)| (c.output, c.input, i)).collect();
    places.sort_unstable();
    let same = |pair: &&[(u32, u32, usize)]| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1);
    places.windows(2).filter(same).map(|pair| pair[1].2).min()
}

fn write_layer(file: &Path, weights: &SparseWeights) -> Result<(), DataError> {
    atomic_file::write(file, |writer| {
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
    })
}
