use std::fs;
use std::path::{Path, PathBuf};

use snicit::{Activations, Inputs, Network};

use super::{CLASSES, DataSet, Letter, artifact, embedded, features};
use crate::model::{self, ModelProblem};
use crate::{DataError, mnist};

/// The inputs of networks A, B and C.
const MNIST_PIXELS: usize = 28 * 28;

/// Where a benchmark comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// A folder with networks and test sets:
    ///
    /// ```text
    /// networks/tsv_weights/n128-l18-acc94.94/l1-dense.tsv …     the layout of SNICIT's artifact
    /// networks/tsv_biases/n128-l18-acc94.94/l1-dense.tsv …
    /// MNIST/t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
    /// CIFAR-10/cifar-input.txt, cifar-label.bin
    ///
    /// A.safetensors … D.safetensors, D-features.safetensors     or these; they come first
    /// ```
    ///
    /// If it has no network at all, those that come with this crate serve, with the features of D.
    pub folder: Option<PathBuf>,
    /// The folder of MNIST's files, plain or gzip, where `folder` has none.
    pub mnist: PathBuf,
}

/// A network, the test set and the right answers.
#[derive(Debug, Clone)]
pub struct Benchmark {
    /// Which benchmark.
    pub letter: Letter,
    /// The network; its last layer gives a score a class.
    pub network: Network,
    /// The test set.
    pub inputs: Inputs,
    /// The class of each input.
    pub labels: Vec<u8>,
    /// Where the network came from, in words.
    pub origin: String,
}

/// Reads a benchmark.
///
/// # Errors
/// If a file is missing or damaged, the network has not the benchmark's shape, or the test set does not fit
/// the network or its labels.
pub fn load(letter: Letter, source: &Source) -> Result<Benchmark, DataError> {
    let (network, origin) = source.network(letter)?;
    let (inputs, labels) = source.test_set(letter)?;
    Ok(Benchmark { letter, network, inputs: inputs.into(), labels, origin })
}

impl Source {
    /// MNIST's test images: those of the folder, else those of `mnist`, whether they are there or not.
    pub fn mnist_images(&self) -> PathBuf {
        self.mnist_file("t10k-images-idx3-ubyte")
    }

    /// The labels of MNIST's test images, likewise.
    pub fn mnist_labels(&self) -> PathBuf {
        self.mnist_file("t10k-labels-idx1-ubyte")
    }

    fn mnist_file(&self, name: &str) -> PathBuf {
        let own =
            self.folder.iter().flat_map(|folder| ["MNIST", "mnist"].map(|below| folder.join(below)));
        let mut places = own.chain([self.mnist.clone()]);
        let found = places.find_map(|place| {
            let files = [place.join(name), place.join(format!("{name}.gz"))];
            files.into_iter().find(|file| file.is_file())
        });
        found.unwrap_or_else(|| self.mnist.join(name))
    }

    /// The folder, if there are networks in it, of whatever letter.
    fn folder_of_networks(&self) -> Option<&Path> {
        let is_one = |folder: &&Path| {
            let mut own = Letter::ALL.iter().map(|&letter| own_network(folder, letter));
            own.any(|file| file.is_file())
                || own_features(folder).is_file()
                || folder.join("networks").exists()
        };
        self.folder.as_deref().filter(is_one)
    }

    /// The network and where it came from.
    ///
    /// # Errors
    /// If its file is missing or damaged, or it has not the benchmark's shape.
    pub fn network(&self, letter: Letter) -> Result<(Network, String), DataError> {
        let (place, network) = match self.folder_of_networks() {
            None => {
                let name = PathBuf::from(format!("the embedded network {letter}"));
                let network = model::from_safetensors(&name, embedded::network(letter))?.network;
                (name, network)
            }
            Some(folder) => {
                let own = own_network(folder, letter);
                if own.is_file() {
                    let network = model::read_safetensors(&own)?.network;
                    (own, network)
                } else if folder.join("networks").exists() {
                    artifact::read_network(folder, letter)?
                } else {
                    let problem = ModelProblem::missing(format!("network {letter}"));
                    return Err(DataError::ModelFile { file: own, problem });
                }
            }
        };
        check(letter, &network)
            .map_err(|problem| DataError::ModelFile { file: place.clone(), problem })?;
        Ok((network, place.display().to_string()))
    }

    fn test_set(&self, letter: Letter) -> Result<(Activations, Vec<u8>), DataError> {
        match (letter.data_set(), self.folder_of_networks()) {
            (DataSet::Mnist, _) => self.mnist_test_set(),
            (DataSet::Cifar10, None) => {
                let name = PathBuf::from("the embedded features of CIFAR-10");
                features::read(&name, embedded::features(), letter.features())
            }
            (DataSet::Cifar10, Some(folder)) => {
                let file = own_features(folder);
                if !file.is_file() {
                    return artifact::read_cifar_test_set(folder, letter.features());
                }
                let bytes = fs::read(&file).map_err(|reason| DataError::read(&file, reason))?;
                features::read(&file, &bytes, letter.features())
            }
        }
    }

    /// MNIST's test images and labels.
    ///
    /// # Errors
    /// If a file is missing or damaged, or there is not a label an image.
    pub fn mnist_test_set(&self) -> Result<(Activations, Vec<u8>), DataError> {
        let file = self.mnist_images();
        let images = mnist::read_images(&file)?;
        let pixels = images.rows() * images.columns();
        if pixels != MNIST_PIXELS {
            let found = format!("{} × {}", images.rows(), images.columns());
            return Err(DataError::Idx {
                file,
                what: "the size of an image",
                found,
                expected: "28 × 28".to_owned(),
            });
        }
        let file = self.mnist_labels();
        let labels = mnist::read_labels(&file)?;
        if labels.len() != images.count() {
            let found = labels.len().to_string();
            let expected = format!("{}, one an image", images.count());
            return Err(DataError::Idx { file, what: "the number of labels", found, expected });
        }
        let values = features::unit_interval(images.pixels());
        Ok((Activations::new(images.count(), pixels, values)?, labels))
    }
}

/// A network of our own in a folder.
fn own_network(folder: &Path, letter: Letter) -> PathBuf {
    folder.join(format!("{letter}.safetensors"))
}

/// The features of D beside it.
fn own_features(folder: &Path) -> PathBuf {
    folder.join("D-features.safetensors")
}

/// Fails unless `network` has the benchmark's layers.
fn check(letter: Letter, network: &Network) -> Result<(), ModelProblem> {
    let layers = network.layers().len();
    if layers != letter.layers() {
        let expected = format!("{} for network {letter}", letter.layers());
        return Err(ModelProblem::unexpected("the number of layers", layers.to_string(), expected));
    }
    let width = |i: usize| if i == letter.layers() { CLASSES } else { letter.neurons() };
    let found =
        std::iter::once(network.inputs()).chain(network.layers().iter().map(|layer| layer.outputs()));
    for (i, found) in found.enumerate() {
        let expected = if i == 0 { letter.features() } else { width(i) };
        if found != expected {
            let what = match i {
                0 => "the number of inputs".to_owned(),
                _ => format!("the number of outputs of layer {i}"),
            };
            let expected = format!("{expected} for network {letter}");
            return Err(ModelProblem::unexpected(what, found.to_string(), expected));
        }
    }
    Ok(())
}
