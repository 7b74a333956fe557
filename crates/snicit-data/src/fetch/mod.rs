//! Fetches the challenge's official files, MNIST and CIFAR-10 from the network.
//!
//! A file is unpacked and checked while it comes in. What was received lies in `NAME.part` beside its
//! destination, so that a fetch that was cut off or killed goes on where it ended. Only contents that are
//! complete and pass their check get the final name.

mod archives;
mod download;
mod files;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::DataError;
use crate::sdgc::{self, DataFolder};
use download::Download;

/// Where the challenge's files are published.
pub const SDGC: &str = "https://graphchallenge.s3.amazonaws.com/synthetic/sparsechallenge_2019";
/// Where MNIST is published.
pub const MNIST: &str = "https://ossci-datasets.s3.amazonaws.com/mnist";
/// Where CIFAR-10 is published.
pub const CIFAR10: &str = "https://www.cs.toronto.edu/~kriz";

/// Told of every piece that comes in: bytes of the file so far, and its size if the server names it.
pub type Received<'a> = &'a dyn Fn(u64, Option<u64>);

/// What became of a request for a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It was fetched and checked.
    New,
    /// It was there already; nothing was fetched.
    AlreadyThere,
}

/// Fetches into one folder from one server.
#[derive(Debug, Clone)]
pub struct Fetcher {
    folder: PathBuf,
    mirror: String,
    force: bool,
    first_pause: Duration,
}

impl Fetcher {
    /// Fetches into `folder` from below the address `mirror`: [`SDGC`], [`MNIST`], [`CIFAR10`], or another
    /// place with the same files. What is there already stays.
    pub fn new(folder: impl Into<PathBuf>, mirror: &str) -> Self {
        let mirror = mirror.trim_end_matches('/').to_owned();
        Fetcher { folder: folder.into(), mirror, force: false, first_pause: Duration::from_millis(500) }
    }

