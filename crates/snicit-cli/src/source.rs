//! Where a network and its inputs are read from. What is missing is named before anything is read,
//! together with the command that makes it.

use std::env;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use snicit::{Inputs, Network};
use snicit_data::cache::{Cache, Cached};
use snicit_data::sdgc::{self, DataFolder};

use crate::exit::Failure;
use crate::network_args::{DataArgs, InputArgs, NetworkArgs};
use crate::progress::Bar;
use crate::stderr;

/// The folder of `--data`, of `$SNICIT_DATA`, or the user's own.
pub(crate) fn data_folder(args: &DataArgs) -> Result<DataFolder, Failure> {
    if let Some(folder) = &args.data {
        return Ok(DataFolder::new(folder));
    }
    if let Some(folder) = env::var_os("SNICIT_DATA").filter(|folder| !folder.is_empty()) {
        return Ok(DataFolder::new(folder));
    }
    let strategy = etcetera::choose_base_strategy()
        .map_err(|error| Failure::new(format!("no data folder: {error}; give one with --data")))?;
    Ok(DataFolder::new(strategy.data_dir().join("snicit")))
}

/// As [`data_folder`]; one that was named must be there, since what is missing in it would be made without a word.
pub(crate) fn existing_data_folder(args: &DataArgs) -> Result<DataFolder, Failure> {
    let folder = data_folder(args)?;
    let is_named =
        args.data.is_some() || env::var_os("SNICIT_DATA").is_some_and(|name| !name.is_empty());
    if is_named && !folder.root().is_dir() {
        return Err(Failure::new(format!("there is no folder {}", folder.root().display())));
    }
    Ok(folder)
}

/// The cache in `$SNICIT_CACHE_DIR`, or else in the user's own cache folder.
pub(crate) fn cache() -> Result<Cache, Failure> {
    if let Some(folder) = env::var_os("SNICIT_CACHE_DIR").filter(|folder| !folder.is_empty()) {
        return Ok(Cache::new(folder));
    }
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(format!("no cache folder: {error}; give one in $SNICIT_CACHE_DIR"))
    })?;
    Ok(Cache::new(strategy.cache_dir().join("snicit")))
}

/// The cache, unless the user does without it or there is no place for it.
fn cache_wanted(args: &NetworkArgs) -> Option<Cache> {
    if args.no_cache { None } else { cache().ok() }
}

/// Something that was read, and whether it came from the cache.
pub(crate) struct Loaded<T> {
    pub(crate) value: T,
    pub(crate) from_cache: bool,
}

impl<T> From<Cached<T>> for Loaded<T> {
    fn from(cached: Cached<T>) -> Self {
        for note in &cached.notes {
            stderr::note(note);
        }
        Loaded { value: cached.value, from_cache: cached.from_cache }
    }
}

/// The bias that was given, or the Graph Challenge's for this width.
pub(crate) fn bias(args: &NetworkArgs) -> Result<f32, Failure> {
    args.bias.or_else(|| sdgc::bias(args.neurons)).ok_or_else(|| {
        let neurons = args.neurons;
        Failure::new(format!(
            "the Graph Challenge has no bias for {neurons} neurons; give one with --bias"
        ))
    })
}

/// The layer files of a network, in a folder or an archive.
pub(crate) struct NetworkFiles {
    folder: PathBuf,
    neurons: usize,
    /// How `snicit data generate` is told to write there.
    target: String,
    cache: Option<Cache>,
}

