//! What GPUs there are, for people.

use crate::CudaError;
use crate::runtime::nvrtc;
use crate::runtime::{Device, driver_version, probe};

/// What is known of a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Its number, from 0, as the driver counts.
    pub ordinal: usize,
    /// Its name.
    pub name: String,
    /// Compute capability, major and minor.
    pub capability: (i32, i32),
    /// Free memory, in bytes.
    pub free_memory: u64,
    /// All memory, in bytes.
    pub total_memory: u64,
}

impl DeviceInfo {
    /// The architecture as the compiler writes it, as in `sm_90`.
    pub fn architecture(&self) -> String {
        format!("sm_{}{}", self.capability.0, self.capability.1)
    }
}

/// The GPUs of this machine and the software to use them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Devices {
    /// The version of CUDA that the driver supports, major and minor.
    pub driver: (i32, i32),
    /// NVRTC's version and where it was found; or what to do to have it.
    pub compiler: Result<String, CudaError>,
    /// The GPUs; of each, what is known, or why it cannot be used.
    pub devices: Vec<Result<DeviceInfo, CudaError>>,
}

/// Looks for a driver, GPUs and the compiler. Compiles nothing.
///
/// # Errors
/// [`CudaError::NoDriver`], or what the driver says.
pub fn devices() -> Result<Devices, CudaError> {
    let count = probe()?;
    let driver = driver_version()?;
    let compiler = nvrtc::load(Some(driver.0)).map(|nvrtc| {
        let (major, minor) = nvrtc.version();
        format!("NVRTC {major}.{minor} ({})", nvrtc.path().display())
    });
    let devices = (0..count).map(describe).collect();
    Ok(Devices { driver, compiler, devices })
}

fn describe(ordinal: usize) -> Result<DeviceInfo, CudaError> {
    let device = Device::open(ordinal)?;
    let (free, total) = device.memory()?;
    Ok(DeviceInfo {
        ordinal,
        capability: device.capability,
        free_memory: free as u64,
        total_memory: total as u64,
        name: device.name,
    })
}
