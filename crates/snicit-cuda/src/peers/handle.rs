//! A library's handle: what its calls are made with.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use super::library::Library;
use crate::CudaError;

pub(super) type Handle = *mut c_void;
pub(super) type Status = c_int;

/// Both libraries begin alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandleFunctions {
    pub(super) create: unsafe extern "C" fn(*mut Handle) -> Status,
    pub(super) destroy: unsafe extern "C" fn(Handle) -> Status,
    pub(super) version: unsafe extern "C" fn(Handle, *mut c_int) -> Status,
    pub(super) set_stream: unsafe extern "C" fn(Handle, *mut c_void) -> Status,
}

/// A library's functions.
pub(super) trait Functions: Copy {
    /// Those for its handle.
    fn of_handle(&self) -> &HandleFunctions;

    /// An error if `status` is none of success.
    fn check(&self, status: Status, action: &'static str) -> Result<(), CudaError>;

    /// The library's version as it gives it.
    fn version(&self) -> Result<i32, CudaError> {
        let handle = OwnedHandle::new(*self, None)?;
        let mut version = 0;
        // SAFETY: the handle is alive; writes one number.
        let status = unsafe { (self.of_handle().version)(handle.handle, &mut version) };
        self.check(status, "give its version")?;
        Ok(version)
    }
}

/// A handle of the library for one network's stream.
pub(super) struct OwnedHandle<F: Functions> {
    pub(super) functions: F,
    pub(super) handle: Handle,
    /// Loaded for as long as the handle is in use.
    _library: Option<Arc<Library>>,
}

// SAFETY: a handle may be used by any thread, by one at a time: whoever computes holds the lock of the
// prepared network.
unsafe impl<F: Functions + Send> Send for OwnedHandle<F> {}
// SAFETY: as above.
unsafe impl<F: Functions + Sync> Sync for OwnedHandle<F> {}

impl<F: Functions> OwnedHandle<F> {
    /// For the GPU that is current in this thread.
    pub(super) fn new(functions: F, library: Option<Arc<Library>>) -> Result<Self, CudaError> {
        let mut handle = ptr::null_mut();
        // SAFETY: writes one handle, which is destroyed once.
        functions.check(unsafe { (functions.of_handle().create)(&mut handle) }, "start")?;
        Ok(OwnedHandle { functions, handle, _library: library })
    }

    /// Sends what is computed to `stream`.
    ///
    /// # Safety
    /// The stream must be alive as long as something is sent with this handle.
    pub(super) unsafe fn use_stream(&self, stream: *mut c_void) -> Result<(), CudaError> {
        // SAFETY: the handle is alive; of the stream the caller says so.
        let status = unsafe { (self.functions.of_handle().set_stream)(self.handle, stream) };
        self.functions.check(status, "take a stream")
    }
}

impl<F: Functions> Drop for OwnedHandle<F> {
    fn drop(&mut self) {
        // SAFETY: created by this library.
        unsafe { (self.functions.of_handle().destroy)(self.handle) };
    }
}
