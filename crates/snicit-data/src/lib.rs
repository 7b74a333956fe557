//! Reads, writes and makes the networks and inputs that the snicit engines work on.
//!
//! | module | what |
//! | --- | --- |
//! | [`sdgc`] | the files of the Sparse DNN Graph Challenge: layers, inputs, categories |
//! | [`arrays`] | dense arrays in numpy's files, `.npy` and `.npz` |
//! | [`matrices`] | sparse matrices: Matrix Market and scipy's `.npz` |
//! | [`convert`] | from one of these formats to another, without loss |
//! | [`radixnet`] | the challenge's networks, generated |
//! | [`mnist`] | the challenge's inputs, made from the MNIST images |
//! | [`cache`] | networks and inputs in a binary form that loads at the speed of memory |
//! | [`fetch`] | the official files, MNIST and CIFAR-10 from the network |
//! | [`model`] | trained networks in files |
//! | [`samples`] | inputs, labels and answers of trained networks |
//! | [`medium_scale`] | the paper's benchmarks A to D: trained networks, test sets, facts |
//! | [`digits`] | digit-like inputs drawn from nothing, for trying things out |
//!
//! Files are read whether they are gzip or not, whatever their name. They are written under a temporary
//! name and renamed when complete, so that an interrupted run leaves no half file behind.

pub mod arrays;
pub mod atomic_file;
pub mod cache;
pub mod convert;
pub mod digits;
mod error;
pub mod fetch;
pub mod matrices;
pub mod medium_scale;
pub mod mnist;
pub mod model;
mod parallel;
pub mod radixnet;
mod random;
mod rounded;
pub mod samples;
pub mod sdgc;
mod text;

pub use error::{DataError, LineProblem};
pub use rounded::Rounded;

/// Called with the number of further units (layers, say) that are done, from any thread.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);
