//! Networks in a folder of matrices, one file a layer, which `network.toml` describes:
//!
//! ```toml
//! format = "snicit-network"
//! version = 1
//! name = "what to call it"          # optional
//!
//! [[layers]]
//! weights = "layer-1.mtx"           # or .mtx.gz, scipy's .npz, or dense in .npy: outputs × inputs
//! activation = "relu:32"            # identity, relu, relu:MAX
//! bias = -0.3                       # one for all; or a file, "layer-1-bias.npy"; none is 0
//! ```
//!
//! Files lie in the same folder.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use snicit::{Activation, Bias, Layer, Network, SparseWeights};

use super::{read_matrix_market, read_scipy, write_matrix_market, write_scipy};
use crate::arrays::{Array, Packing, read_npy, write_npy};
use crate::model::{Model, from_dense_rows};
use crate::text::Source;
use crate::{DataError, Progress, Rounded, atomic_file, parallel};

/// The name of the description in its folder.
pub const DESCRIPTION: &str = "network.toml";
const FORMAT: &str = "snicit-network";
const VERSION: u32 = 1;
/// A description of 100,000 layers has about 10 MB.
const MOST_BYTES: usize = 64 << 20;

/// The files that the weights of a layer can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatrixFormat {
    /// `.mtx`
    MatrixMarket,
    /// `.npz`
    Scipy,
}

impl MatrixFormat {
    /// By the name's ending: `.mtx`, `.mtx.gz`, `.npz`.
    pub fn of(file: &Path) -> Option<Self> {
        let name = file.file_name()?.to_str()?;
        if name.strip_suffix(".gz").unwrap_or(name).ends_with(".mtx") {
            return Some(MatrixFormat::MatrixMarket);
        }
        name.ends_with(".npz").then_some(MatrixFormat::Scipy)
    }

    /// Reads a matrix of weights, `outputs × inputs`.
    fn read(self, file: &Path) -> Result<Rounded<SparseWeights>, DataError> {
        match self {
            MatrixFormat::MatrixMarket => read_matrix_market(file),
            MatrixFormat::Scipy => read_scipy(file),
        }
    }

