//! Networks and test sets as SNICIT's artifact keeps them.

use std::fs;
use std::path::{Path, PathBuf};

use snicit::{Activation, Activations, Network};

use super::{DataSet, Letter};
use crate::DataError;
use crate::model::{self, ModelProblem};
use crate::text::{Source, for_each_line, parse_number};

/// A record of CIFAR-10's binary files: a label and 3 × 32 × 32 pixels.
const CIFAR_RECORD_BYTES: usize = 1 + 3 * 32 * 32;

/// The network of `letter` below `folder`, and the folder of its weights.
pub(super) fn read_network(folder: &Path, letter: Letter) -> Result<(PathBuf, Network), DataError> {
    let all = folder.join("networks").join("tsv_weights");
    let weights = find(&all, letter)?;
    let name = weights.file_name().unwrap_or_default();
    let biases = folder.join("networks").join("tsv_biases").join(name);
    let network = model::read_artifact(&weights, &biases, Activation::Relu { max: Some(1.0) })?;
    Ok((weights, network))
}

/// The folder below `all` with the benchmark's neurons and layers in its name. C and D have the same: D is
/// the one without a dense first layer.
fn find(all: &Path, letter: Letter) -> Result<PathBuf, DataError> {
    let unreadable = |reason| DataError::read(all, reason);
    let name = format!("n{}-l{}", letter.neurons(), letter.sparse_layers());
    let wants_dense = letter.data_set() == DataSet::Mnist;
    let mut found = Vec::new();
    for entry in fs::read_dir(all).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let text = path.file_name().unwrap_or_default().to_string_lossy();
        let named =
            text.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        if named && path.is_dir() && path.join("l1-dense.tsv").exists() == wants_dense {
            found.push(path);
        }
    }
    found.sort();
    let problem = match found.as_slice() {
        [folder] => return Ok(folder.clone()),
        [] => {
            let first = if wants_dense { "with" } else { "without" };
            ModelProblem::missing(format!("network {letter}, a folder {name}-… {first} l1-dense.tsv,"))
        }
        [first, second, ..] => ModelProblem::unexpected(
            format!("network {letter}"),
            format!("{} as well as {}", first.display(), second.display()),
            "one of both",
        ),
    };
    Err(DataError::ModelFile { file: all.to_owned(), problem })
}

/// The features that enter network D, one a line, and the labels of the images they came from.
pub(super) fn read_cifar_test_set(
    folder: &Path,
    features: usize,
) -> Result<(Activations, Vec<u8>), DataError> {
    const LINE: &str = "1 field (feature)";
    let folder = folder.join("CIFAR-10");
    let file = folder.join("cifar-input.txt");
    let mut values = Vec::new();
    for_each_line(&mut Source::open(&file)?, LINE, |text| {
        values.push(parse_number("feature", text)?);
        Ok(())
    })?;
    if values.is_empty() {
        return Err(DataError::Empty { file, expected: LINE });
    }
    if !values.len().is_multiple_of(features) {
        let expected = format!("a multiple of {features}, the features of an input");
        let problem =
            ModelProblem::unexpected("the number of lines", values.len().to_string(), expected);
        return Err(DataError::ModelFile { file, problem });
    }
    let inputs = values.len() / features;
    Ok((
        Activations::new(inputs, features, values)?,
        cifar_labels(&folder.join("cifar-label.bin"), inputs)?,
    ))
}

/// The first bytes of CIFAR-10's records, or a file of nothing but these bytes.
fn cifar_labels(file: &Path, inputs: usize) -> Result<Vec<u8>, DataError> {
    let bytes = fs::read(file).map_err(|reason| DataError::read(file, reason))?;
    if bytes.len() == inputs {
        return Ok(bytes);
    }
    if bytes.len() == inputs * CIFAR_RECORD_BYTES {
        return Ok(bytes.chunks(CIFAR_RECORD_BYTES).map(|record| record[0]).collect());
    }
    let problem = ModelProblem::unexpected(
        "the length of the file",
        format!("{} bytes", bytes.len()),
        format!("{inputs} labels or {inputs} records of {CIFAR_RECORD_BYTES} bytes"),
    );
    Err(DataError::ModelFile { file: file.to_owned(), problem })
}
