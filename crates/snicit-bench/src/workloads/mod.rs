//! Loads or makes networks and inputs, and says which of the two it was.

mod graph_challenge;
mod trained;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use snicit::{Activations, BitActivations, Inputs, Network};
use snicit_data::cache::{Cache, Cached};
use snicit_data::sdgc::{self, DataFolder};

use crate::BenchError;
use crate::record::Sources;
use crate::task::Workload;

/// The seed of generated networks and drawn inputs.
const SEED: u64 = 1;

const TRAINING_IMAGES: &str = "train-images-idx3-ubyte";
const GENERATED: &str = "generated RadiX-Net, seed 1";
const ALL_OF_MNIST: &str = "rebuilt from MNIST's training images";
const FIRST_OF_MNIST: &str = "rebuilt from the first of MNIST's training images";
const DRAWN: &str = "drawn digits, seed 1; no MNIST in the data folder";

fn of_files(files: &Path) -> String {
    format!("files of {}", files.display())
}

fn of_file(file: &Path) -> String {
    format!("file {}", file.display())
}

/// Where networks and inputs are looked for; what is missing is generated.
#[derive(Debug)]
pub struct Workloads {
    folder: DataFolder,
    cache: Option<Cache>,
    /// The last network and inputs: the next point often needs them again.
    network: Option<Held<Network>>,
    inputs: Option<Held<Inputs>>,
    /// What the network took that was loaded last, to be taken away.
    network_load: Option<NetworkLoad>,
    /// What the trained networks are, by name.
    trained: HashMap<String, String>,
    /// Sentences for the user, to be taken away.
    notes: Vec<String>,
}

/// Reading or generating a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkLoad {
    /// How large it is.
    pub(crate) connections: u64,
    /// How long it took.
    pub(crate) time: Duration,
}

#[derive(Debug)]
struct Held<T> {
    name: String,
    value: T,
    source: String,
}

/// A network and inputs, ready to be inferred.
#[derive(Debug)]
pub struct Loaded {
    /// The network.
    pub network: Network,
    /// As many inputs as the workload says.
    pub inputs: Inputs,
    /// The class of each input, where there are labels.
    pub labels: Option<Vec<u8>>,
    /// Layers before the first sparse one; a medium-scale threshold layer is counted from there.
    pub dense_layers: usize,
    /// Where both came from.
    pub sources: Sources,
}

impl Workloads {
    /// Looks in `folder` first; reads through `cache` if there is one.
    pub fn new(folder: DataFolder, cache: Option<Cache>) -> Self {
        Workloads {
            folder,
            cache,
            network: None,
            inputs: None,
            network_load: None,
            trained: HashMap::new(),
            notes: Vec::new(),
        }
    }

    /// What there is to say about the cache since the last call, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What loading the last network took, if one was loaded since the last call.
    pub(crate) fn take_network_load(&mut self) -> Option<NetworkLoad> {
        self.network_load.take()
    }

    /// The network and the inputs of a workload.
    ///
    /// # Errors
    /// If files that are there cannot be read, or do not hold enough.
    pub fn load(&mut self, workload: &Workload) -> Result<Loaded, BenchError> {
        self.load_deep(workload, 0)
    }

    /// As [`Workloads::load`]; if the network has to be read or generated, with at least `deepest` layers, so that
    /// deeper workloads of the same width find it.
    pub(crate) fn load_deep(
        &mut self,
        workload: &Workload,
        deepest: usize,
    ) -> Result<Loaded, BenchError> {
        match workload {
            Workload::Sdgc { neurons, layers, inputs } => {
                let (network, network_source) = self.sdgc_network(*neurons, *layers, deepest)?;
                let (inputs, inputs_source) = self.sdgc_inputs(*neurons, *inputs)?;
                let sources = Sources { network: network_source, inputs: inputs_source };
                Ok(Loaded { network, inputs, labels: None, dense_layers: 0, sources })
            }
            Workload::MediumScale { network, inputs } => self.medium_scale(network, *inputs),
        }
    }

    /// Where network and inputs of a benchmark would come from now, without loading them; nothing where that
    /// cannot be told.
    pub fn sources(&mut self, workload: &Workload) -> Option<Sources> {
        let (neurons, layers, inputs) = match workload {
            Workload::Sdgc { neurons, layers, inputs } => (neurons, layers, inputs),
            Workload::MediumScale { network, .. } => return self.trained_sources(network),
        };
        let network = match self.network_files(*neurons, *layers).ok()? {
            Some(files) => of_files(&files),
            None => GENERATED.to_owned(),
        };
        let images = self.folder.images(*neurons);
        let inputs = if images.exists() {
            of_file(&images)
        } else if self.mnist_file(TRAINING_IMAGES).is_some() {
            if *inputs >= sdgc::INPUTS { ALL_OF_MNIST } else { FIRST_OF_MNIST }.to_owned()
        } else {
            DRAWN.to_owned()
        };
        Some(Sources { network, inputs })
    }

    /// Whether the network of a workload is held, or small.
    pub(crate) fn holds(&self, workload: &Workload) -> bool {
        let Workload::Sdgc { neurons, layers, .. } = workload else { return true };
        self.held_network(*neurons, *layers).is_some()
    }

    fn take<T>(&mut self, cached: Cached<T>) -> T {
        self.notes.extend(cached.notes);
        cached.value
    }
}

/// The first `count` inputs.
fn first(inputs: &Inputs, count: usize) -> Inputs {
    if inputs.len() == count {
        return inputs.clone();
    }
    let features = inputs.features();
    let taken = match inputs {
        Inputs::Bits(bits) => {
            let words = (0..count).flat_map(|input| bits.words_of(input)).copied().collect();
            BitActivations::from_words(count, features, words).map(Inputs::from)
        }
        Inputs::Values(values) => {
            let values = values.values()[..count * features].to_vec();
            Activations::new(count, features, values).map(Inputs::from)
        }
    };
    // A part of valid inputs is valid.
    taken.unwrap_or_else(|_| inputs.clone())
}

/// Multiply-adds of the float64 reference, about: most columns die within a few layers, a few per cent stay.
pub(crate) fn reference_cost(network: &Network, inputs: usize) -> f64 {
    let layers = network.layers().len() as f64;
    let alive = 4.0 + 0.03 * layers;
    network.connections() as f64 / layers * alive * inputs as f64
}
