//! Early exit: an extra that skips the layers behind one after which the answer is known.

use crate::Network;

/// Where a network's remaining layers cannot change any more what is saturated or zero.
///
/// From layer [`EarlyExit::from`] on, every layer keeps a saturated column saturated
/// ([`Network::preserves_saturation_from`]) and a zero column zero ([`Network::preserves_zero_from`]). If all
/// columns are one or the other there, those that are saturated have [`EarlyExit::output`] in every output,
/// and the others are zero. That is what computing the remaining layers would give, to the last bit.
///
/// **With pruning.** SNICIT's columns behind the conversion are a centroid and a residue. It exits there only
/// when no residue is left and the centroids are saturated or zero: then its remaining layers would change
/// nothing either. So the answer is that of the same plan without early exit, also where the plan prunes; it
/// says nothing about what the pruning has changed before.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyExit {
    from: usize,
    /// The upper bound of each layer's activations.
    bounds: Vec<f32>,
}

impl EarlyExit {
    /// `None` if some layer spoils it to the end: there is nothing to skip.
    pub fn of(network: &Network) -> Option<Self> {
        let from = network.preserves_saturation_from().max(network.preserves_zero_from());
        let bounds = network.layers().iter().map(|layer| layer.activation().bounds().1);
        (from < network.layers().len()).then(|| EarlyExit { from, bounds: bounds.collect() })
    }

    /// The first layer (0-based) that may be skipped with all behind it; at least 1.
    pub fn from(&self) -> usize {
        self.from
    }

    /// The value of a saturated column that enters layer `layer` (0-based); `None` if no layer may be
    /// skipped there, or none is left.
    pub fn bound_before(&self, layer: usize) -> Option<f32> {
        (self.from..self.bounds.len()).contains(&layer).then(|| self.bounds[layer - 1])
    }

    /// The value of a saturated column behind the last layer.
    pub fn output(&self) -> f32 {
        self.bounds[self.bounds.len() - 1]
    }

    /// What was found in a network of `layers` layers, for people.
    pub fn note(found: Option<&Self>, layers: usize) -> String {
        match found {
            Some(exit) => format!("early exit: possible after layer {} of {layers} or later", exit.from),
            None => {
                "early exit: impossible; the last layer may change saturated or zero columns".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Bias, Connection, Layer, SparseWeights};

    fn layer(weight: f32, bias: f32, max: f32) -> Layer {
        let connections = vec![Connection { input: 0, output: 0, weight }];
        let weights = SparseWeights::from_connections(1, 1, connections).unwrap();
        Layer::new(weights, Bias::Uniform(bias), Activation::Relu { max: Some(max) }).unwrap()
    }

    #[test]
    fn both_proofs_are_needed() {
        let good = |max| layer(3.0, -0.5, max);
        let exit = EarlyExit::of(&Network::new([good(1.0), good(1.0), good(2.0)]).unwrap()).unwrap();
        assert_eq!((exit.from(), exit.output()), (1, 2.0));
        let bounds: Vec<_> = (0..=3).map(|layer| exit.bound_before(layer)).collect();
        assert_eq!(bounds, [None, Some(1.0), Some(1.0), None]);
        assert_eq!(EarlyExit::note(Some(&exit), 3), "early exit: possible after layer 1 of 3 or later");

        let fades = layer(0.5, 0.0, 1.0);
        let wakes = layer(3.0, 0.5, 1.0);
        for spoils in [fades, wakes] {
            let network = Network::new([good(1.0), spoils.clone(), good(1.0)]).unwrap();
            assert_eq!(EarlyExit::of(&network).unwrap().from(), 2);
            let network = Network::new([good(1.0), good(1.0), spoils]).unwrap();
            assert_eq!(EarlyExit::of(&network), None);
        }
    }
}
