//! Products by cuSPARSE: weights as compressed rows (CSR) times a dense matrix.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use snicit::Network;

use super::handle::{Functions, Handle, HandleFunctions, OwnedHandle, Status};
use super::library::Library;
use super::product::{Order, Planned, Product, Variant};
use crate::engine::Gpu;
use crate::layout::{Blob, RowsForm};
use crate::runtime::{Device, DeviceBuffer, Pointer};
use crate::weights::WeightStore;
use crate::{CudaError, WeightPlacement};

type Descriptor = *mut c_void;

/// Numbers of cusparse.h and library_types.h.
const FLOAT32: c_int = 0;
const INDEX_32: c_int = 2;
const FROM_ZERO: c_int = 0;
const AS_IT_IS: c_int = 0;
const BY_COLUMNS: c_int = 1;
const BY_ROWS: c_int = 2;

/// The algorithms for compressed rows, the usually fastest first; the default is one of them.
const ALGORITHMS: [(c_int, &str, &str); 3] = [
    (12, "CSR algorithm 3 by columns", "CSR algorithm 3 by rows"),
    (6, "CSR algorithm 2 by columns", "CSR algorithm 2 by rows"),
    (4, "CSR algorithm 1 by columns", "CSR algorithm 1 by rows"),
];

/// `cusparseSpMM` and `cusparseSpMM_preprocess`.
type Spmm = unsafe extern "C" fn(
    Handle,
    c_int,
    c_int,
    *const f32,
    Descriptor,
    Descriptor,
    *const f32,
    Descriptor,
    c_int,
    c_int,
    *mut c_void,
) -> Status;

#[derive(Debug, Clone, Copy)]
pub(super) struct CuSparse {
    handle: HandleFunctions,
    error_string: unsafe extern "C" fn(Status) -> *const c_char,
    #[allow(clippy::type_complexity, reason = "the library's signature")]
    create_csr: unsafe extern "C" fn(
        *mut Descriptor,
        i64,
        i64,
        i64,
        *mut c_void,
        *mut c_void,
        *mut c_void,
        c_int,
        c_int,
        c_int,
        c_int,
    ) -> Status,
    destroy_sparse: unsafe extern "C" fn(Descriptor) -> Status,
    create_dense:
        unsafe extern "C" fn(*mut Descriptor, i64, i64, i64, *mut c_void, c_int, c_int) -> Status,
    destroy_dense: unsafe extern "C" fn(Descriptor) -> Status,
    #[allow(clippy::type_complexity, reason = "the library's signature")]
    buffer_size: unsafe extern "C" fn(
        Handle,
        c_int,
        c_int,
        *const f32,
        Descriptor,
        Descriptor,
        *const f32,
        Descriptor,
        c_int,
        c_int,
        *mut usize,
    ) -> Status,
    preprocess: Spmm,
    spmm: Spmm,
}

impl CuSparse {
    /// Resolves every function.
    ///
    /// # Safety
    /// `library` must be cuSPARSE.
    pub(super) unsafe fn resolve(library: &libloading::Library) -> Result<Self, libloading::Error> {
        // SAFETY: names and signatures are those of cusparse.h, the same in CUDA 12 and 13.
        unsafe {
            Ok(CuSparse {
                handle: HandleFunctions {
                    create: *library.get(c"cusparseCreate")?,
                    destroy: *library.get(c"cusparseDestroy")?,
                    version: *library.get(c"cusparseGetVersion")?,
                    set_stream: *library.get(c"cusparseSetStream")?,
                },
                error_string: *library.get(c"cusparseGetErrorString")?,
                create_csr: *library.get(c"cusparseCreateCsr")?,
                destroy_sparse: *library.get(c"cusparseDestroySpMat")?,
                create_dense: *library.get(c"cusparseCreateDnMat")?,
                destroy_dense: *library.get(c"cusparseDestroyDnMat")?,
                buffer_size: *library.get(c"cusparseSpMM_bufferSize")?,
                preprocess: *library.get(c"cusparseSpMM_preprocess")?,
                spmm: *library.get(c"cusparseSpMM")?,
            })
        }
    }
}

