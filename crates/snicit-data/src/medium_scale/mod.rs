//! The paper's medium-scale benchmarks A to D: trained networks, test sets, facts.
//!
//! A, B and C classify MNIST's images: a dense layer of 784 × N, `l` sparse layers of N × N, a dense layer
//! of N × 10. D classifies CIFAR-10: the features that enter its first sparse layer are its inputs, and it
//! has no first dense layer. Activations are clipped to \[0, 1\] after every layer but the last.

mod artifact;
mod benchmark;
mod embedded;
mod features;
mod letter;

pub use benchmark::{Benchmark, Source, load};
pub use letter::{DataSet, Letter};

/// Classes of either data set.
pub const CLASSES: usize = 10;

/// The paper's threshold layer for `layers` sparse layers, counted from the first of them: the largest even
/// number that is at most half of them.
pub fn threshold_layer(layers: usize) -> usize {
    layers / 2 / 2 * 2
}
