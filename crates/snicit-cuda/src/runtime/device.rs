//! A GPU and the streams of work sent to it.

use std::sync::Arc;

use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute};
use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError, result};

use crate::CudaError;
use crate::error::DriverContext;

/// Checks that there is a driver and gives the number of GPUs it sees. Must come before any other call
/// to the driver: cudarc panics where the driver's library is missing.
///
/// # Errors
/// [`CudaError::NoDriver`], or what the driver says.
pub(crate) fn probe() -> Result<usize, CudaError> {
    // SAFETY: loads the driver's library, whose initialisers have no preconditions.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::NoDriver);
    }
    match result::init() {
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => return Ok(0),
        // The library of a driver package without the kernel's part.
        Err(DriverError(
            sys::CUresult::CUDA_ERROR_STUB_LIBRARY | sys::CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
        )) => return Err(CudaError::NoDriver),
        other => other.to("start")?,
    }
    let count = result::device::get_count().to("count the GPUs")?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The version of CUDA that the driver supports, major and minor.
///
/// # Errors
/// What the driver says. [`probe`] must have succeeded.
pub(crate) fn driver_version() -> Result<(i32, i32), CudaError> {
    let mut version = 0;
    // SAFETY: writes one number; the library is there.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result().to("give its version")?;
    Ok((version / 1000, version % 1000 / 10))
}

/// A GPU in use by this process.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) context: Arc<CudaContext>,
    pub(crate) name: String,
    /// Compute capability, major and minor.
    pub(crate) capability: (i32, i32),
    pub(crate) multiprocessors: u32,
    /// Shared memory that a block can get, in bytes.
    pub(crate) shared_memory: usize,
}

impl Device {
    /// Takes GPU number `ordinal`, from 0.
    ///
    /// # Errors
    /// If there is no driver or no such GPU, or it is too old.
    pub(crate) fn open(ordinal: usize) -> Result<Self, CudaError> {
        let count = probe()?;
        if ordinal >= count {
            return Err(CudaError::NoDevice { ordinal, count });
        }
        let context = CudaContext::new(ordinal).to("open the GPU")?;
        // SAFETY: buffers are not cudarc's own; this engine orders its streams itself.
        unsafe { context.disable_event_tracking() };
        let name = context.name().to("name the GPU")?;
        let capability = context.compute_capability().to("describe the GPU")?;
        if capability < (7, 0) {
            return Err(CudaError::TooOld { name, capability });
        }
        let attribute = |attribute| context.attribute(attribute).to("describe the GPU");
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let shared = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        Ok(Device {
            name,
            capability,
            multiprocessors: multiprocessors.unsigned_abs(),
            shared_memory: shared.unsigned_abs() as usize,
            context,
        })
    }

    /// As NVRTC writes it.
    pub(crate) fn architecture(&self) -> i32 {
        self.capability.0 * 10 + self.capability.1
    }

    /// Free and total memory, in bytes.
    pub(crate) fn memory(&self) -> Result<(usize, usize), CudaError> {
        self.context.mem_get_info().to("tell the free memory")
    }

    pub(crate) fn new_stream(&self) -> Result<Arc<CudaStream>, CudaError> {
        self.context.new_stream().to("create a stream")
    }

    /// An event whose time can be read.
    pub(crate) fn timed_event(&self) -> Result<CudaEvent, CudaError> {
        let flags = sys::CUevent_flags::CU_EVENT_DEFAULT;
        self.context.new_event(Some(flags)).to("create an event")
    }

    /// An event that only orders work.
    pub(crate) fn event(&self) -> Result<CudaEvent, CudaError> {
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING;
        self.context.new_event(Some(flags)).to("create an event")
    }
}
