//! Memory on the device, and memory of the host that the device can copy from at full speed.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaContext, CudaStream, DriverError, result};

use super::Device;
use crate::CudaError;
use crate::error::DriverContext;

/// An address on the device; 0 is none.
pub(crate) type Pointer = u64;

/// Plain numbers that mean the same on host and device.
///
/// # Safety
/// Any bytes must be a valid value, without padding.
pub(crate) unsafe trait DeviceValue: Copy + Default + 'static {}

// SAFETY: plain numbers.
unsafe impl DeviceValue for u8 {}
// SAFETY: plain numbers.
unsafe impl DeviceValue for u16 {}
// SAFETY: plain numbers.
unsafe impl DeviceValue for u32 {}
// SAFETY: plain numbers.
unsafe impl DeviceValue for u64 {}
// SAFETY: plain numbers; every bit pattern is some float.
unsafe impl DeviceValue for f32 {}

/// Memory on the device, freed when it goes.
#[derive(Debug)]
pub(crate) struct DeviceBuffer {
    context: Arc<CudaContext>,
    pointer: Pointer,
    bytes: usize,
}

impl DeviceBuffer {
    /// Takes `bytes` of memory for `what`; what it holds is not defined.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`].
    pub(crate) fn new(device: &Device, bytes: usize, what: &'static str) -> Result<Self, CudaError> {
        let context = Arc::clone(&device.context);
        context.bind_to_thread().to("switch to the GPU")?;
        // The driver refuses to give nothing.
        // SAFETY: the memory is freed when the buffer is dropped, and not read before it is written.
        let given = unsafe { result::malloc_sync(bytes.max(1)) };
        if let Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) = given {
            let free = device.memory().map_or(0, |(free, _)| free as u64);
            return Err(CudaError::OutOfMemory { what, bytes: bytes as u64, free });
        }
        Ok(DeviceBuffer { pointer: given.to("give memory")?, context, bytes })
    }

    /// Its address.
    pub(crate) fn pointer(&self) -> Pointer {
        self.pointer
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Copies `values` to byte `offset`; returns when that is done.
    ///
    /// # Panics
    /// If they do not fit.
    pub(crate) fn upload<T: DeviceValue>(
        &mut self,
        offset: usize,
        values: &[T],
    ) -> Result<(), CudaError> {
        assert!(offset + size_of_val(values) <= self.bytes, "beyond the end of a buffer");
        if values.is_empty() {
            return Ok(());
        }
        self.context.bind_to_thread().to("switch to the GPU")?;
        // SAFETY: source and destination are that large, and `&mut self` says that no one else uses the
        // buffer (work that does is waited for before a batch ends).
        unsafe { result::memcpy_htod_sync(self.pointer + offset as u64, values) }
            .to("copy to the GPU")?;
        // From ordinary memory, the driver returns when it has taken the values over, which may be before
        // they have reached the GPU; other streams do not wait for that by themselves.
        // SAFETY: null is the default stream, in which that copy is.
        unsafe { result::stream::synchronize(ptr::null_mut()) }.to("copy to the GPU")
    }

    /// Copies `count` values from byte `offset`; the work that writes them must have been waited for.
    ///
    /// # Panics
    /// If they lie beyond the end.
    pub(crate) fn download<T: DeviceValue>(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<Vec<T>, CudaError> {
        assert!(offset + count * size_of::<T>() <= self.bytes, "beyond the end of a buffer");
        let mut values = vec![T::default(); count];
        if count > 0 {
            self.context.bind_to_thread().to("switch to the GPU")?;
            // SAFETY: source and destination are that large, and any bytes are a valid T.
            unsafe { result::memcpy_dtoh_sync(&mut values, self.pointer + offset as u64) }
                .to("copy from the GPU")?;
        }
        Ok(values)
    }

    /// Fills the first `bytes` with `byte`, in the order of `stream`.
    ///
    /// # Panics
    /// If the buffer is smaller.
    pub(crate) fn fill(&self, stream: &CudaStream, byte: u8, bytes: usize) -> Result<(), CudaError> {
        assert!(bytes <= self.bytes, "beyond the end of a buffer");
        if bytes == 0 {
            return Ok(());
        }
        self.context.bind_to_thread().to("switch to the GPU")?;
        // SAFETY: the buffer is that large and lives until the stream's work has been waited for.
        unsafe { result::memset_d8_async(self.pointer, byte, bytes, stream.cu_stream()) }
            .to("fill memory")
    }

    /// Starts to copy `source` to the beginning, in the order of `stream`.
    ///
    /// # Panics
    /// If the buffer is smaller.
    pub(crate) fn upload_later(
        &self,
        stream: &CudaStream,
        source: &PinnedBuffer,
    ) -> Result<(), CudaError> {
        assert!(source.bytes <= self.bytes, "beyond the end of a buffer");
        self.context.bind_to_thread().to("switch to the GPU")?;
        // SAFETY: both buffers are that large and live until the stream's work has been waited for; the
        // source is not changed after it was made.
        unsafe { result::memcpy_htod_async(self.pointer, source.as_slice(), stream.cu_stream()) }
            .to("copy to the GPU")
    }
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        // Nothing can be done about failures here, and the next call of the driver reports them.
        let _ = self.context.bind_to_thread();
        // SAFETY: given by malloc_sync, freed once. The driver waits for work in flight.
        let _ = unsafe { result::free_sync(self.pointer) };
    }
}

