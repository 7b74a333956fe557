//! The dense product on tensor cores, for layers where taking zeros along costs less than skipping them; one
//! layer at a time, or several in one kernel (`kernels/dense.cu`).

use snicit::Layer;

use crate::CudaError;
use crate::arguments::DenseArguments;
use crate::columns::Layout;
use crate::engine::Products;
use crate::layout::{BIT_SCALE, BLOCK_OUTPUTS, DenseForm};
use crate::run::Run;
use crate::runtime::{Device, Kernel, Kernels, Launch, Pointer};
use crate::spmm::{Product, Spmm};

/// THREADS of the kernel.
const THREADS: u32 = 256;

/// Columns of the kernel's tiles, the largest first, with the shared memory that they take.
const TILES: [(u32, usize); 3] = [(80, 144 << 10), (40, 88 << 10), (8, 88 << 10)];

/// The cost of a product of halves, relative to a multiply-add of XY-2021's other kernels; see
/// `docs/measurements/gpu-medium-scale.md`. Where a layer has more outputs than a block takes, each block reads
/// the activations anew.
fn half_product(layer: &Layer) -> f64 {
    if can_be_fused(layer) { 0.12 } else { 0.2 }
}

/// Connections of an output, on average, from which on the dense product is taken. Its sums have a few
/// roundings more than those of float32, which only outputs with few connections would notice.
const FEWEST_CONNECTIONS: usize = 16;

/// What the GPU can do for the dense product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseLimits {
    /// Columns of the largest tile that fits; 0 if the kernel cannot run.
    largest_tile: u32,
    shared_memory: usize,
    products: Products,
}

impl DenseLimits {
    /// Finds the largest tile and lets the kernel have the memory for it.
    pub(crate) fn new(
        device: &Device,
        kernels: &Kernels,
        products: Products,
    ) -> Result<Self, CudaError> {
        let none = DenseLimits { largest_tile: 0, shared_memory: 0, products };
        if device.capability < (8, 0) {
            return Ok(none);
        }
        let fixed = kernels.static_shared_memory(Kernel::DenseLayers)?;
        let fitting = TILES.iter().find(|(_, bytes)| bytes + fixed <= device.shared_memory);
        let Some(&(largest_tile, shared_memory)) = fitting else { return Ok(none) };
        kernels.allow_shared_memory(Kernel::DenseLayers, shared_memory)?;
        Ok(DenseLimits { largest_tile, shared_memory, products })
    }

    /// Whether the dense product is modelled to be faster than others, of which the best costs at least
    /// `bound` and, more exactly, `others()`.
    pub(crate) fn prefers_dense(&self, layer: &Layer, bound: f64, others: impl FnOnce() -> f64) -> bool {
        if self.largest_tile == 0 {
            return false;
        }
        match self.products {
            Products::Sparse => false,
            Products::Dense => DenseForm::can_hold(layer),
            Products::Modelled => {
                let enough = layer.weights().connections() >= FEWEST_CONNECTIONS * layer.outputs();
                // Two products a cell at least: most layers are ruled out without a look at the weights.
                let least = 2.0 * (layer.inputs() * layer.outputs()) as f64 * half_product(layer);
                enough
                    && least < bound
                    && DenseForm::can_hold(layer)
                    && DenseForm::multiply_adds(layer) as f64 * half_product(layer) < others()
            }
        }
    }
}

/// Whether the kernel can take columns through this layer and others.
pub(crate) fn can_be_fused(layer: &Layer) -> bool {
    layer.outputs() <= BLOCK_OUTPUTS
}

/// Sends the layers of `form`, which lies at `weights`, the last with `outputs` outputs. `input_scale` is
/// that of the activations that come in, or 0 if they have no bound.
pub(crate) fn enqueue(
    run: &Run<'_>,
    weights: Pointer,
    form: &DenseForm,
    outputs: usize,
    input_scale: f32,
    product: &Product,
) -> Result<(), CudaError> {
    let limits = run.gpu.dense;
    let bits = product.columns.layout == Layout::BitRows;
    let arguments = DenseArguments {
        base: weights,
        layers: weights + form.layers,
        layer_count: form.layer_count,
        plain: u32::from(product.epilogue.is_none()),
        source: match product.columns.layout {
            Layout::BitRows => 2,
            Layout::NeuronMajor => 1,
            _ => 0,
        },
        narrow: u32::from(form.narrow),
        largest_tile: limits.largest_tile,
        input_scale: if bits { BIT_SCALE } else { input_scale },
        rows: product.rows(run, outputs),
    };
    let launch = Launch {
        kernel: Kernel::DenseLayers,
        // One on each multiprocessor: the kernel chooses its tiles for that.
        blocks: run.gpu.device.multiprocessors,
        threads: (THREADS, 1),
        shared_memory: limits.shared_memory,
    };
    launch.enqueue(&run.gpu.kernels, run.stream, arguments)
}

/// The dense product of one layer.
pub(crate) struct DenseSpmm {
    form: DenseForm,
    outputs: usize,
}

impl DenseSpmm {
    pub(crate) fn build(layer: &Layer) -> (Self, Vec<u8>) {
        let (form, bytes) = DenseForm::build(&[layer]);
        (DenseSpmm { form, outputs: layer.outputs() }, bytes)
    }
}

impl Spmm for DenseSpmm {
    fn layout(&self) -> Layout {
        Layout::NeuronMajor
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn biases(&self, weights: Pointer) -> Pointer {
        weights + self.form.bias
    }

    fn enqueue(&self, run: &Run<'_>, weights: Pointer, product: &Product) -> Result<(), CudaError> {
        enqueue(run, weights, &self.form, self.outputs, 0.0, product)
    }
}
