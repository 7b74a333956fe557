//! The networks and inputs of the Graph Challenge.

use std::path::PathBuf;
use std::time::Instant;

use snicit::{Categories, Inputs, Network};
use snicit_data::{cache, digits, mnist, radixnet, sdgc};

use super::origin::{Origin, file_identity};
use super::{Held, Load, Loaded, SEED, TRAINING_IMAGES, Workloads, first};
use crate::BenchError;
use crate::numbers::count;
use crate::task::Workload;

impl Workloads {
    /// Where a network of so many layers comes from now: its files, if they have so many layers.
    pub(super) fn network_origin(
        &mut self,
        neurons: usize,
        layers: usize,
    ) -> Result<Origin, BenchError> {
        let files = self.folder.network(neurons);
        let present = self.layers_present(neurons)?;
        if present < layers {
            if present > 0 && self.noted.insert((neurons, layers)) {
                let (files, layers) = (files.display(), count(layers as u64));
                self.notes.push(format!(
                    "{files} has {present} of {layers} layers; the network is generated instead"
                ));
            }
            return Ok(Origin::Generated);
        }
        let identities = cache::layer_identities(&files, neurons, layers);
        // Reading the layers names the one that is missing.
        Ok(Origin::LayerFiles { files, identities: identities.unwrap_or_default() })
    }

    /// How many layers the network's files have; 0 if there are none.
    fn layers_present(&mut self, neurons: usize) -> Result<usize, BenchError> {
        let files = self.folder.network(neurons);
        if !files.is_file() {
            let present = if files.exists() { sdgc::count_layer_files(&files, neurons)? } else { 0 };
            return Ok(present);
        }
        let identity = file_identity(&files)?;
        if let Some(&known) = self.archived_layers.get(&identity) {
            return Ok(known);
        }
        let present = sdgc::count_layer_files(&files, neurons)?;
        self.archived_layers.insert(identity, present);
        Ok(present)
    }

    /// Where so many inputs come from now.
    pub(super) fn inputs_origin(
        &mut self,
        features: usize,
        wanted: usize,
    ) -> Result<Origin, BenchError> {
        let file = self.folder.images(features);
        if file.exists() {
            let identity = file_identity(&file)?;
            return Ok(Origin::InputsFile { file, identity });
        }
        match self.mnist_file(TRAINING_IMAGES) {
            Some(file) => Ok(Origin::Mnist { digest: self.digest(&file)?, all: wanted >= sdgc::INPUTS }),
            None => Ok(Origin::Drawn),
        }
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
    ) -> Result<(Network, Origin), BenchError> {
        if let Some(held) = self.held_network(neurons, layers) {
            return Ok((held.value.truncated(layers), held.origin.clone()));
        }
        let name = neurons.to_string();
        // Before the next one is there, this one must be gone: both may not fit the memory.
        self.network = None;
        let start = Instant::now();
        let bias = sdgc::bias(neurons).ok_or_else(|| {
            BenchError::Nothing(format!("the Graph Challenge has no network of {neurons} neurons"))
        })?;
        let deep = deepest.max(layers);
        // More layers than the files have would be generated ones.
        let deep = if (layers..deep).contains(&self.layers_present(neurons)?) { layers } else { deep };
        let (value, origin) = match self.read_network(neurons, deep, bias) {
            // Deeper layers may be missing or damaged; this workload does without them.
            Err(_) if deep > layers => self.read_network(neurons, layers, bias)?,
            other => other?,
        };
        self.network_load = Some(Load { size: value.connections(), time: start.elapsed() });
        let network = value.truncated(layers);
        self.network = Some(Held { name, value, origin: origin.clone() });
        Ok((network, origin))
    }

    /// The network of exactly so many layers, from files or generated.
    fn read_network(
        &mut self,
        neurons: usize,
        layers: usize,
        bias: f32,
    ) -> Result<(Network, Origin), BenchError> {
        let origin = self.network_origin(neurons, layers)?;
        let value = match (&origin, &self.cache) {
            (Origin::LayerFiles { files, .. }, Some(cache)) => {
                let cached = cache.network(files, neurons, layers, bias, &|_| ())?;
                self.take(cached)
            }
            (Origin::LayerFiles { files, .. }, None) => {
                sdgc::read_network(files, neurons, layers, bias, &|_| ())?
            }
            _ => radixnet::generate(neurons, layers, bias, SEED, &|_| ())?,
        };
        Ok((value, origin))
    }

    pub(super) fn sdgc_inputs(
        &mut self,
        features: usize,
        wanted: usize,
    ) -> Result<(Inputs, Origin), BenchError> {
        let name = features.to_string();
        let enough = |held: &&Held<Inputs>| held.name == name && held.value.len() >= wanted;
        if let Some(held) = self.inputs.as_ref().filter(enough) {
            return Ok((first(&held.value, wanted), held.origin.clone()));
        }
        self.inputs = None;
        let start = Instant::now();
        let origin = self.inputs_origin(features, wanted)?;
        let value = self.read_sdgc_inputs(&origin, features, wanted)?;
        let size = (value.len() * features) as u64;
        self.inputs_load = Some(Load { size, time: start.elapsed() });
        if value.len() < wanted {
            let (found, wanted) = (count(value.len() as u64), count(wanted as u64));
            let source = origin.phrase();
            return Err(BenchError::Nothing(format!("{source} has {found} inputs, expected {wanted}")));
        }
        let inputs = first(&value, wanted);
        self.inputs = Some(Held { name, value, origin: origin.clone() });
        Ok((inputs, origin))
    }