impl NetworkFiles {
    pub(crate) fn find(args: &NetworkArgs) -> Result<Self, Failure> {
        let neurons = args.neurons;
        let (folder, target) = match &args.weights {
            Some(folder) => (folder.clone(), format!(" -o {}", folder.display())),
            None => (data_folder(&args.data)?.network(neurons), target_of(&args.data)),
        };
        Ok(NetworkFiles { folder, neurons, target, cache: cache_wanted(args) })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many layers there are.
    pub(crate) fn count(&self) -> Result<usize, Failure> {
        let layers =
            if self.folder.exists() { sdgc::count_layer_files(&self.folder, self.neurons)? } else { 0 };
        if layers == 0 { Err(self.missing(1, sdgc::DEPTHS[0])) } else { Ok(layers) }
    }

    /// Fails if one of the first `layers` layers has no file. What an archive lacks shows when it is read.
    pub(crate) fn require(&self, layers: usize) -> Result<(), Failure> {
        if self.folder.is_file() {
            return Ok(());
        }
        let there = |&layer: &usize| self.file(layer).exists();
        match (1..=layers).find(|layer| !there(layer)) {
            Some(layer) => Err(self.missing(layer, layers)),
            None => Ok(()),
        }
    }

    fn file(&self, layer: usize) -> PathBuf {
        sdgc::layer_file(&self.folder, self.neurons, layer)
    }

    fn missing(&self, layer: usize, layers: usize) -> Failure {
        let (file, neurons, target) = (self.file(layer), self.neurons, &self.target);
        let command = format!("snicit data generate -n {neurons} -l {layers}{target}");
        let remedy = match layer {
            1 => format!("`{command}` makes a network{}", fetch_hint(neurons)),
            // Generating replaces the layers that are there; whoever does so shall know it.
            _ => format!("take -l {}, or make another network with `{command} --force`", layer - 1),
        };
        Failure::new(format!("layer {layer} of {layers} is missing: {}; {remedy}", file.display()))
    }

    pub(crate) fn read(&self, layers: usize, bias: f32) -> Result<Loaded<Network>, Failure> {
        self.require(layers)?;
        let (folder, neurons) = (&self.folder, self.neurons);
        let bar = Bar::new("reading the network", layers as u64);
        let advance = |layers| bar.advance(layers);
        let Some(cache) = &self.cache else {
            let value = sdgc::read_network(folder, neurons, layers, bias, &advance)?;
            return Ok(Loaded { value, from_cache: false });
        };
        let cached = cache.network(folder, neurons, layers, bias, &advance)?;
        drop(bar);
        Ok(cached.into())
    }
}

/// The file of the inputs.
pub(crate) struct InputFile {
    path: PathBuf,
    features: usize,
    count: Option<usize>,
    /// How `snicit data images` is told to write there.
    target: String,
    cache: Option<Cache>,
}

impl InputFile {
    pub(crate) fn find(network: &NetworkArgs, args: &InputArgs) -> Result<Self, Failure> {
        let features = network.neurons;
        let (path, target) = match &args.inputs {
            Some(file) => (file.clone(), format!(" -o {}", file.display())),
            None if network.weights.is_some() => {
                return Err(Failure::new("--weights needs --inputs, the file of the inputs"));
            }
            None => (data_folder(&network.data)?.images(features), target_of(&network.data)),
        };
        let (count, cache) = (args.input_count, cache_wanted(network));
        Ok(InputFile { path, features, count, target, cache })
    }

    /// Fails if the file is not there.
    pub(crate) fn require(&self) -> Result<(), Failure> {
        if self.path.exists() {
            return Ok(());
        }
        let (path, features, target) = (self.path.display(), self.features, &self.target);
        Err(Failure::new(format!(
            "the inputs are missing: {path}; `snicit data images -n {features} --mnist FILE{target}` makes \
             them from MNIST, `snicit data digits -n {features}{target}` without",
        )))
    }

    pub(crate) fn read(&self) -> Result<Loaded<Inputs>, Failure> {
        self.require()?;
        let (path, features, count) = (&self.path, self.features, self.count);
        let bar = Bar::unmeasured("reading the inputs");
        let loaded = match &self.cache {
            None => {
                let value = sdgc::read_inputs(path, features, count)?;
                Loaded { value, from_cache: false }
            }
            Some(cache) => {
                let cached = cache.inputs(path, features, count)?;
                drop(bar);
                cached.into()
            }
        };
        if loaded.value.is_empty() {
            return Err(Failure::new(format!("there are no inputs in {}", self.path.display())));
        }
        Ok(loaded)
    }
}

/// Where a width is official, its files can be fetched.
fn fetch_hint(neurons: usize) -> String {
    if sdgc::WIDTHS.contains(&neurons) {
        format!(", `snicit data fetch sdgc {neurons}` fetches the official one")
    } else {
        String::new()
    }
}

/// The argument that makes `snicit data …` write where these arguments read.
pub(crate) fn target_of(args: &DataArgs) -> String {
    args.data.as_ref().map_or_else(String::new, |folder| format!(" --data {}", folder.display()))
}