impl Functions for CuSparse {
    fn of_handle(&self) -> &HandleFunctions {
        &self.handle
    }

    fn check(&self, status: Status, action: &'static str) -> Result<(), CudaError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: gives a static string for every status.
        let text = unsafe { (self.error_string)(status) };
        let reason = if text.is_null() {
            format!("status {status}")
        } else {
            // SAFETY: not null, NUL-terminated, static.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        };
        Err(CudaError::Library { library: "cuSPARSE", action, reason })
    }
}

/// The compressed rows of a network on the GPU.
pub(super) struct SparseProduct {
    handle: Arc<OwnedHandle<CuSparse>>,
    device: Device,
    layers: Vec<SparseLayer>,
    weights: WeightStore,
}

struct SparseLayer {
    inputs: usize,
    outputs: usize,
    connections: usize,
    form: RowsForm,
}

impl SparseProduct {
    pub(super) fn new(
        functions: CuSparse,
        library: Arc<Library>,
        gpu: &Gpu,
        network: &Network,
    ) -> Result<Self, CudaError> {
        let handle = OwnedHandle::new(functions, Some(library))?;
        // SAFETY: handle and stream are alive.
        unsafe { handle.use_stream(gpu.stream.cu_stream().cast())? };
        let of_network = network.layers();
        let build = |index: usize| {
            let layer = &*of_network[index];
            let connections = layer.weights().connections();
            // Its 32-bit indices are signed.
            if i32::try_from(connections).is_err() {
                return Err(CudaError::TooManyConnections { layer: index + 1, connections });
            }
            let mut blob = Blob::default();
            let form = RowsForm::build(layer, &mut blob);
            let (inputs, outputs) = (layer.inputs(), layer.outputs());
            Ok((SparseLayer { inputs, outputs, connections, form }, blob.into_bytes()))
        };
        let placement = WeightPlacement::Resident;
        let (layers, weights) = WeightStore::new(&gpu.device, placement, of_network.len(), build)?;
        Ok(SparseProduct { handle: Arc::new(handle), device: gpu.device.clone(), layers, weights })
    }
}

impl Product for SparseProduct {
    fn variants(&self) -> Vec<Variant> {
        let of = |(algorithm, by_columns, by_rows)| {
            [
                Variant { order: Order::ByRows, algorithm, name: by_rows },
                Variant { order: Order::ByColumns, algorithm, name: by_columns },
            ]
        };
        ALGORITHMS.into_iter().flat_map(of).collect()
    }

    fn plan(
        &self,
        variant: Variant,
        layer: usize,
        columns: usize,
        from: Pointer,
        to: Pointer,
    ) -> Result<Box<dyn Planned>, CudaError> {
        let planned = PlannedSparse::new(self, variant, layer, columns, from, to)?;
        Ok(Box::new(planned))
    }

