//! Products by cuBLAS: dense weights.

use std::ffi::c_int;
use std::sync::Arc;

use rayon::prelude::*;
use snicit::{Layer, Network};

use super::handle::{Functions, Handle, HandleFunctions, OwnedHandle, Status};
use super::library::Library;
use super::product::{Order, Planned, Product, Variant};
use crate::CudaError;
use crate::engine::Gpu;
use crate::layout::Blob;
use crate::runtime::{DeviceBuffer, Pointer};

/// CUBLAS_OP_N and CUBLAS_OP_T.
const AS_IT_IS: c_int = 0;
const TRANSPOSED: c_int = 1;
/// CUBLAS_DEFAULT_MATH: float32 products are float32.
const DEFAULT_MATH: c_int = 0;
/// Of the free memory, the weights may take this share; the rest is for activations.
pub(super) const WEIGHTS_SHARE: f64 = 0.6;
/// Layers that are expanded at the same time.
const LAYERS_AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct CuBlas {
    handle: HandleFunctions,
    set_math: unsafe extern "C" fn(Handle, c_int) -> Status,
    #[allow(clippy::type_complexity, reason = "the signature of BLAS")]
    sgemm: unsafe extern "C" fn(
        Handle,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        *const f32,
        *const f32,
        c_int,
        *const f32,
        c_int,
        *const f32,
        *mut f32,
        c_int,
    ) -> Status,
}

impl CuBlas {
    /// Resolves every function.
    ///
    /// # Safety
    /// `library` must be cuBLAS.
    pub(super) unsafe fn resolve(library: &libloading::Library) -> Result<Self, libloading::Error> {
        // SAFETY: names and signatures are those of cublas_v2.h, the same in CUDA 12 and 13.
        unsafe {
            Ok(CuBlas {
                handle: HandleFunctions {
                    create: *library.get(c"cublasCreate_v2")?,
                    destroy: *library.get(c"cublasDestroy_v2")?,
                    version: *library.get(c"cublasGetVersion_v2")?,
                    set_stream: *library.get(c"cublasSetStream_v2")?,
                },
                set_math: *library.get(c"cublasSetMathMode")?,
                sgemm: *library.get(c"cublasSgemm_v2")?,
            })
        }
    }
}

impl Functions for CuBlas {
    fn of_handle(&self) -> &HandleFunctions {
        &self.handle
    }

    fn check(&self, status: Status, action: &'static str) -> Result<(), CudaError> {
        if status == 0 {
            return Ok(());
        }
        Err(CudaError::Library { library: "cuBLAS", action, reason: format!("status {status}") })
    }
}

/// The dense weights of a network on the GPU.
pub(super) struct DenseProduct {
    handle: Arc<OwnedHandle<CuBlas>>,
    layers: Vec<DenseLayer>,
}

struct DenseLayer {
    inputs: usize,
    outputs: usize,
    bias: u64,
    /// The weights by output, then the biases.
    buffer: DeviceBuffer,
}

impl DenseProduct {
    pub(super) fn new(
        functions: CuBlas,
        library: Arc<Library>,
        gpu: &Gpu,
        network: &Network,
    ) -> Result<Self, CudaError> {
        let handle = OwnedHandle::new(functions, Some(library))?;
        // SAFETY: handle and stream are alive.
        unsafe {
            handle.use_stream(gpu.stream.cu_stream().cast())?;
            let status = (functions.set_math)(handle.handle, DEFAULT_MATH);
            functions.check(status, "compute in float32")?;
        }
        let bytes = dense_bytes(network.layers().iter().map(|layer| (layer.inputs(), layer.outputs())));
        let (free, _) = gpu.device.memory()?;
        if bytes as f64 > free as f64 * WEIGHTS_SHARE {
            let what = "dense weights of all layers";
            return Err(CudaError::OutOfMemory { what, bytes, free: free as u64 });
        }
        let mut layers = Vec::new();
        for some in network.layers().chunks(LAYERS_AT_ONCE) {
            let expanded: Vec<_> = some.par_iter().map(|layer| expand(layer)).collect();
            for (layer, (bias, bytes)) in some.iter().zip(expanded) {
                let mut buffer = DeviceBuffer::new(&gpu.device, bytes.len(), "dense weights")?;
                buffer.upload(0, &bytes)?;
                let (inputs, outputs) = (layer.inputs(), layer.outputs());
                layers.push(DenseLayer { inputs, outputs, bias, buffer });
            }
        }
        Ok(DenseProduct { handle: Arc::new(handle), layers })
    }
}

