//! What lies between the engine and the driver: the compiler, compiled kernels, memory, launches.

mod cubin_cache;
mod device;
mod graph;
mod kernels;
pub(crate) mod locate;
mod memory;
pub mod nvrtc;

pub(crate) use cubin_cache::CubinCache;
pub(crate) use device::{Device, driver_version, probe};
pub(crate) use graph::Graph;
pub(crate) use kernels::{Kernel, KernelArguments, Kernels, Launch};
pub use kernels::{KernelSource, SOURCES, compile};
pub(crate) use memory::{DeviceBuffer, DeviceValue, PinnedBuffer, Pointer};
