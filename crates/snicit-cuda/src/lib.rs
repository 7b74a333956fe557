//! The CUDA engine of snicit: BF-2019, SNIG-2020, XY-2021 and SNICIT on an NVIDIA GPU.
//!
//! Nothing of CUDA is needed to build this crate or to run a program that contains it: the driver is loaded
//! when an engine is made, and its kernels (`kernels/*.cu`) are compiled then for the GPU at hand by NVRTC
//! and kept in a cache on disk. Without a driver or NVRTC, [`CudaEngine::new`] says what to install.
//!
//! The way of a batch: `prepared` uploads it and keeps the clock, a method (`feed_forward` with the products
//! of `bf2019` or `xy2021`, `snig2020`, `snicit`) sends its kernels through `run`. Columns that have become
//! empty are left out by lists that live on the device: the host sends all layers without ever asking how
//! many columns are left.

mod arguments;
mod bf2019;
mod clock;
mod columns;
mod dense;
mod devices;
mod early_exit;
mod engine;
mod error;
mod feed_forward;
mod fused;
mod layout;
mod mini_blocks;
pub mod peers;
mod prepared;
mod recording;
mod run;
mod runtime;
mod snicit;
mod snig2020;
mod spmm;
mod versions;
mod weights;
mod workspace;
mod xy2021;

pub use devices::{DeviceInfo, Devices, devices};
pub use engine::{CudaEngine, CudaOptions, MiniBlockUse, Products, UpdateSchedule, WeightPlacement};
pub use error::CudaError;
pub use prepared::CudaPrepared;
pub use runtime::nvrtc;
pub use runtime::{KernelSource, SOURCES, compile};