/// What layers of these inputs and outputs take as dense matrices.
pub(super) fn dense_bytes(layers: impl Iterator<Item = (usize, usize)>) -> u64 {
    layers.map(|(inputs, outputs)| (inputs * outputs * size_of::<f32>()) as u64).sum()
}

/// Dense weights by output and behind them, from the byte that is given, the biases.
fn expand(layer: &Layer) -> (u64, Vec<u8>) {
    let (inputs, outputs) = (layer.inputs(), layer.outputs());
    let mut dense = vec![0.0_f32; inputs * outputs];
    for (output, row) in dense.chunks_exact_mut(inputs.max(1)).enumerate() {
        let (indices, weights) = layer.weights().row(output);
        indices.iter().zip(weights).for_each(|(&input, &weight)| row[input as usize] = weight);
    }
    let mut blob = Blob::default();
    blob.push(&dense);
    let bias = blob.push(&layer.bias().to_vec(outputs));
    (bias, blob.into_bytes())
}

impl Product for DenseProduct {
    fn variants(&self) -> Vec<Variant> {
        vec![
            Variant { order: Order::ByColumns, algorithm: 0, name: "SGEMM by columns" },
            Variant { order: Order::ByRows, algorithm: 0, name: "SGEMM by rows" },
        ]
    }

    fn plan(
        &self,
        variant: Variant,
        layer: usize,
        columns: usize,
        from: Pointer,
        to: Pointer,
    ) -> Result<Box<dyn Planned>, CudaError> {
        let DenseLayer { inputs, outputs, buffer, .. } = &self.layers[layer];
        Ok(Box::new(PlannedDense {
            handle: Arc::clone(&self.handle),
            order: variant.order,
            inputs: *inputs,
            outputs: *outputs,
            columns,
            weights: buffer.pointer(),
            from,
            to,
        }))
    }

    fn biases(&self, layer: usize) -> Pointer {
        let layer = &self.layers[layer];
        layer.buffer.pointer() + layer.bias
    }
}

struct PlannedDense {
    handle: Arc<OwnedHandle<CuBlas>>,
    order: Order,
    inputs: usize,
    outputs: usize,
    columns: usize,
    weights: Pointer,
    from: Pointer,
    to: Pointer,
}

impl Planned for PlannedDense {
    fn enqueue(&self) -> Result<(), CudaError> {
        let OwnedHandle { functions, handle, .. } = &*self.handle;
        let [inputs, outputs, columns] =
            [self.inputs, self.outputs, self.columns].map(|size| size as c_int);
        if inputs == 0 || outputs == 0 || columns == 0 {
            return Ok(());
        }
        let (one, zero) = (1.0_f32, 0.0_f32);
        let weights = self.weights as *const f32;
        let (from, to) = (self.from as *const f32, self.to as *mut f32);
        // cuBLAS knows matrices by columns only; what lies by rows is to it the transposed matrix.
        // SAFETY: the buffers have these shapes; the numbers are read before the call returns.
        let status = unsafe {
            match self.order {
                Order::ByColumns => (functions.sgemm)(
                    *handle, TRANSPOSED, AS_IT_IS, outputs, columns, inputs, &one, weights, inputs,
                    from, inputs, &zero, to, outputs,
                ),
                Order::ByRows => (functions.sgemm)(
                    *handle, AS_IT_IS, AS_IT_IS, columns, outputs, inputs, &one, from, columns, weights,
                    inputs, &zero, to, columns,
                ),
            }
        };
        functions.check(status, "multiply")
    }
}
