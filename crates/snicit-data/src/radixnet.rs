//! Networks like those of the Graph Challenge (RadiX-Net, Robinett and Kepner, IPDPSW 2019).
//!
//! A layer has `N = 16·G` neurons with `G = 2^K`. Layers come in *blocks* of `K`. In layer `b·K + k`
//! (from 0), place `k` of block `b`, output neuron `j` is connected to the input neurons `p_b(i)` with
//!
//! ```text
//! (i − j) mod G ∈ {0, 2^k}
//! ```
//!
//! which are 32. `p_0` is the identity, so the first `K` layers are the official ones; they lead from
//! every input to every output along equally many paths, because every difference mod `G` is exactly one
//! sum of different powers of two. Every later block has one random permutation `p_b` of the inputs,
//! used in each of its layers. So have the official networks, but the source of their permutations is
//! not known.
//!
//! All weights are 1/16. Outputs with the same `j mod G` share their inputs: mini-blocks of 32 × 16, in
//! the last layer of a block (`2^k = G/2`) of 32 × 32.

use snicit::{Activation, Bias, Layer, Network, SparseWeights};

use crate::random::Random;
use crate::sdgc::{CONNECTIONS_PER_NEURON, check_layers};
use crate::{DataError, Progress, parallel};

/// Neurons with the same number mod `G`.
const NEURONS_PER_CLASS: usize = 16;
const WEIGHT: f32 = 1.0 / 16.0;

/// Makes a network of `layers` layers, `neurons` neurons each, with [`Activation::SDGC`].
///
/// The same seed gives the same layers on every machine, and a deeper network begins with the layers of
/// a shallower one. Layers are made in parallel; `layer_done` counts them.
///
/// # Errors
/// If `neurons` is not `16·2^K` with `K ≥ 1` (a block has `K` layers), there is no layer, or the bias is
/// not finite.
pub fn generate(
    neurons: usize,
    layers: usize,
    bias: f32,
    seed: u64,
    layer_done: Progress<'_>,
) -> Result<Network, DataError> {
    check_layers(layers)?;
    let base = Base::new(neurons)?;
    let make = |i| {
        let weights = base.layer(i % base.layers, &base.permutation(i / base.layers, seed))?;
        Ok(Layer::new(weights, Bias::Uniform(bias), Activation::SDGC)?)
    };
    Ok(Network::new(parallel::try_map(layers, layer_done, make)?)?)
}

/// The block before its inputs are permuted.
struct Base {
    neurons: u32,
    /// `G`.
    classes: usize,
    /// `K`.
    layers: usize,
}

impl Base {
    fn new(neurons: usize) -> Result<Self, DataError> {
        let classes = neurons / NEURONS_PER_CLASS;
        match u32::try_from(neurons) {
            Ok(width) if width.is_power_of_two() && classes >= 2 => {
                Ok(Base { neurons: width, classes, layers: classes.ilog2() as usize })
            }
            _ => Err(DataError::InvalidRequest {
                what: "the number of neurons a layer",
                found: neurons.to_string(),
                expected: "16·2^K with K from 1 to 27 (32, 64, 128, …)".to_owned(),
            }),
        }
    }

    /// `p_b`; each block has its own stream of random numbers, so no block needs the ones before it.
    fn permutation(&self, block: usize, seed: u64) -> Vec<u32> {
        if block == 0 {
            (0..self.neurons).collect()
        } else {
            Random::new(seed, block as u64).permutation(self.neurons)
        }
    }

    /// The layer at place `place` of the block whose inputs `permutation` permutes.
    fn layer(&self, place: usize, permutation: &[u32]) -> Result<SparseWeights, snicit::Error> {
        let neurons = permutation.len();
        let shared_inputs = |class: usize| {
            let other = (class + (1 << place)) % self.classes;
            let members = |class| permutation[class..].iter().step_by(self.classes);
            let mut inputs: Vec<u32> = members(class).chain(members(other)).copied().collect();
            inputs.sort_unstable();
            inputs
        };
        let of_class: Vec<Vec<u32>> = (0..self.classes).map(shared_inputs).collect();
        let input_indices: Vec<u32> =
            (0..neurons).flat_map(|output| &of_class[output % self.classes]).copied().collect();
        let row_offsets = (0..=neurons).map(|output| output * CONNECTIONS_PER_NEURON).collect();
        let values = vec![WEIGHT; input_indices.len()];
        Ok(SparseWeights::from_rows(neurons, row_offsets, input_indices, values)?)
    }
}

#[cfg(test)]
mod tests {
    use snicit::network::MiniBlocks;

    use super::*;

    fn network(neurons: usize, layers: usize, seed: u64) -> Network {
        generate(neurons, layers, -0.3, seed, &|_| ()).unwrap()
    }

    #[test]
    fn widths_that_cannot_be_built_are_refused() {
        for neurons in [0, 16, 33, 48, 1000, 1 << 33] {
            let error = generate(neurons, 1, -0.3, 1, &|_| ()).unwrap_err();
            let expected = format!(
                "the number of neurons a layer is {neurons}, expected 16·2^K with K from 1 to 27 \
                 (32, 64, 128, …)"
            );
            assert_eq!(error.to_string(), expected);
        }
        assert!(generate(64, 0, -0.3, 1, &|_| ()).is_err());
        assert!(generate(64, 1, f32::NAN, 1, &|_| ()).is_err());
    }

    #[test]
    fn every_neuron_has_32_connections_on_either_side() {
        for neurons in [32, 64, 128, 1024] {
            for (i, layer) in network(neurons, 15, 5).layers().iter().enumerate() {
                let weights = layer.weights();
                let mut out = vec![0; neurons];
                for output in 0..neurons {
                    let (inputs, _) = weights.row(output);
                    assert_eq!(inputs.len(), CONNECTIONS_PER_NEURON);
                    inputs.iter().for_each(|&input| out[input as usize] += 1);
                }
                assert!(out.iter().all(|&connections| connections == CONNECTIONS_PER_NEURON));
                assert_eq!(weights.equal_weight(), Some(WEIGHT));
                let last_of_block = (i + 1) % (neurons / NEURONS_PER_CLASS).ilog2() as usize == 0;
                let shared_by = if last_of_block { 2 * NEURONS_PER_CLASS } else { NEURONS_PER_CLASS };
                assert_eq!(MiniBlocks::find(weights).blocks.len(), neurons / shared_by);
            }
        }
    }

    #[test]
    fn the_first_block_leads_everywhere_along_equally_many_paths() {
        let mut paths = vec![0_u64; 128];
        paths[77] = 1;
        for layer in network(128, 3, 5).layers() {
            let from = |output| layer.weights().row(output).0.iter().map(|&i| paths[i as usize]).sum();
            paths = (0..128).map(from).collect();
        }
        assert_eq!(paths, [256; 128]);
    }

    #[test]
    fn deeper_networks_begin_like_shallower_ones() {
        let weights = |network: &Network, i: usize| network.layers()[i].weights().clone();
        let (deep, shallow, other) = (network(64, 9, 5), network(64, 5, 5), network(64, 9, 6));
        for i in 0..5 {
            assert_eq!(weights(&deep, i), weights(&shallow, i));
        }
        // Blocks of two layers: the first is the same for all seeds, no later one is.
        for i in 0..9 {
            assert_eq!(weights(&deep, i) == weights(&other, i), i < 2, "layer {}", i + 1);
            assert!(i < 2 || weights(&deep, i) != weights(&deep, i - 2), "layer {}", i + 1);
        }
    }
}
