//! Loads or makes networks and inputs, and says which of the two it was.

mod trained;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use snicit::{Activations, BitActivations, Categories, Inputs, Network, reference};
use snicit_data::cache::{Cache, Cached};
use snicit_data::sdgc::{self, DataFolder};
use snicit_data::{digits, mnist, radixnet};

use crate::BenchError;
use crate::numbers::count;
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

    /// The network's files, if they have so many layers.
    fn network_files(&self, neurons: usize, layers: usize) -> Result<Option<PathBuf>, BenchError> {
        let files = self.folder.network(neurons);
        let present = if files.exists() { sdgc::count_layer_files(&files, neurons)? } else { 0 };
        Ok((present >= layers).then_some(files))
    }

    /// Whether the network of a workload is held, or small.
    pub(crate) fn holds(&self, workload: &Workload) -> bool {
        let Workload::Sdgc { neurons, layers, .. } = workload else { return true };
        self.held_network(*neurons, *layers).is_some()
    }

    fn held_network(&self, neurons: usize, layers: usize) -> Option<&Held<Network>> {
        let is = |held: &&Held<Network>| {
            held.name == neurons.to_string() && held.value.layers().len() >= layers
        };
        self.network.as_ref().filter(is)
    }

    fn sdgc_network(
        &mut self,
        neurons: usize,
        layers: usize,
        deepest: usize,
    ) -> Result<(Network, String), BenchError> {
        if let Some(held) = self.held_network(neurons, layers) {
            return Ok((held.value.truncated(layers), held.source.clone()));
        }
        let name = neurons.to_string();
        // Before the next one is there, this one must be gone: both may not fit the memory.
        self.network = None;
        let start = Instant::now();
        let bias = sdgc::bias(neurons).ok_or_else(|| {
            BenchError::Nothing(format!("the Graph Challenge has no network of {neurons} neurons"))
        })?;
        let (value, source) = if let Some(files) = self.network_files(neurons, layers)? {
            // More layers than the files have would be generated ones.
            let deep = deepest.max(layers);
            let deep = if self.network_files(neurons, deep)?.is_some() { deep } else { layers };
            let network = match &self.cache {
                Some(cache) => {
                    let cached = cache.network(&files, neurons, deep, bias, &|_| ())?;
                    self.take(cached)
                }
                None => sdgc::read_network(&files, neurons, deep, bias, &|_| ())?,
            };
            (network, of_files(&files))
        } else {
            let network = radixnet::generate(neurons, deepest.max(layers), bias, SEED, &|_| ())?;
            (network, GENERATED.to_owned())
        };
        let (connections, time) = (value.connections(), start.elapsed());
        self.network_load = Some(NetworkLoad { connections, time });
        let network = value.truncated(layers);
        self.network = Some(Held { name, value, source: source.clone() });
        Ok((network, source))
    }

    fn sdgc_inputs(&mut self, features: usize, wanted: usize) -> Result<(Inputs, String), BenchError> {
        let name = features.to_string();
        let enough = |held: &Held<Inputs>| held.name == name && held.value.len() >= wanted;
        if !self.inputs.as_ref().is_some_and(enough) {
            self.inputs = None;
            let (value, source) = self.read_sdgc_inputs(features, wanted)?;
            if value.len() < wanted {
                let (found, wanted) = (count(value.len() as u64), count(wanted as u64));
                return Err(BenchError::Nothing(format!(
                    "{source} has {found} inputs, expected {wanted}"
                )));
            }
            self.inputs = Some(Held { name, value, source });
        }
        let held = self.inputs.as_ref();
        let (inputs, source) = held.map_or_else(
            || (Inputs::from(BitActivations::zeros(0, features)), String::new()),
            |held| (first(&held.value, wanted), held.source.clone()),
        );
        Ok((inputs, source))
    }

    fn read_sdgc_inputs(
        &mut self,
        features: usize,
        wanted: usize,
    ) -> Result<(Inputs, String), BenchError> {
        let side = features.isqrt();
        let images = self.folder.images(features);
        if images.exists() {
            let inputs = match &self.cache {
                Some(cache) => {
                    let cached = cache.inputs(&images, features, None)?;
                    self.take(cached)
                }
                None => sdgc::read_inputs(&images, features, None)?,
            };
            return Ok((inputs, of_file(&images)));
        }
        if let Some(file) = self.mnist_file(TRAINING_IMAGES) {
            return self.rebuild_inputs(&file, side, wanted);
        }
        let drawn = digits::generate(wanted, side, SEED);
        Ok((drawn.into(), DRAWN.to_owned()))
    }

    /// The challenge's inputs from all training images; where fewer are wanted, from the first of them alone,
    /// which takes no time and differs only where neighbouring images bleed into each other.
    fn rebuild_inputs(
        &mut self,
        file: &Path,
        side: usize,
        wanted: usize,
    ) -> Result<(Inputs, String), BenchError> {
        if wanted >= sdgc::INPUTS {
            let inputs = match &self.cache {
                Some(cache) => {
                    let cached = cache.mnist_inputs(file, side)?;
                    self.take(cached)
                }
                None => mnist::sdgc_inputs(&mnist::read_images(file)?, side)?.into(),
            };
            return Ok((inputs, ALL_OF_MNIST.to_owned()));
        }
        let all = mnist::read_images(file)?;
        let (rows, columns) = (all.rows(), all.columns());
        let pixels = &all.pixels()[..wanted.min(all.count()) * rows * columns];
        let images = mnist::Images::new(rows, columns, pixels.to_vec())?;
        let inputs = mnist::sdgc_inputs(&images, side)?.into();
        Ok((inputs, FIRST_OF_MNIST.to_owned()))
    }

    /// A file of MNIST in the data folder, plain or gzip.
    fn mnist_file(&self, name: &str) -> Option<PathBuf> {
        let folder = self.folder.root().join("mnist");
        let names = [name.to_owned(), format!("{name}.gz")];
        names.into_iter().map(|name| folder.join(name)).find(|file| file.is_file())
    }

    /// The official categories of a benchmark, where network and inputs are the official files' as well.
    pub fn official_truth(
        &self,
        workload: &Workload,
        sources: &Sources,
    ) -> Result<Option<Categories>, BenchError> {
        let Workload::Sdgc { neurons, layers, inputs } = workload else { return Ok(None) };
        let file = self.folder.categories(*neurons, *layers);
        let of_files = sources.network.starts_with("files") && sources.inputs.starts_with("file ");
        if !of_files || !file.exists() {
            return Ok(None);
        }
        let all = sdgc::read_categories(&file)?;
        let among = all.indices().iter().copied().filter(|&index| index as usize <= *inputs);
        Ok(Some(Categories::new(among.collect())))
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

/// The categories by the float64 reference.
pub(crate) fn reference_truth(loaded: &Loaded) -> Categories {
    reference::categories(&loaded.network, &loaded.inputs)
}