    /// Replaces what is there already.
    pub fn replacing(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Waits this long before it tries again after a connection was lost, then twice as long, and so on.
    pub fn with_pause(mut self, first: Duration) -> Self {
        self.first_pause = first;
        self
    }

    /// The layers of the official network of this width, unpacked: `dnn/neuron1024.tar.gz` becomes
    /// `neuron1024/n1024-l1.tsv …`. Each layer must have 32 connections a neuron.
    ///
    /// # Errors
    /// If it cannot be fetched or stored, or is not such a network.
    pub fn sdgc_network(&self, neurons: usize, received: Received<'_>) -> Result<Fetched, DataError> {
        let folder = DataFolder::new(&self.folder).network_folder(neurons);
        self.get(&folder, &format!("dnn/neuron{neurons}.tar.gz"), received, |download, staging| {
            archives::unpack_layers(download, staging, neurons)
        })
    }

    /// The official inputs, unpacked: `mnist/sparse-images-1024.tsv.gz` becomes `sparse-images-1024.tsv`.
    /// There must be 60,000 images, and as many ones as they are known to have, within a thousandth.
    ///
    /// # Errors
    /// If they cannot be fetched or stored, or are not these inputs.
    pub fn sdgc_images(&self, neurons: usize, received: Received<'_>) -> Result<Fetched, DataError> {
        let name = format!("sparse-images-{neurons}.tsv");
        let remote = format!("mnist/{name}.gz");
        self.get(&self.folder.join(name), &remote, received, |download, staging| {
            files::unpack(download, staging)?;
            files::check_images(staging, neurons)
        })
    }

    /// The official categories after `layers` layers; there must be as many as are known.
    ///
    /// # Errors
    /// If they cannot be fetched or stored, or are not these categories.
    pub fn sdgc_truth(
        &self,
        neurons: usize,
        layers: usize,
        received: Received<'_>,
    ) -> Result<Fetched, DataError> {
        let file = DataFolder::new(&self.folder).categories(neurons, layers);
        let remote = format!("dnn/neuron{neurons}-l{layers}-categories.tsv");
        self.get(&file, &remote, received, |download, staging| {
            files::unpack(download, staging)?;
            files::check_categories(staging, neurons)
        })
    }

    /// A file of MNIST, unpacked: one of [`MNIST_FILES`]. Its bytes must be the original ones.
    ///
    /// # Errors
    /// If it cannot be fetched or stored, or has another SHA-256.
    pub fn mnist(&self, file: &MnistFile, received: Received<'_>) -> Result<Fetched, DataError> {
        let name = file.name;
        self.get(&self.folder.join(name), &format!("{name}.gz"), received, |download, staging| {
            let digest = files::unpack(download, staging)?;
            files::check_mnist(staging, file, &digest)
        })
    }

    /// CIFAR-10 in its binary version, unpacked: the folder `cifar-10-batches-bin`. There must be five
    /// training batches and one test batch of 10,000 images, with labels from 0 to 9.
    ///
    /// # Errors
    /// If it cannot be fetched or stored, or is not CIFAR-10.
    pub fn cifar10(&self, received: Received<'_>) -> Result<Fetched, DataError> {
        let folder = self.folder.join("cifar-10-batches-bin");
        self.get(&folder, "cifar-10-binary.tar.gz", received, archives::unpack_cifar10)
    }

    /// Lets `unpack` fill a file or folder beside `destination`, and gives it the name when all is well.
    fn get(
        &self,
        destination: &Path,
        remote: &str,
        received: Received<'_>,
        unpack: impl FnOnce(&mut Download<'_>, &Path) -> Result<(), Problem>,
    ) -> Result<Fetched, DataError> {
        if destination.exists() && !self.force {
            return Ok(Fetched::AlreadyThere);
        }
        let url = format!("{}/{remote}", self.mirror);
        let name = remote.rsplit('/').next().unwrap_or(remote);
        let part = self.folder.join(format!("{name}.part"));
        let staging = self.folder.join(format!(".{name}.unpacked"));
        std::fs::create_dir_all(&self.folder).map_err(|error| DataError::write(&self.folder, error))?;
        let mut download = Download::open(&url, &part, self.first_pause, received)?;
        // Left by a run that was killed. It is made again from the beginning.
        files::remove(&staging)?;
        let unpacked = unpack(&mut download, &staging).and_then(|()| Ok(download.finish()?));
        if let Err(problem) = unpacked {
            files::remove(&staging)?;
            // What stopped the download explains whatever the decoder says about it.
            return Err(match (download.failure(), problem) {
                (Some(failure), _) => failure,
                (None, Problem::Failed(error)) => error,
                (None, Problem::Wrong(reason)) => {
                    download.discard()?;
                    DataError::Content { url, reason }
                }
            });
        }
        files::replace(&staging, destination)?;
        download.discard()?;
        Ok(Fetched::New)
    }
}

/// Why something could not be unpacked.
enum Problem {
    /// Not for what was fetched.
    Failed(DataError),
    /// Because what was fetched is wrong.
    Wrong(String),
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        Problem::Failed(error)
    }
}

/// A file of MNIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MnistFile {
    /// Its name without `.gz`.
    pub name: &'static str,
    /// Its size, unpacked.
    pub bytes: u64,
    /// The SHA-256 of its unpacked contents; servers pack them differently.
    pub sha256: &'static str,
}

/// The four files of MNIST.
pub const MNIST_FILES: [MnistFile; 4] = [
    MnistFile {
        name: "train-images-idx3-ubyte",
        bytes: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    MnistFile {
        name: "train-labels-idx1-ubyte",
        bytes: 60_008,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    MnistFile {
        name: "t10k-images-idx3-ubyte",
        bytes: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    MnistFile {
        name: "t10k-labels-idx1-ubyte",
        bytes: 10_008,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

/// Non-zeros of the inputs rebuilt from MNIST; the published ones differ by less than a ten-thousandth.
fn known_ones(neurons: usize) -> Option<u64> {
    match neurons {
        1024 => Some(6_373_995),
        4096 => Some(25_017_160),
        16384 => Some(98_865_593),
        65536 => Some(392_212_134),
        _ => None,
    }
}

/// Connections of an official layer.
fn layer_connections(neurons: usize) -> usize {
    neurons * sdgc::CONNECTIONS_PER_NEURON
}