    /// Writes a matrix of weights, `outputs × inputs`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(self, file: &Path, weights: &SparseWeights) -> Result<(), DataError> {
        match self {
            MatrixFormat::MatrixMarket => write_matrix_market(file, weights),
            MatrixFormat::Scipy => write_scipy(file, weights, Packing::Deflated),
        }
    }

    fn ending(self) -> &'static str {
        match self {
            MatrixFormat::MatrixMarket => "mtx",
            MatrixFormat::Scipy => "npz",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: String,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    layers: Vec<LayerDescription>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerDescription {
    weights: String,
    activation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bias: Option<BiasDescription>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum BiasDescription {
    All(f64),
    File(String),
}

/// Reads the network that the description in `folder` names.
///
/// # Errors
/// If the description is missing or not what `docs/model-format.md` says, a file it names is missing or
/// damaged, or the layers do not fit. Layers count from 1.
pub fn read_network(folder: &Path, layer_done: Progress<'_>) -> Result<Rounded<Model>, DataError> {
    let file = folder.join(DESCRIPTION);
    let description = read_description(&file)?;
    let refuse = |layer: usize, what: &str, found: String, expected: &str| {
        DataError::unexpected(file.display(), format!("layer {layer}: {what}"), found, expected)
    };
    let rounded = AtomicU64::new(0);
    let read = |i: usize| {
        let layer = &description.layers[i];
        let inside = |what: &str, name: &str| {
            let mut parts = Path::new(name).components();
            match (parts.next(), parts.next()) {
                (Some(Component::Normal(_)), None) => Ok(folder.join(name)),
                _ => Err(refuse(i + 1, what, format!("{name:?}"), "the name of a file in this folder")),
            }
        };
        let weights_file = inside("weights", &layer.weights)?;
        let format = MatrixFormat::of(&weights_file);
        let dense = layer.weights.ends_with(".npy");
        if format.is_none() && !dense {
            let expected = "a name that ends in .mtx, .mtx.gz, .npz or .npy";
            return Err(refuse(i + 1, "weights", format!("{:?}", layer.weights), expected));
        }
        let activation: Activation = layer.activation.parse().map_err(|_| {
            let expected = "identity, relu, or relu:MAX with a number above 0";
            refuse(i + 1, "activation", format!("{:?}", layer.activation), expected)
        })?;
        let weights = match format {
            Some(format) => format.read(&weights_file)?,
            None => read_dense(&weights_file)?,
        };
        let bias = match &layer.bias {
            None => Rounded::exact(Bias::Uniform(0.0)),
            Some(BiasDescription::All(value)) => uniform(*value),
            Some(BiasDescription::File(name)) => {
                let array = read_npy(&inside("bias", name)?)?;
                array.vector_length()?;
                array.to_f32()?.map(Bias::PerNeuron)
            }
        };
        rounded.fetch_add(weights.rounded + bias.rounded, Ordering::Relaxed);
        Layer::new(weights.value, bias.value, activation).map_err(|problem| DataError::ModelFile {
            file: file.clone(),
            problem: crate::model::ModelProblem::layer(i + 1, problem),
        })
    };
    let layers = parallel::try_map(description.layers.len(), layer_done, read)?;
    let network = Network::new(layers)
        .map_err(|problem| DataError::ModelFile { file: file.clone(), problem: problem.into() })?;
    let value = Model { network, name: description.name };
    Ok(Rounded { value, rounded: rounded.into_inner() })
}

/// Reads the `outputs × inputs` weights of a dense layer. Those that are 0 are no connections.
fn read_dense(file: &Path) -> Result<Rounded<SparseWeights>, DataError> {
    let array = read_npy(file)?;
    let refuse =
        |expected: String| array.unexpected("the shape", format!("{:?}", array.shape()), expected);
    let &[outputs, inputs] = array.shape() else {
        return Err(refuse("two dimensions (outputs × inputs)".to_owned()));
    };
    if outputs == 0 || inputs == 0 || u32::try_from(inputs).is_err() {
        return Err(refuse(format!("at least 1 output, and 1 to {} inputs", u32::MAX)));
    }
    array.to_f32()?.try_map(|rows| Ok(from_dense_rows(inputs, &rows)?))
}

fn read_description(file: &Path) -> Result<Description, DataError> {
    let refuse = |what: &str, found: String, expected: String| {
        DataError::unexpected(file.display(), what, found, expected)
    };
    let bytes = Source::open(file)?.read_at_most(MOST_BYTES + 1)?;
    if bytes.len() > MOST_BYTES {
        let expected = format!("at most {MOST_BYTES}");
        return Err(refuse("the number of bytes", "larger".to_owned(), expected));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| refuse("the text", "no UTF-8".to_owned(), "TOML".to_owned()))?;
    let description: Description = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        let reason = error.message().replace('\n', " ");
        refuse(
            &format!("line {line}"),
            format!("wrong ({reason})"),
            "the description of a network".to_owned(),
        )
    })?;
    if description.format != FORMAT || description.version != VERSION {
        let found = format!("{:?}, version {}", description.format, description.version);
        return Err(refuse("the format", found, format!("{FORMAT:?}, version {VERSION}")));
    }
    Ok(description)
}

/// A bias that was written with as few digits as a float32 needs is that float32.
fn uniform(value: f64) -> Rounded<Bias> {
    let narrow = value as f32;
    let exact = f64::from(narrow) == value || shortest(narrow) == value;
    Rounded { value: Bias::Uniform(narrow), rounded: u64::from(!exact) }
}

/// The float64 nearest to the shortest text of a float32.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}

