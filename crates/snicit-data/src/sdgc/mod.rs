//! Files and facts of the Sparse DNN Graph Challenge (Kepner et al., HPEC 2019).
//!
//! All files are text, tab-separated, without a header, and count from 1:
//!
//! | file | a line | official order |
//! | --- | --- | --- |
//! | `neuron1024/n1024-l1.tsv` | input neuron, output neuron, weight (`6.250000e-02`) | output, then input neuron |
//! | `sparse-images-1024.tsv` | image, feature, value (`1`) | image |
//! | `neuron1024-l120-categories.tsv` | category: an image that survives the network | ascending |
//!
//! Layers and images are read in any order, the official one fastest, plain, gzip, or (networks) straight
//! from a tar archive.

mod archive;
mod categories;
mod folder;
mod inputs;
mod layer_lines;
mod network;

pub use categories::{read_categories, write_categories};
pub(crate) use folder::layer_number;
pub use folder::{DataFolder, count_layer_files, layer_file};
pub use inputs::{read_inputs, write_inputs};
pub(crate) use network::{check_layers, read_layer};
pub use network::{read_network, write_archive, write_network};

/// Inputs of every official benchmark.
pub const INPUTS: usize = 60_000;
/// Connections into and out of every neuron of an official network.
pub const CONNECTIONS_PER_NEURON: usize = 32;
/// Neurons a layer of the official networks.
pub const WIDTHS: [usize; 4] = [1024, 4096, 16384, 65536];
/// Layers of the official networks. The shorter networks are the beginning of the longest one.
pub const DEPTHS: [usize; 3] = [120, 480, 1920];

/// The bias of all neurons of the official networks of this width.
pub fn bias(neurons: usize) -> Option<f32> {
    match neurons {
        1024 => Some(-0.30),
        4096 => Some(-0.35),
        16384 => Some(-0.40),
        65536 => Some(-0.45),
        _ => None,
    }
}

/// How many of the official inputs survive the official networks of this width, whatever their depth.
pub fn truth_categories(neurons: usize) -> Option<usize> {
    match neurons {
        1024 => Some(1812),
        4096 => Some(1801),
        16384 => Some(1918),
        65536 => Some(1994),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_official_width_has_its_facts() {
        for neurons in WIDTHS {
            assert!(bias(neurons).is_some() && truth_categories(neurons).is_some());
        }
        assert_eq!((bias(1000), truth_categories(1000)), (None, None));
    }
}
