//! Loads or makes networks and inputs, and says which of the two it was.

mod graph_challenge;
mod missing_data;
mod origin;
mod trained;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use snicit::{Activations, BitActivations, Inputs, Network};
use snicit_data::cache::{Cache, Cached};
use snicit_data::sdgc::DataFolder;

use crate::BenchError;
use crate::record::Sources;
use crate::task::Workload;
use missing_data::DataFiles;
use origin::{Origin, content_digest, file_identity};

/// The seed of generated networks and drawn inputs.
const SEED: u64 = 1;

const TRAINING_IMAGES: &str = "train-images-idx3-ubyte";

/// Where networks and inputs are looked for; what is missing is generated.
#[derive(Debug)]
pub struct Workloads {
    folder: DataFolder,
    cache: Option<Cache>,
    /// The last network and inputs: the next point often needs them again.
    network: Option<Held<Network>>,
    inputs: Option<Held<Inputs>>,
    /// What the network and the inputs took that were loaded last, to be taken away.
    network_load: Option<Load>,
    inputs_load: Option<Load>,
    /// What the trained networks are, by name.
    trained: HashMap<String, String>,
    /// How many layers archives have, which are read to their end for it, by what they are known by.
    archived_layers: HashMap<u128, usize>,
    /// XXH3 of files that were read for it, likewise.
    digests: HashMap<u128, u64>,
    /// What is wrong with data sets that were looked at; nothing where they are intact.
    problems: HashMap<DataFiles, Option<String>>,
    /// Width and depth of networks of which it was said that files have too few layers.
    noted: HashSet<(usize, usize)>,
    /// Sentences for the user, to be taken away.
    notes: Vec<String>,
}

/// Reading or making a network or inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// How large it is: connections of a network, features of all inputs.
    pub(crate) size: u64,
    /// How long it took.
    pub(crate) time: Duration,
}

#[derive(Debug)]
struct Held<T> {
    name: String,
    value: T,
    origin: Origin,
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
    /// The file of the categories that belong to them, where both are the challenge's files: official, or made by
    /// `snicit data truth`.
    pub(crate) categories: Option<PathBuf>,
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
            inputs_load: None,
            trained: HashMap::new(),
            archived_layers: HashMap::new(),
            digests: HashMap::new(),
            problems: HashMap::new(),
            noted: HashSet::new(),
            notes: Vec::new(),
        }
    }

    /// What there is to say about the cache and about files that were of no use since the last call, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What loading the last network and the last inputs took, if they were loaded since the last call.
    pub(crate) fn take_loads(&mut self) -> (Option<Load>, Option<Load>) {
        (self.network_load.take(), self.inputs_load.take())
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
                let (network, of_network) = self.sdgc_network(*neurons, *layers, deepest)?;
                let (inputs, of_inputs) = self.sdgc_inputs(*neurons, *inputs)?;
                let categories = self.categories_file(&of_network, &of_inputs, *neurons, *layers);
                let sources = self.sdgc_sources(&of_network, &of_inputs, *neurons, *layers)?;
                Ok(Loaded { network, inputs, labels: None, dense_layers: 0, sources, categories })
            }
            Workload::MediumScale { network, inputs } => self.medium_scale(network, *inputs),
        }
    }

    /// Where network and inputs of a benchmark would come from now, without loading them; nothing where that
    /// cannot be told.
    pub fn sources(&mut self, workload: &Workload) -> Option<Sources> {
        let (neurons, layers, inputs) = match workload {
            Workload::Sdgc { neurons, layers, inputs } => (neurons, layers, inputs),
            Workload::MediumScale { network, .. } => {
                return self.trained_sources(network).ok();
            }
        };
        let network = self.network_origin(*neurons, *layers).ok()?;
        let inputs = self.inputs_origin(*neurons, *inputs).ok()?;
        self.sdgc_sources(&network, &inputs, *neurons, *layers).ok()
    }

    fn sdgc_sources(
        &mut self,
        network: &Origin,
        inputs: &Origin,
        neurons: usize,
        layers: usize,
    ) -> Result<Sources, BenchError> {
        let categories = self.categories_file(network, inputs, neurons, layers);
        let digest = categories.map(|file| self.digest(&file)).transpose()?;
        Ok(Sources {
            network: network.phrase(),
            network_identity: network.identity(layers),
            inputs: inputs.phrase(),
            inputs_identity: inputs.identity(layers),
            categories_identity: digest.map(|digest| format!("XXH3 {digest:016x}")),
        })
    }

    /// The file of the categories beside network and inputs, if both are the challenge's files.
    fn categories_file(
        &self,
        network: &Origin,
        inputs: &Origin,
        neurons: usize,
        layers: usize,
    ) -> Option<PathBuf> {
        let of_files = network.is_challenge_files() && inputs.is_challenge_files();
        let file = self.folder.categories(neurons, layers);
        (of_files && file.exists()).then_some(file)
    }

    /// Whether the network of a workload is held, or small.
    pub(crate) fn holds(&self, workload: &Workload) -> bool {
        let Workload::Sdgc { neurons, layers, .. } = workload else { return true };
        self.held_network(*neurons, *layers).is_some()
    }

    /// XXH3 of a file, read once as long as it stays the same: it is asked for before every point.
    fn digest(&mut self, file: &Path) -> Result<u64, BenchError> {
        let identity = file_identity(file)?;
        if let Some(&known) = self.digests.get(&identity) {
            return Ok(known);
        }
        let digest = content_digest(file)?;
        self.digests.insert(identity, digest);
        Ok(digest)
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
