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
//!
//! ```
//! use snicit::{
//!     Activation, Activations, Bias, Connection, CpuEngine, Engine, Inputs, Layer, Method, Network,
//!     Plan, SparseWeights,
//! };
//!
//! // Two neurons, one layer: neuron 0 feeds both outputs, neuron 1 only the second.
//! let weights = SparseWeights::from_connections(
//!     2,
//!     2,
//!     vec![
//!         Connection { input: 0, output: 0, weight: 0.5 },
//!         Connection { input: 0, output: 1, weight: 1.0 },
//!         Connection { input: 1, output: 1, weight: -2.0 },
//!     ],
//! )?;
//! let layer = Layer::new(weights, Bias::Uniform(-0.1), Activation::SDGC)?;
//! let network = Network::new(vec![layer])?;
//!
//! // Two inputs of two features each.
//! let inputs = Inputs::from(Activations::new(2, 2, vec![1.0, 0.0, 0.0, 1.0])?);
//!
//! let engine = CpuEngine::new()?;
//! let prepared = engine.prepare(&network, &Plan::new(Method::Xy2021))?;
//! let outcome = prepared.infer(&inputs)?;
//!
//! assert_eq!(outcome.output.to_activations().values(), &[0.4, 0.9, 0.0, 0.0]);
//! assert_eq!(outcome.output.categories().indices(), &[1]);
//! # Ok::<(), snicit::Error>(())
//! ```

pub mod activations;
pub mod categories;
pub mod classes;
pub mod cpu;
pub mod engine;
mod error;
pub mod network;
pub mod reference;

pub use activations::{Activations, BitActivations, Column, InputBatch, Inputs, Output};
pub use categories::Categories;
pub use cpu::{CpuEngine, CpuOptions, InstructionSet};
pub use engine::{
    Engine, FeedForward, Method, Observer, Outcome, Plan, Prepared, Report, SnicitOptions, StageTimes,
    Threshold,
};
pub use error::Error;
pub use network::{Activation, Bias, Connection, Layer, Network, SparseWeights};
