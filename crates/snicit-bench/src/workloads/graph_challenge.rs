//! The networks and inputs of the Graph Challenge.

use std::path::{Path, PathBuf};
use std::time::Instant;

use snicit::{BitActivations, Categories, Inputs, Network};
use snicit_data::sdgc;
use snicit_data::{digits, mnist, radixnet};

use super::{
    ALL_OF_MNIST, DRAWN, FIRST_OF_MNIST, GENERATED, Held, NetworkLoad, SEED, TRAINING_IMAGES, Workloads,
    first, of_file, of_files,
};
use crate::BenchError;
use crate::numbers::count;
use crate::record::Sources;
use crate::task::Workload;

impl Workloads {
    /// The network's files, if they have so many layers.
    pub(super) fn network_files(
        &self,
        neurons: usize,
        layers: usize,
    ) -> Result<Option<PathBuf>, BenchError> {
        let files = self.folder.network(neurons);
        let present = if files.exists() { sdgc::count_layer_files(&files, neurons)? } else { 0 };
        Ok((present >= layers).then_some(files))
    }

    pub(super) fn held_network(&self, neurons: usize, layers: usize) -> Option<&Held<Network>> {
        let is = |held: &&Held<Network>| {
            held.name == neurons.to_string() && held.value.layers().len() >= layers
        };
        self.network.as_ref().filter(is)
    }

    pub(super) fn sdgc_network(
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

    pub(super) fn sdgc_inputs(
        &mut self,
        features: usize,
        wanted: usize,
    ) -> Result<(Inputs, String), BenchError> {
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
    pub(super) fn mnist_file(&self, name: &str) -> Option<PathBuf> {
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
}
