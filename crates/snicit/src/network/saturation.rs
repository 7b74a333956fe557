//! Which layers provably keep a saturated column saturated.
//!
//! A column is *saturated* when all its activations are at the upper bound of the activation function, the
//! Graph Challenge's 32. A layer *preserves saturation* if every output `j` is saturated again, whatever the
//! rounding of the kernel that computes it. With `m` the upper bound before the layer and `h` its own, `k`
//! the connections of `j`, `b` its bias and `u = 2⁻²⁴`:
//!
//! `m·Σw + b − 16·(k + 2)·u·(m·Σ|w| + |b|) ≥ h`
//!
//! The subtracted term bounds the error of the sum. Float32 in any order, with or without fused
//! multiply-adds, errs by at most `(k + 2)·u/(1 − (k + 2)·u)` of the sum of magnitudes (Higham, *Accuracy
//! and Stability of Numerical Algorithms*, ch. 3). Matrix units cut sums off and take operands in several
//! parts: engines may err by eight times as much. Sixteen leaves room for the roundings of this sum itself,
//! which is taken in float64.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Layer, Network};

/// Errors of engines, in units of float32's own bound, with a margin.
const ERROR_FACTOR: f64 = 16.0;

impl Layer {
    /// Whether a column whose activations are all `max` becomes one whose activations are all at this
    /// layer's upper bound, by any kernel; see `network/saturation.rs` for the bound.
    pub fn preserves_saturation(&self, max: f32) -> bool {
        const UNIT_ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;
        /// Outputs that a thread takes at once.
        const OUTPUTS: usize = 2048;
        let (_, high) = self.activation().bounds();
        if !(max.is_finite() && high.is_finite()) {
            return false;
        }
        let (max, high) = (f64::from(max), f64::from(high));
        (0..self.outputs()).into_par_iter().with_min_len(OUTPUTS).all(|output| {
            let (inputs, weights) = self.weights().row(output);
            let (sum, magnitude) = weights.iter().fold((0.0, 0.0), |(sum, magnitude), &weight| {
                let weight = f64::from(weight);
                (sum + weight, magnitude + weight.abs())
            });
            let bias = f64::from(self.bias().of(output));
            let error = (inputs.len() + 2) as f64 * UNIT_ROUNDOFF * (max * magnitude + bias.abs());
            max * sum + bias - ERROR_FACTOR * error >= high
        })
    }
}

impl Network {
    /// The smallest `i`, at least 1, such that every layer from index `i` (0-based) on preserves saturation,
    /// by [`Layer::preserves_saturation`]: a column that is saturated when it enters layer `i` is so behind
    /// the last. The number of layers if there is no such layer. Reads all weights from there on.
    pub fn preserves_saturation_from(&self) -> usize {
        let preserves = |pair: &&[Arc<Layer>]| {
            let (_, max) = pair[0].activation().bounds();
            pair[1].preserves_saturation(max)
        };
        let preserving = self.layers.windows(2).rev().take_while(preserves).count();
        self.layers.len() - preserving
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Bias, Connection, SparseWeights};

    fn layer(weights: &[f32], bias: f32, max: Option<f32>) -> Layer {
        let connection =
            |(input, &weight): (usize, &f32)| Connection { input: input as u32, output: 0, weight };
        let connections = weights.iter().enumerate().map(connection).collect();
        let weights = SparseWeights::from_connections(weights.len(), 1, connections).unwrap();
        Layer::new(weights, Bias::Uniform(bias), Activation::Relu { max }).unwrap()
    }

    #[test]
    fn sums_must_reach_the_bound_with_a_margin() {
        let preserves =
            |weights: &[f32], bias| layer(weights, bias, Some(32.0)).preserves_saturation(32.0);
        assert!(preserves(&[1.0, 1.0], -0.3));
        assert!(preserves(&[2.0, -0.5], -0.3));
        assert!(!preserves(&[0.5, 0.5], -0.3), "too small");
        assert!(!preserves(&[0.5, 0.5], 0.0), "reaches it, but may be rounded below");
        assert!(preserves(&[0.5, 0.5], 0.01));
        assert!(!preserves(&[1e6, 1.0, -1e6], 0.0), "the rounding of the large ones is larger");
        assert!(!preserves(&[], 0.0));
        assert!(preserves(&[], 33.0));
    }

    #[test]
    fn bounds_may_differ_from_layer_to_layer_but_must_exist() {
        assert!(layer(&[1.0], 0.0, Some(1.0)).preserves_saturation(2.0));
        assert!(!layer(&[1.0], 0.0, Some(2.0)).preserves_saturation(1.0));
        assert!(!layer(&[9.0], 0.0, None).preserves_saturation(1.0));
        assert!(!layer(&[9.0], 0.0, Some(1.0)).preserves_saturation(f32::INFINITY));
    }

    #[test]
    fn the_last_layer_that_fails_decides() {
        let from = |layers: Vec<Layer>| Network::new(layers).unwrap().preserves_saturation_from();
        let good = || layer(&[2.0], 0.0, Some(1.0));
        let bad = || layer(&[0.5], 0.0, Some(1.0));
        assert_eq!(from(vec![good(), good(), good()]), 1, "inputs have no bound");
        assert_eq!(from(vec![bad(), good(), good()]), 1);
        assert_eq!(from(vec![good(), bad(), good(), good()]), 2);
        assert_eq!(from(vec![good(), good(), bad()]), 3);
        assert_eq!(from(vec![good()]), 1);
        assert_eq!(from(vec![good(), layer(&[2.0], 0.0, None), good()]), 3);
    }
}
