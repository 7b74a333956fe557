//! Inference in sparse deep neural networks.
//!
//! A *network* is a chain of *layers*; a layer computes `Y' = σ(W·Y + b)` with a sparse matrix `W`.
//! One column of `Y` is one *input* of the batch. Four *methods* are implemented:
//!
//! | method | idea |
//! | --- | --- |
//! | BF-2019 | scatter each non-zero activation along its connections, slab by slab; drop empty columns |
//! | SNIG-2020 | the same kernel as one task graph; flags instead of dropping |
//! | XY-2021 | outputs that share their inputs form dense mini-blocks; a cost model picks the kernel |
//! | SNICIT | after a *threshold layer*, keep a few *centroid* columns and the *residues* of the others |
//!
//! The way of the data: [`Network`] and [`Inputs`] → [`Engine::prepare`] → [`Prepared::infer_batch`]
//! → [`Outcome`].

pub mod activations;
pub mod categories;
pub mod engine;
mod error;
pub mod network;
pub mod reference;

pub use activations::{Activations, BitActivations, Column, InputBatch, Inputs, Output};
pub use categories::Categories;
pub use engine::{
    Engine, FeedForward, Method, Observer, Outcome, Plan, Prepared, Report, SnicitOptions, StageTimes,
    Threshold,
};
pub use error::Error;
pub use network::{Activation, Bias, Connection, Layer, Network, SparseWeights};
