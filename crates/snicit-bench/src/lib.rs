//! The tables and figures of the SNICIT paper (Jiang et al., ICPP 2023): measured, kept, drawn, reported.
//!
//! ```text
//! grid ─ tasks ─▶ sweep ─▶ measure ─▶ Record ─▶ store ─▶ ResultFile ─┬─▶ tables, csv
//!                   ▲                            (points are kept)   ├─▶ figures ─▶ plot ─▶ SVG, PNG
//!                   └─ engine, workloads                             └─▶ page: one HTML file
//! ```
//!
//! Experiments are data ([`grid`]); a [`Task`] is one point of a sweep. The engine is handed in, so this crate
//! knows no device.

mod budget;
pub mod compare;
mod contestants;
mod counting;
pub mod csv;
mod differences;
mod embedding;
pub mod environment;
mod error;
pub mod figures;
pub mod grid;
mod grouping;
mod markup;
pub mod measure;
mod memory;
mod not_run;
pub mod numbers;
mod order;
pub mod output;
pub mod page;
pub mod plot;
mod points;
pub mod published;
pub mod record;
mod result_id;
pub mod statistics;
pub mod store;
pub mod sweep;
pub mod tables;
mod task;
mod truth;
pub mod workloads;

pub use contestants::{Contestants, Peer};
pub use error::BenchError;
pub use not_run::Cause;
pub use result_id::{Grid, ResultId};
pub use store::Store;
pub use sweep::{Sweep, TimeLeft, Watch};
pub use task::{Task, Workload};
pub use workloads::Workloads;
