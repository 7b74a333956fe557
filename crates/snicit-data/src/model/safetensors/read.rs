use std::fs;
use std::path::Path;

use snicit::{Activation, Network};

use super::tensors::Tensors;
use super::{FORMAT, VERSION, layer};
use crate::model::{Model, ModelProblem};
use crate::{DataError, parallel};

/// Reads a network from a safetensors file.
///
/// # Errors
/// If the file cannot be read, is not in the format of `docs/model-format.md`, or holds a network that the
/// library refuses; the message names the tensor or layer. Nothing is allocated for what a header claims
/// and the file does not hold.
pub fn read_safetensors(file: &Path) -> Result<Model, DataError> {
    let bytes = fs::read(file).map_err(|reason| DataError::read(file, reason))?;
    from_safetensors(file, &bytes)
}

/// As [`read_safetensors`], from the contents of the file; `file` is its name for messages.
///
/// # Errors
/// As [`read_safetensors`].
pub fn from_safetensors(file: &Path, bytes: &[u8]) -> Result<Model, DataError> {
    let locate = |problem| DataError::ModelFile { file: file.to_owned(), problem };
    let tensors = Tensors::parse(bytes).map_err(locate)?;
    check_format(&tensors).map_err(locate)?;
    let parts = layer::tensors_by_layer(&tensors).map_err(locate)?;
    let activations = activations(&tensors, parts.len()).map_err(locate)?;
    let parts: Vec<Vec<String>> = parts.into_values().collect();
    let layers = parallel::try_map(parts.len(), &|_| (), |i| {
        layer::read(&tensors, i + 1, &parts[i], activations[i]).map_err(locate)
    })?;
    let network = Network::new(layers).map_err(|problem| locate(problem.into()))?;
    Ok(Model { network, name: tensors.metadata("name").map(str::to_owned) })
}

fn check_format(tensors: &Tensors<'_>) -> Result<(), ModelProblem> {
    for (key, expected) in [("format", FORMAT), ("version", VERSION)] {
        match tensors.metadata(key) {
            Some(found) if found == expected => {}
            Some(found) => {
                let what = format!("the metadata's {key}");
                return Err(ModelProblem::unexpected(
                    what,
                    format!("{found:?}"),
                    format!("{expected:?}"),
                ));
            }
            None => {
                return Err(ModelProblem::missing(format!("the metadata's {key}, {expected:?},")));
            }
        }
    }
    Ok(())
}

/// One activation a layer.
fn activations(tensors: &Tensors<'_>, layers: usize) -> Result<Vec<Activation>, ModelProblem> {
    let Some(text) = tensors.metadata("activations") else {
        return Err(ModelProblem::missing("the metadata's activations, a JSON list,"));
    };
    let what = "the metadata's activations";
    let names: Vec<String> = serde_json::from_str(text).map_err(|_| {
        ModelProblem::unexpected(what, format!("{text:?}"), "a JSON list with one string a layer")
    })?;
    if names.len() != layers {
        let found = format!("a list of {}", names.len());
        return Err(ModelProblem::unexpected(what, found, format!("{layers}, one a layer")));
    }
    let parse = |(i, name): (usize, &String)| {
        name.parse().map_err(|problem: snicit::Error| ModelProblem::layer(i + 1, problem))
    };
    names.iter().enumerate().map(parse).collect()
}
