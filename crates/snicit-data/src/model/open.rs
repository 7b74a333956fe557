//! A network in whatever form it is kept.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use snicit::{Activation, Layer, Network};

use super::{Model, ModelProblem, artifact, safetensors};
use crate::matrices::{self, DESCRIPTION};
use crate::{DataError, Progress, Rounded, sdgc};

/// What files of text leave open. A form that says these things itself refuses them.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The activation: of all layers of the Graph Challenge's files, by default its own; of all but the last
    /// of the artifact's, by default `relu:1`.
    pub activation: Option<Activation>,
    /// The bias of all neurons of the Graph Challenge's files, by default its own for official widths.
    pub bias: Option<f32>,
    /// The artifact's folder of biases, by default `../../tsv_biases/NAME` seen from the weights.
    pub biases: Option<PathBuf>,
}

/// Reads a network from
///
/// - a folder of the Graph Challenge's layer files, `n1024-l1.tsv` …,
/// - a folder of SNICIT's artifact, `l1-dense.tsv` … (see [`read_artifact`](super::read_artifact)),
/// - a folder with `network.toml`, or that file (see [`matrices::read_network`]),
/// - any other file as safetensors (see [`read_safetensors`](super::read_safetensors)).
///
/// `layer_done` counts the layers of the Graph Challenge's files.
///
/// # Errors
/// If the network cannot be read, or `options` has what its form does not leave open.
pub fn open(
    path: &Path,
    options: &OpenOptions,
    layer_done: Progress<'_>,
) -> Result<Rounded<Model>, DataError> {
    let OpenOptions { activation, bias, biases } = options;
    let refuse = |form: &str, given: &[(bool, &'static str)]| {
        let Some((_, what)) = given.iter().find(|(given, _)| *given) else { return Ok(()) };
        let found = "given".to_owned();
        Err(DataError::InvalidRequest { what, found, expected: format!("none for {form}") })
    };
    let (has_activation, has_bias) =
        ((activation.is_some(), "the activation"), (bias.is_some(), "the bias"));
    let has_biases = (biases.is_some(), "the folder of biases");
    let exact = |network| Rounded { value: Model { network, name: None }, rounded: 0 };
    if path.is_dir() && artifact::is_artifact(path) {
        refuse("the artifact's files, which have biases of their own", &[has_bias])?;
        let biases = biases.clone().map_or_else(|| biases_beside(path), Ok)?;
        let activation = activation.unwrap_or(Activation::Relu { max: Some(1.0) });
        return Ok(exact(artifact::read_artifact(path, &biases, activation)?));
    }
    let description = if path.is_dir() { path.join(DESCRIPTION) } else { path.to_owned() };
    let described = description.file_name() == Some(OsStr::new(DESCRIPTION)) && description.is_file();
    if path.is_dir() && !described {
        refuse("the Graph Challenge's files", &[has_biases])?;
        return Ok(exact(layer_files(path, *activation, *bias, layer_done)?));
    }
    refuse("a file that describes the whole network", &[has_activation, has_bias, has_biases])?;
    if described {
        return matrices::read_network(description.parent().unwrap_or(Path::new("")), layer_done);
    }
    Ok(Rounded { value: safetensors::read_safetensors(path)?, rounded: 0 })
}

fn biases_beside(weights: &Path) -> Result<PathBuf, DataError> {
    let unreadable = |reason| DataError::read(weights, reason);
    // So that `.` has a name, too.
    let weights = fs::canonicalize(weights).map_err(unreadable)?;
    let name = weights.file_name().unwrap_or_default();
    let root = weights.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    Ok(root.join("tsv_biases").join(name))
}

fn layer_files(
    folder: &Path,
    activation: Option<Activation>,
    bias: Option<f32>,
    layer_done: Progress<'_>,
) -> Result<Network, DataError> {
    let refuse = |problem| DataError::ModelFile { file: folder.to_owned(), problem };
    let neurons = neurons(folder)?.ok_or_else(|| {
        refuse(ModelProblem::missing(
            "a network (network.toml, n1024-l1.tsv …, l1-dense.tsv … or l1-sparse.tsv …)",
        ))
    })?;
    let bias = bias.or_else(|| sdgc::bias(neurons)).ok_or_else(|| {
        refuse(ModelProblem::missing(format!(
            "the bias of {neurons} neurons a layer, not an official width,"
        )))
    })?;
    let layers = sdgc::count_layer_files(folder, neurons)?;
    let network = sdgc::read_network(folder, neurons, layers, bias, layer_done)?;
    let Some(activation) = activation else { return Ok(network) };
    let changed = |layer: &std::sync::Arc<Layer>| {
        Layer::new(layer.weights().clone(), layer.bias().clone(), activation)
    };
    Ok(Network::new(network.layers().iter().map(changed).collect::<Result<Vec<_>, _>>()?)?)
}

/// The neurons in the names of a folder's layer files, the fewest of several.
fn neurons(folder: &Path) -> Result<Option<usize>, DataError> {
    let unreadable = |reason| DataError::read(folder, reason);
    let mut fewest: Option<usize> = None;
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let number = |name: &str| name.strip_prefix('n')?.split_once("-l")?.0.parse().ok();
        if let Some(neurons) = name.to_str().and_then(number) {
            fewest = Some(fewest.map_or(neurons, |fewest| fewest.min(neurons)));
        }
    }
    Ok(fewest)
}