    fn biases(&self, layer: usize) -> Pointer {
        self.weights.resident_layer(layer).0 + self.layers[layer].form.bias
    }
}

/// Descriptors of the three matrices, and the library's own memory.
struct PlannedSparse {
    handle: Arc<OwnedHandle<CuSparse>>,
    algorithm: c_int,
    weights: Descriptor,
    from: Descriptor,
    to: Descriptor,
    memory: Option<DeviceBuffer>,
}

// SAFETY: descriptors may be used by any thread, by one at a time: whoever computes holds the lock of the
// prepared network.
unsafe impl Send for PlannedSparse {}

impl PlannedSparse {
    fn new(
        product: &SparseProduct,
        variant: Variant,
        layer: usize,
        columns: usize,
        from: Pointer,
        to: Pointer,
    ) -> Result<Self, CudaError> {
        let OwnedHandle { functions, handle, .. } = &*product.handle;
        let (weights, _) = product.weights.resident_layer(layer);
        let layer = &product.layers[layer];
        let mut planned = PlannedSparse {
            handle: Arc::clone(&product.handle),
            algorithm: variant.algorithm,
            weights: ptr::null_mut(),
            from: ptr::null_mut(),
            to: ptr::null_mut(),
            memory: None,
        };
        if layer.inputs == 0 || layer.outputs == 0 {
            return Ok(planned);
        }
        let (inputs, outputs) = (layer.inputs as i64, layer.outputs as i64);
        let at = |offset: u64| (weights + offset) as *mut c_void;
        let form = &layer.form;
        // SAFETY: the arrays lie in the layer's weights, which outlive the descriptor, as RowsForm says.
        let status = unsafe {
            (functions.create_csr)(
                &mut planned.weights,
                outputs,
                inputs,
                layer.connections as i64,
                at(form.offsets),
                at(form.inputs),
                at(form.weights),
                INDEX_32,
                INDEX_32,
                FROM_ZERO,
                FLOAT32,
            )
        };
        functions.check(status, "describe the weights")?;
        let dense = |descriptor: &mut Descriptor, neurons: i64, values: Pointer| {
            let columns = columns as i64;
            let (order, line) = match variant.order {
                Order::ByColumns => (BY_COLUMNS, neurons),
                Order::ByRows => (BY_ROWS, columns),
            };
            // SAFETY: the buffer has room for so many values and outlives the descriptor.
            let status = unsafe {
                let values = values as *mut c_void;
                (functions.create_dense)(descriptor, neurons, columns, line, values, FLOAT32, order)
            };
            functions.check(status, "describe activations")
        };
        dense(&mut planned.from, inputs, from)?;
        dense(&mut planned.to, outputs, to)?;
        let mut bytes = 0;
        let (one, zero) = (1.0_f32, 0.0_f32);
        // SAFETY: all descriptors are alive; writes one number.
        let status = unsafe {
            (functions.buffer_size)(
                *handle,
                AS_IT_IS,
                AS_IT_IS,
                &one,
                planned.weights,
                planned.from,
                &zero,
                planned.to,
                FLOAT32,
                planned.algorithm,
                &mut bytes,
            )
        };
        functions.check(status, "tell how much memory it needs")?;
        planned.memory = Some(DeviceBuffer::new(&product.device, bytes, "cuSPARSE")?);
        planned.call(functions.preprocess, "prepare a product")?;
        Ok(planned)
    }

    fn call(&self, function: Spmm, action: &'static str) -> Result<(), CudaError> {
        let OwnedHandle { functions, handle, .. } = &*self.handle;
        let Some(memory) = &self.memory else { return Ok(()) };
        let (one, zero) = (1.0_f32, 0.0_f32);
        // SAFETY: all descriptors are alive, and the memory is as large as the library asked for. The
        // numbers are read before the call returns.
        let status = unsafe {
            function(
                *handle,
                AS_IT_IS,
                AS_IT_IS,
                &one,
                self.weights,
                self.from,
                &zero,
                self.to,
                FLOAT32,
                self.algorithm,
                memory.pointer() as *mut c_void,
            )
        };
        functions.check(status, action)
    }
}

impl Planned for PlannedSparse {
    fn enqueue(&self) -> Result<(), CudaError> {
        self.call(self.handle.functions.spmm, "multiply")
    }
}

impl Drop for PlannedSparse {
    fn drop(&mut self) {
        let functions = self.handle.functions;
        // SAFETY: created by this library, destroyed once; work that uses them has been waited for.
        unsafe {
            if !self.weights.is_null() {
                (functions.destroy_sparse)(self.weights);
            }
            for dense in [self.from, self.to] {
                if !dense.is_null() {
                    (functions.destroy_dense)(dense);
                }
            }
        }
    }
}