/// Reads a network of matrices that nothing describes: every layer has this bias and activation.
///
/// `source` is one file, or a folder of files `….mtx`, `….mtx.gz` or `….npz` whose names end in the number of
/// the layer, from 0 or 1 without gaps.
///
/// # Errors
/// If there are no such files, numbers are missing, a file is damaged, or the layers do not fit.
pub fn read_bare_network(
    source: &Path,
    bias: f32,
    activation: Activation,
    layer_done: Progress<'_>,
) -> Result<Rounded<Network>, DataError> {
    let files = layer_files(source)?;
    let rounded = AtomicU64::new(0);
    let read = |i: usize| {
        let (file, format) = &files[i];
        let weights = format.read(file)?;
        rounded.fetch_add(weights.rounded, Ordering::Relaxed);
        Ok(Layer::new(weights.value, Bias::Uniform(bias), activation)?)
    };
    let value = Network::new(parallel::try_map(files.len(), layer_done, read)?)?;
    Ok(Rounded { value, rounded: rounded.into_inner() })
}

/// The files of the layers, first to last.
fn layer_files(source: &Path) -> Result<Vec<(PathBuf, MatrixFormat)>, DataError> {
    if let Some(format) = MatrixFormat::of(source).filter(|_| !source.is_dir()) {
        return Ok(vec![(source.to_owned(), format)]);
    }
    let unreadable = |reason| DataError::read(source, reason);
    let mut files = Vec::new();
    for entry in fs::read_dir(source).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if let Some(format) = MatrixFormat::of(&file) {
            files.push((number_of(&file), file, format));
        }
    }
    files.sort();
    let first = files.first().and_then(|(number, ..)| *number).unwrap_or(0);
    for (i, (number, file, _)) in files.iter().enumerate() {
        if *number != Some(first + i as u64) || first > 1 {
            let found = number.map_or_else(|| "missing".to_owned(), |number| number.to_string());
            let expected =
                format!("{}, as layers count from 0 or 1 without gaps", first.min(1) + i as u64);
            return Err(DataError::unexpected(
                file.display(),
                "the number at the end of its name",
                found,
                expected,
            ));
        }
    }
    if files.is_empty() {
        let what = "the number of files *.mtx, *.mtx.gz or *.npz in it";
        return Err(DataError::unexpected(source.display(), what, "0", "at least 1"));
    }
    Ok(files.into_iter().map(|(_, file, format)| (file, format)).collect())
}

/// The number before the endings of `layer-12.mtx.gz`.
fn number_of(file: &Path) -> Option<u64> {
    let stem = file.file_name()?.to_str()?.split('.').next()?;
    let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    stem[stem.len() - digits..].parse().ok()
}

/// Writes a network into `folder`: a file a layer, of biases where they differ, and the description, last.
///
/// The folder is created if need be; other files in it stay.
///
/// # Errors
/// If a file cannot be written.
pub fn write_network(
    folder: &Path,
    network: &Network,
    name: Option<&str>,
    format: MatrixFormat,
    layer_done: Progress<'_>,
) -> Result<(), DataError> {
    let write = |i: usize| {
        let layer = &network.layers()[i];
        let weights = format!("layer-{}.{}", i + 1, format.ending());
        format.write(&folder.join(&weights), layer.weights())?;
        let bias = match layer.bias() {
            Bias::Uniform(value) => {
                let short = shortest(*value);
                let same = (short as f32).to_bits() == value.to_bits();
                BiasDescription::All(if same { short } else { f64::from(*value) })
            }
            Bias::PerNeuron(values) => {
                let name = format!("layer-{}-bias.npy", i + 1);
                write_npy(&folder.join(&name), &Array::from(values.clone()))?;
                BiasDescription::File(name)
            }
        };
        Ok(LayerDescription { weights, activation: layer.activation().to_string(), bias: Some(bias) })
    };
    let layers = parallel::try_map(network.layers().len(), layer_done, write)?;
    let (format, name) = (FORMAT.to_owned(), name.map(str::to_owned));
    let description = Description { format, version: VERSION, name, layers };
    let file = folder.join(DESCRIPTION);
    let text = toml::to_string(&description)
        .map_err(|error| DataError::write(&file, std::io::Error::other(error)))?;
    atomic_file::write(&file, |writer| writer.write_all(text.as_bytes()))
}
