//! The network model: layers of sparse weights, biases and activation functions.

mod activation;
mod bias;
mod equal_neurons;
mod layer;
mod mini_blocks;
mod saturation;
mod weights;

pub use activation::Activation;
pub use bias::Bias;
pub use equal_neurons::{MergedNeurons, Reduction};
pub use layer::Layer;
pub use mini_blocks::{MiniBlock, MiniBlocks};
pub use weights::{Connection, InvalidWeights, SparseWeights};

use std::sync::Arc;

use crate::Error;

/// A feed-forward network: layer `i` computes `Y(i) = σ(W(i)·Y(i−1) + b(i))`.
///
/// Layers may differ in every respect; each must take as many inputs as its predecessor puts out.
/// Cloning shares the layers.
#[derive(Debug, Clone)]
pub struct Network {
    layers: Vec<Arc<Layer>>,
}

impl Network {
    /// Chains `layers`, first to last.
    ///
    /// # Errors
    /// [`Error::NoLayers`], or [`Error::WidthMismatch`] naming the first layer that does not fit.
    pub fn new(layers: impl IntoIterator<Item = Layer>) -> Result<Self, Error> {
        let layers: Vec<Arc<Layer>> = layers.into_iter().map(Arc::new).collect();
        if layers.is_empty() {
            return Err(Error::NoLayers);
        }
        for (i, pair) in layers.windows(2).enumerate() {
            let (expected, found) = (pair[0].outputs(), pair[1].inputs());
            if expected != found {
                return Err(Error::WidthMismatch { layer: i + 2, expected, found });
            }
        }
        Ok(Network { layers })
    }

    /// The layers, first to last; never empty.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    /// Features an input must have.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Neurons of the last layer.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs()
    }

    /// The largest number of neurons before or after any layer.
    pub fn max_width(&self) -> usize {
        self.layers.iter().map(|layer| layer.inputs().max(layer.outputs())).max().unwrap_or(0)
    }

    /// Connections of all layers together.
    pub fn connections(&self) -> u64 {
        self.layers.iter().map(|layer| layer.weights().connections() as u64).sum()
    }

    /// The smallest `i` such that every layer from index `i` (0-based) on turns an all-zero column into
    /// an all-zero column. From there on an empty column can be dropped: it stays empty to the end.
    pub fn preserves_zero_from(&self) -> usize {
        let preserving = self.layers.iter().rev().take_while(|layer| layer.preserves_zero()).count();
        self.layers.len() - preserving
    }

    /// The network that consists of the first `layers` layers.
    ///
    /// # Panics
    /// If `layers` is 0 or larger than the number of layers.
    pub fn truncated(&self, layers: usize) -> Self {
        assert!(layers >= 1, "a network has at least one layer");
        Network { layers: self.layers[..layers].to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(inputs: usize, outputs: usize, bias: f32) -> Layer {
        let weights = SparseWeights::from_connections(inputs, outputs, vec![]).unwrap();
        Layer::new(weights, Bias::Uniform(bias), Activation::SDGC).unwrap()
    }

    #[test]
    fn names_the_layer_that_does_not_fit() {
        let layers = [layer(3, 4, 0.0), layer(4, 5, 0.0), layer(6, 2, 0.0)];
        let error = Network::new(layers).unwrap_err();
        assert_eq!(error.to_string(), "layer 3 takes 6 inputs, but layer 2 puts out 5");
    }

    #[test]
    fn needs_a_layer() {
        assert!(matches!(Network::new([]), Err(Error::NoLayers)));
    }

    #[test]
    fn zero_is_preserved_after_the_last_positive_bias() {
        let layers = [layer(2, 2, -0.1), layer(2, 2, 0.5), layer(2, 2, 0.0), layer(2, 2, -1.0)];
        assert_eq!(Network::new(layers).unwrap().preserves_zero_from(), 2);
        assert_eq!(Network::new([layer(2, 2, 0.5)]).unwrap().preserves_zero_from(), 1);
        assert_eq!(Network::new([layer(2, 2, 0.0)]).unwrap().preserves_zero_from(), 0);
    }
}