    fn read_sdgc_inputs(
        &mut self,
        origin: &Origin,
        features: usize,
        wanted: usize,
    ) -> Result<Inputs, BenchError> {
        let side = features.isqrt();
        match (origin, &self.cache) {
            (Origin::InputsFile { file, .. }, Some(cache)) => {
                let cached = cache.inputs(file, features, None)?;
                Ok(self.take(cached))
            }
            (Origin::InputsFile { file, .. }, None) => Ok(sdgc::read_inputs(file, features, None)?),
            (Origin::Mnist { all, .. }, _) => self.rebuild_inputs(side, wanted, *all),
            _ => Ok(digits::generate(wanted, side, SEED).into()),
        }
    }

    /// The challenge's inputs from all training images; where fewer are wanted, from the first of them alone,
    /// which takes no time and differs only where neighbouring images bleed into each other.
    fn rebuild_inputs(&mut self, side: usize, wanted: usize, all: bool) -> Result<Inputs, BenchError> {
        let file = self.mnist_file(TRAINING_IMAGES).unwrap_or_default();
        match &self.cache {
            Some(cache) if all => {
                let cached = cache.mnist_inputs(&file, side)?;
                Ok(self.take(cached))
            }
            _ => {
                let images = mnist::read_images(&file)?;
                let taken = if all { images.count() } else { wanted.min(images.count()) };
                let (rows, columns) = (images.rows(), images.columns());
                let pixels = images.pixels()[..taken * rows * columns].to_vec();
                let images = mnist::Images::new(rows, columns, pixels)?;
                Ok(mnist::sdgc_inputs(&images, side)?.into())
            }
        }
    }

    /// A file of MNIST in the data folder, plain or gzip.
    pub(super) fn mnist_file(&self, name: &str) -> Option<PathBuf> {
        let folder = self.folder.root().join("mnist");
        let names = [name.to_owned(), format!("{name}.gz")];
        names.into_iter().map(|name| folder.join(name)).find(|file| file.is_file())
    }

    /// The categories among the first inputs of a workload that lie beside the challenge's files, and which file that
    /// is; nothing where there is none, or network or inputs are not those files.
    pub(crate) fn categories_beside(
        &self,
        workload: &Workload,
        loaded: &Loaded,
    ) -> Result<Option<(PathBuf, Categories)>, BenchError> {
        let Some(file) = &loaded.categories else { return Ok(None) };
        let inputs = workload.inputs();
        let all = sdgc::read_categories(file)?;
        let among = all.indices().iter().copied().filter(|&index| index as usize <= inputs);
        Ok(Some((file.clone(), Categories::new(among.collect()))))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use snicit_data::sdgc::DataFolder;

    use super::*;

    /// A network is loaded for the deepest workload of its width; what that lacks is none of the others' business.
    #[test]
    fn damage_in_deeper_layers_does_not_matter_to_shallow_networks() {
        let root = tempfile::tempdir().unwrap();
        let folder = DataFolder::new(root.path());
        let network = radixnet::generate(1024, 6, -0.3, 5, &|_| ()).unwrap();
        sdgc::write_network(&folder.network_folder(1024), &network, &|_| ()).unwrap();
        fs::write(sdgc::layer_file(&folder.network_folder(1024), 1024, 5), "damaged").unwrap();
        let workload = |layers| Workload::Sdgc { neurons: 1024, layers, inputs: 3 };
        let mut workloads = Workloads::new(folder, None);
        let shallow = workloads.load_deep(&workload(4), 6).unwrap();
        assert_eq!(shallow.network.layers().len(), 4);
        assert_eq!(Some(shallow.sources), workloads.sources(&workload(4)));
        // Nor do files that are too short for the deepest make the others generated ones.
        let shallow = workloads.load_deep(&workload(4), 1920).unwrap();
        assert!(shallow.sources.network.starts_with("files of "), "{:?}", shallow.sources);
        let error = workloads.load_deep(&workload(6), 6).unwrap_err().to_string();
        assert!(error.contains("n1024-l5.tsv, line 1"), "{error}");
    }

    #[test]
    fn damaged_training_images_are_named_before_a_sweep() {
        let root = tempfile::tempdir().unwrap();
        let images = root.path().join("mnist").join(TRAINING_IMAGES);
        let workload = Workload::Sdgc { neurons: 1024, layers: 4, inputs: 3 };
        let problem = || Workloads::new(DataFolder::new(root.path()), None).missing_data(&workload);
        // Without them digits are drawn.
        assert_eq!(problem(), None);
        fs::create_dir(root.path().join("mnist")).unwrap();
        fs::write(&images, "damaged").unwrap();
        let named = problem().unwrap();
        assert!(named.starts_with(&images.display().to_string()), "{named}");
    }
}
