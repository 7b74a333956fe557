//! Networks in the text files of SNICIT's artifact: `l1-dense.tsv`, `l2-sparse.tsv`, …, and biases in files
//! of the same names in another folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use snicit::{Activation, Bias, Connection, Layer, Network, SparseWeights};

use super::ModelProblem;
use super::safetensors::from_dense_rows;
use crate::error::LineProblem;
use crate::text::{Source, for_each_line, parse_index, parse_number};
use crate::{DataError, parallel};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dense,
    Sparse,
}

/// Reads a network from its folders of weights and biases.
///
/// | file | a line |
/// | --- | --- |
/// | `l{k}-dense.tsv` | a weight; those of the first input come first, each input's by output |
/// | `l{k}-sparse.tsv` | input neuron, output neuron (both from 0), weight; tab-separated, in any order |
/// | the same names, biases | the bias of an output neuron |
///
/// A layer has as many outputs as biases. A sparse first layer has as many inputs as outputs. All layers get
/// `activation`, but the last none.
///
/// # Errors
/// If a layer or its biases are missing, a line is malformed, or numbers of neurons do not fit.
pub fn read_artifact(
    weights: &Path,
    biases: &Path,
    activation: Activation,
) -> Result<Network, DataError> {
    let files = layer_files(weights)?;
    let layers = files.len();
    let read_biases = |i: usize| read_numbers(&biases.join(file_name(&files[i].1)), "bias");
    let biases = parallel::try_map(layers, &|_| (), read_biases)?;
    let layers = parallel::try_map(layers, &|_| (), |i| {
        let (kind, file) = &files[i];
        let outputs = biases[i].len();
        let locate = |problem| DataError::ModelFile { file: file.clone(), problem };
        let weights = match kind {
            Kind::Dense => dense(file, outputs)?,
            Kind::Sparse => {
                sparse(file, biases.get(i.wrapping_sub(1)).map_or(outputs, Vec::len), outputs)?
            }
        };
        let activation = if i + 1 == layers { Activation::Identity } else { activation };
        Layer::new(weights, Bias::PerNeuron(biases[i].clone()), activation)
            .map_err(|problem| locate(ModelProblem::layer(i + 1, problem)))
    })?;
    Network::new(layers)
        .map_err(|problem| DataError::ModelFile { file: weights.to_owned(), problem: problem.into() })
}

fn file_name(file: &Path) -> &Path {
    file.file_name().map_or(file, Path::new)
}

/// The kind and file of each layer.
fn layer_files(folder: &Path) -> Result<Vec<(Kind, PathBuf)>, DataError> {
    let unreadable = |reason| DataError::read(folder, reason);
    let refuse = |problem| DataError::ModelFile { file: folder.to_owned(), problem };
    let mut files: BTreeMap<usize, (Kind, PathBuf)> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some((layer, kind)) = path.file_name().and_then(|name| layer_of(name.to_str()?)) else {
            continue;
        };
        if files.insert(layer, (kind, path)).is_some() {
            let what = format!("layer {layer}");
            return Err(refuse(ModelProblem::unexpected(
                what,
                "dense as well as sparse",
                "one of both",
            )));
        }
    }
    let highest = files.keys().next_back().copied().unwrap_or(1);
    match (1..=highest).find(|layer| !files.contains_key(layer)) {
        Some(layer) => {
            let what = format!("l{layer}-dense.tsv or l{layer}-sparse.tsv, layer {layer} of {highest},");
            Err(refuse(ModelProblem::missing(what)))
        }
        None => Ok(files.into_values().collect()),
    }
}

/// Whether a folder holds such a network.
pub fn is_artifact(folder: &Path) -> bool {
    ["l1-dense.tsv", "l1-sparse.tsv"].iter().any(|name| folder.join(name).is_file())
}

/// The layer and kind in `l2-sparse.tsv`. Files like `l1-dense-nontrans.tsv` are none.
fn layer_of(name: &str) -> Option<(usize, Kind)> {
    let (number, kind) = name.strip_prefix('l')?.split_once('-')?;
    let kind = match kind {
        "dense.tsv" => Kind::Dense,
        "sparse.tsv" => Kind::Sparse,
        _ => return None,
    };
    let layer: usize = number.parse().ok().filter(|&layer| layer >= 1)?;
    (layer.to_string() == number).then_some((layer, kind))
}

/// A number a line; at least one.
fn read_numbers(file: &Path, name: &'static str) -> Result<Vec<f32>, DataError> {
    const LINE: &str = "1 field (number)";
    let mut values = Vec::new();
    for_each_line(&mut Source::open(file)?, LINE, |text| {
        values.push(parse_number(name, text)?);
        Ok(())
    })?;
    if values.is_empty() {
        return Err(DataError::Empty { file: file.to_owned(), expected: LINE });
    }
    Ok(values)
}

fn dense(file: &Path, outputs: usize) -> Result<SparseWeights, DataError> {
    let refuse = |problem| DataError::ModelFile { file: file.to_owned(), problem };
    let by_input = read_numbers(file, "weight")?;
    if !by_input.len().is_multiple_of(outputs) {
        let expected = format!("a multiple of {outputs}, the number of biases");
        let found = by_input.len().to_string();
        return Err(refuse(ModelProblem::unexpected("the number of weights", found, expected)));
    }
    let inputs = by_input.len() / outputs;
    let by_output: Vec<f32> =
        (0..outputs).flat_map(|j| by_input.iter().skip(j).step_by(outputs)).copied().collect();
    from_dense_rows(inputs, &by_output).map_err(|problem| refuse(problem.into()))
}

fn sparse(file: &Path, inputs: usize, outputs: usize) -> Result<SparseWeights, DataError> {
    const LINE: &str = "3 fields (input neuron, output neuron, weight)";
    let mut connections = Vec::new();
    for_each_line(&mut Source::open(file)?, LINE, |text| {
        let fields: Vec<&[u8]> = text.split(|&byte| byte == b'\t').collect();
        let &[input, output, weight] = fields.as_slice() else {
            return Err(LineProblem::FieldCount { found: fields.len(), expected: LINE });
        };
        connections.push(Connection {
            input: parse_index("input neuron", input, inputs)?,
            output: parse_index("output neuron", output, outputs)?,
            weight: parse_number("weight", weight)?,
        });
        Ok(())
    })?;
    SparseWeights::from_connections(inputs, outputs, connections).map_err(|problem| {
        let problem = ModelProblem::Refused(problem.into());
        DataError::ModelFile { file: file.to_owned(), problem }
    })
}
