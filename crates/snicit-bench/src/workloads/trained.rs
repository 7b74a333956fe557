//! The trained networks of the paper's Table 4.

use std::hash::Hasher;

use snicit::Network;
use snicit_data::medium_scale::{self, DataSet, Letter, Source};
use twox_hash::XxHash3_64;

use super::{Loaded, Workloads, first};
use crate::BenchError;
use crate::numbers::count;
use crate::record::Sources;

impl Workloads {
    /// A trained network with the first `wanted` inputs of its test set.
    pub(super) fn medium_scale(&mut self, network: &str, wanted: usize) -> Result<Loaded, BenchError> {
        let letter = trained(network)?;
        let sources = self.trained_sources(network)?;
        let benchmark = medium_scale::load(letter, &self.trained_folder())?;
        let (found, set) = (benchmark.inputs.len(), letter.data_set().name());
        if found < wanted {
            let (found, wanted) = (count(found as u64), count(wanted as u64));
            return Err(BenchError::Nothing(format!("{set} has {found} inputs, expected {wanted}")));
        }
        Ok(Loaded {
            network: benchmark.network,
            inputs: first(&benchmark.inputs, wanted),
            labels: Some(benchmark.labels[..wanted].to_vec()),
            dense_layers: letter.dense_layers_before(),
            sources,
            categories: None,
        })
    }

    /// Where a trained network and its inputs come from; with the network's digest, because networks are trained
    /// again under the same name.
    pub(super) fn trained_sources(&mut self, name: &str) -> Result<Sources, BenchError> {
        let letter = trained(name)?;
        let network = match self.trained.get(name) {
            Some(known) => known.clone(),
            None => {
                let (network, origin) = self.trained_folder().network(letter)?;
                let text = format!("{origin}, XXH3 {:016x}", digest(&network));
                self.trained.insert(name.to_owned(), text.clone());
                text
            }
        };
        let inputs = format!("{}'s test set", letter.data_set().name());
        let inputs_identity = match letter.data_set() {
            DataSet::Mnist => {
                let source = self.trained_folder();
                let images = self.digest(&source.mnist_images())?;
                let labels = self.digest(&source.mnist_labels())?;
                Some(format!("XXH3 {images:016x}, labels {labels:016x}"))
            }
            // Its features are part of this program.
            DataSet::Cifar10 => None,
        };
        Ok(Sources {
            network,
            network_identity: None,
            inputs,
            inputs_identity,
            categories_identity: None,
        })
    }

    pub(super) fn trained_folder(&self) -> Source {
        Source { folder: None, mnist: self.folder.root().join("mnist") }
    }
}

fn trained(name: &str) -> Result<Letter, BenchError> {
    name.parse().map_err(|_| BenchError::Nothing(format!("there is no trained network {name}")))
}

/// XXH3 of all that a network computes with.
fn digest(network: &Network) -> u64 {
    let mut hash = XxHash3_64::with_seed(0);
    for layer in network.layers() {
        let (low, high) = layer.activation().bounds();
        hash.write(&(layer.inputs() as u64).to_le_bytes());
        for value in [low, high].iter().chain(&layer.bias().to_vec(layer.outputs())) {
            hash.write(&value.to_le_bytes());
        }
        for output in 0..layer.outputs() {
            let (inputs, weights) = layer.weights().row(output);
            hash.write(&(inputs.len() as u64).to_le_bytes());
            for (input, weight) in inputs.iter().zip(weights) {
                hash.write(&input.to_le_bytes());
                hash.write(&weight.to_le_bytes());
            }
        }
    }
    hash.finish()
}