/// Page-locked memory of the host; the device copies to and from it at full speed and in its own time.
#[derive(Debug)]
pub(crate) struct PinnedBuffer {
    context: Arc<CudaContext>,
    pointer: *mut c_void,
    bytes: usize,
}

// SAFETY: the memory is owned by the buffer alone.
unsafe impl Send for PinnedBuffer {}
// SAFETY: shared references only read.
unsafe impl Sync for PinnedBuffer {}

impl PinnedBuffer {
    /// Locks `bytes` of memory, filled with zeros.
    pub(crate) fn zeroed(device: &Device, bytes: usize) -> Result<Self, CudaError> {
        let context = Arc::clone(&device.context);
        context.bind_to_thread().to("switch to the GPU")?;
        // SAFETY: freed when the buffer is dropped, and filled before it is read.
        let pointer = unsafe { result::malloc_host(bytes.max(1), 0) }.to("lock memory of the host")?;
        // SAFETY: that many bytes were just given.
        unsafe { ptr::write_bytes(pointer.cast::<u8>(), 0, bytes) };
        Ok(PinnedBuffer { context, pointer, bytes })
    }

    /// Locks memory and copies `content` there.
    pub(crate) fn holding(device: &Device, content: &[u8]) -> Result<Self, CudaError> {
        let buffer = Self::zeroed(device, content.len())?;
        // SAFETY: that many bytes were just given, and no one else knows of them.
        unsafe { ptr::copy_nonoverlapping(content.as_ptr(), buffer.pointer.cast(), content.len()) };
        Ok(buffer)
    }

    /// Starts to copy the first `bytes` of `source` to byte `offset`, in the order of `stream`.
    ///
    /// # Panics
    /// If they do not fit.
    pub(crate) fn download_later(
        &mut self,
        stream: &CudaStream,
        offset: usize,
        source: Pointer,
        bytes: usize,
    ) -> Result<(), CudaError> {
        assert!(offset + bytes <= self.bytes, "beyond the end of a buffer");
        if bytes == 0 {
            return Ok(());
        }
        self.context.bind_to_thread().to("switch to the GPU")?;
        // SAFETY: that many bytes lie behind the offset; they are read only after the stream's work has
        // been waited for.
        let target =
            unsafe { std::slice::from_raw_parts_mut(self.pointer.cast::<u8>().add(offset), bytes) };
        // SAFETY: as above; the source is a live buffer that large.
        unsafe { result::memcpy_dtoh_async(target, source, stream.cu_stream()) }.to("copy from the GPU")
    }

    /// The numbers in it; copies to it must have been waited for.
    pub(crate) fn numbers(&self) -> &[u32] {
        // SAFETY: page-locked memory is aligned to a page, was filled, and any bytes are numbers.
        unsafe { std::slice::from_raw_parts(self.pointer.cast(), self.bytes / size_of::<u32>()) }
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn as_slice(&self) -> &[u8] {
        // SAFETY: that many bytes were given and filled.
        unsafe { std::slice::from_raw_parts(self.pointer.cast(), self.bytes) }
    }
}

impl Drop for PinnedBuffer {
    fn drop(&mut self) {
        let _ = self.context.bind_to_thread();
        // SAFETY: given by malloc_host, freed once; copies from it have been waited for.
        let _ = unsafe { result::free_host(self.pointer) };
    }
}
