//! Networks of matrix files that a TOML file describes; `docs/model-format.md` shows one.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use snicit::{Activation, Bias, Connection, Layer, Network, SparseWeights};

use super::safetensors::from_dense_rows;
use super::{Model, ModelProblem};
use crate::arrays::read_npy;
use crate::matrices::{read_matrix_market, read_scipy};
use crate::{DataError, Rounded, parallel};

/// The TOML file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: Option<String>,
    layers: Vec<LayerDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerDescription {
    /// A file, seen from the folder of the TOML file.
    weight: PathBuf,
    /// Whether that matrix is inputs × outputs.
    #[serde(default)]
    transposed: bool,
    bias: Option<BiasDescription>,
    activation: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BiasDescription {
    Uniform(f32),
    File(PathBuf),
}

/// Reads a network that a TOML file describes.
///
/// # Errors
/// If the description or one of its files cannot be read, a key is unknown or missing, a matrix or bias is
/// malformed, or the layers do not fit each other.
pub fn read_description(file: &Path) -> Result<Rounded<Model>, DataError> {
    let locate = |problem| DataError::ModelFile { file: file.to_owned(), problem };
    let text = fs::read_to_string(file).map_err(|reason| DataError::read(file, reason))?;
    let Description { name, layers } = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        let reason = format!("line {line}: {}", error.message());
        locate(ModelProblem::Format { format: "description of a network", reason })
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let layers = parallel::try_map(layers.len(), &|_| (), |i| {
        let layer = &layers[i];
        let refuse = |problem: snicit::Error| locate(ModelProblem::layer(i + 1, problem));
        let activation: Activation = layer.activation.parse().map_err(refuse)?;
        let mut weights = read_weights(&folder.join(&layer.weight))?;
        if layer.transposed {
            weights = weights.try_map(|weights| transposed(&weights)).map_err(refuse)?;
        }
        let (bias, rounded_biases) = match &layer.bias {
            None => (Bias::Uniform(0.0), 0),
            Some(BiasDescription::Uniform(bias)) => (Bias::Uniform(*bias), 0),
            Some(BiasDescription::File(bias)) => {
                let array = read_npy(&folder.join(bias))?;
                array.vector_length()?;
                let values = array.to_f32()?;
                (Bias::PerNeuron(values.value), values.rounded)
            }
        };
        let rounded = weights.rounded + rounded_biases;
        let layer = Layer::new(weights.value, bias, activation).map_err(refuse)?;
        Ok(Rounded { value: layer, rounded })
    })?;
    let rounded = layers.iter().map(|layer| layer.rounded).sum();
    let network = Network::new(layers.into_iter().map(|layer| layer.value))
        .map_err(|problem| locate(problem.into()))?;
    Ok(Rounded { value: Model { network, name }, rounded })
}

/// A matrix: scipy's `.npz`, Matrix Market's `.mtx[.gz]`, or a dense `.npy`.
fn read_weights(file: &Path) -> Result<Rounded<SparseWeights>, DataError> {
    let name = file.to_string_lossy();
    let is = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if is(&[".npz"]) {
        return read_scipy(file);
    }
    if is(&[".mtx", ".mtx.gz"]) {
        return read_matrix_market(file);
    }
    if !is(&[".npy"]) {
        let expected = "one in .npz (scipy), .mtx (Matrix Market) or .npy (dense)";
        return Err(DataError::unexpected(name, "the file of weights", "of an unknown kind", expected));
    }
    let array = read_npy(file)?;
    let &[outputs, inputs] = array.shape() else {
        let found = format!("{:?}", array.shape());
        return Err(array.unexpected("the shape", found, "outputs × inputs"));
    };
    if outputs == 0 || inputs == 0 || u32::try_from(inputs).is_err() {
        let found = format!("{outputs} × {inputs}");
        let expected = format!("at least 1 output and 1 to {} inputs", u32::MAX);
        return Err(array.unexpected("the shape", found, expected));
    }
    array.to_f32()?.try_map(|rows| Ok(from_dense_rows(inputs, &rows)?))
}

fn transposed(weights: &SparseWeights) -> Result<SparseWeights, snicit::Error> {
    let swap = |c: Connection| Connection { input: c.output, output: c.input, weight: c.weight };
    let connections = weights.iter().map(swap).collect();
    Ok(SparseWeights::from_connections(weights.outputs(), weights.inputs(), connections)?)
}
