//! The dense product on tensor cores, for layers where taking zeros along costs less than skipping them. There
//! are three ways: one layer or several through a kernel that keeps columns in shared memory
//! (`kernels/dense.cu`); the same for few columns, with a cluster of multiprocessors (`clustered_layers.cu`); and
//! a tiled matrix product for layers with many outputs (`wide_dense.cu`).

use snicit::Layer;

use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::engine::Products;
use crate::layout::{Arrangement, BIT_SCALE, BLOCK_OUTPUTS, Blob, DenseForm, split_inputs};
use crate::run::Run;
use crate::runtime::{Device, Kernel, Kernels, Pointer};
use crate::spmm::{Product, RowsArguments, Spmm};
use crate::xy2021::RowsSpmm;

/// THREADS of the kernels.
const THREADS: u32 = 256;

/// Columns of the tiles of `dense.cu`, the largest first, with the shared memory that they take.
const TILES: [(u32, usize); 3] = [(80, 144 << 10), (40, 88 << 10), (8, 88 << 10)];

/// Threads and shared memory of a block of `wide_dense.cu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WideBlock {
    threads: u32,
    shared_memory: usize,
}

/// Four chunks of the weights of 128 outputs and of 256 columns; a warp brings them in.
const WIDE_BY_GROUPS: WideBlock = WideBlock { threads: 288, shared_memory: (4 * (16 + 32)) << 10 };
/// Three chunks of the weights of 256 outputs and of 128 columns.
const WIDE: WideBlock = WideBlock { threads: 256, shared_memory: (3 * (32 + 16)) << 10 };

/// Threads of a block that splits columns, the columns that it takes at a time, and those whose operands lie together.
const SPLIT_THREADS: u32 = 512;
const SPLIT_COLUMNS: usize = 8;
pub(crate) const COLUMNS_TOGETHER: usize = 256;

/// Blocks of a cluster of `clustered_layers.cu`, the columns that it takes at most, and a block's shared memory.
const CLUSTER_BLOCKS: u32 = 8;
const CLUSTER_COLUMNS: usize = 32;
const CLUSTER_SHARED_MEMORY: usize = (64 + 32 + 96) << 10;

/// The cost of a product of halves, relative to a multiply-add of XY-2021's other kernels; see
/// `docs/measurements/gpu-medium-scale.md`. Of layers that are fused, and of wide ones with and without the
/// instructions for four warps.
mod cost {
    pub(super) const FUSED: f64 = 0.12;
    pub(super) const WIDE_BY_GROUPS: f64 = 0.075;
    pub(super) const WIDE: f64 = 0.17;
}

/// Connections of an output, on average, from which on the dense product is taken. Its sums have a few
/// roundings more than those of float32, which only outputs with few connections would notice.
const FEWEST_CONNECTIONS: usize = 16;

/// With fewer columns, a wide layer's connections are taken one by one, if they are not too many.
const FEW_COLUMNS: u32 = 9;
const FEW_COLUMNS_DENSITY: f64 = 0.5;

/// What the GPU can do for the dense product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseLimits {
    /// Columns of the largest tile that fits; 0 if the kernels cannot run.
    largest_tile: u32,
    shared_memory: usize,
    /// Clusters that run at the same time; 0 if there are none with enough shared memory.
    clusters: u32,
    /// Blocks of the kernel for wide layers, if it can run.
    wide: Option<WideBlock>,
    products: Products,
}

impl DenseLimits {
    /// Finds the largest tile and lets the kernels have the memory they need.
    pub(crate) fn new(
        device: &Device,
        kernels: &Kernels,
        products: Products,
    ) -> Result<Self, CudaError> {
        let none = DenseLimits { largest_tile: 0, shared_memory: 0, clusters: 0, wide: None, products };
        if device.capability < (8, 0) {
            return Ok(none);
        }
        let fits = |kernel, bytes| -> Result<bool, CudaError> {
            let fits = bytes + kernels.static_shared_memory(kernel)? <= device.shared_memory;
            if fits {
                kernels.allow_shared_memory(kernel, bytes)?;
            }
            Ok(fits)
        };
        for (largest_tile, shared_memory) in TILES {
            if fits(Kernel::DenseLayers, shared_memory)? {
                let mut clusters = 0;
                if device.capability >= (9, 0) && fits(Kernel::ClusteredLayers, CLUSTER_SHARED_MEMORY)? {
                    let grid = (device.multiprocessors / CLUSTER_BLOCKS * CLUSTER_BLOCKS, THREADS);
                    // With too many, the last would wait for the first; a few less than the multiprocessors
                    // make is safe where the driver does not say.
                    clusters = kernels
                        .clusters_at_once(Kernel::ClusteredLayers, grid, CLUSTER_SHARED_MEMORY)
                        .unwrap_or(device.multiprocessors / CLUSTER_BLOCKS * 3 / 4);
                }
                let wide = if kernels.warpgroups { WIDE_BY_GROUPS } else { WIDE };
                let wide = fits(Kernel::WideDense, wide.shared_memory)?.then_some(wide);
                return Ok(DenseLimits { largest_tile, shared_memory, clusters, wide, products });
            }
        }
        Ok(none)
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
                let cost = match self.wide {
                    _ if can_be_fused(layer) => cost::FUSED,
                    Some(WIDE_BY_GROUPS) => cost::WIDE_BY_GROUPS,
                    _ => cost::WIDE,
                };
                let least = 2.0 * (layer.inputs() * layer.outputs()) as f64 * cost;
                enough
                    && least < bound
                    && DenseForm::can_hold(layer)
                    && DenseForm::multiply_adds(layer) as f64 * cost < others()
            }
        }
    }
}

/// Whether the kernel can take columns through this layer and others.
pub(crate) fn can_be_fused(layer: &Layer) -> bool {
    layer.outputs() <= BLOCK_OUTPUTS
}

arguments! {
    DenseArguments for DenseLayers, ClusteredLayers {
        base: Pointer,
        layers: Pointer,
        layer_count: u32,
        plain: u32,
        source: u32,
        narrow: u32,
        largest_tile: u32,
        input_scale: f32,
        rows: RowsArguments,
    }
    SplitArguments for SplitColumns {
        operands: Pointer,
        unscales: Pointer,
        source: u32,
        at_least: u32,
        input_scale: f32,
        unused: u32,
        rows: RowsArguments,
    }
    WideArguments for WideDense {
        base: Pointer,
        layer: Pointer,
        operands: Pointer,
        unscales: Pointer,
        plain: u32,
        at_least: u32,
        rows: RowsArguments,
    }
}

/// The dense product of one layer, or of several one behind the other.
pub(crate) struct DenseSpmm {
    form: DenseForm,
    outputs: usize,
    /// By which the activations that come in are multiplied; 0 if they have no bound.
    input_scale: f32,
    /// For a wide layer: inputs that are split, and the product of few columns.
    wide: Option<usize>,
    rows: Option<RowsSpmm>,
}

/// Which kernels a batch needs; how many columns are left of it, only the device may know.
struct Needed {
    rows: bool,
    dense: bool,
}

impl DenseSpmm {
    /// Brings layers into the form of the product. `input_scale` is that of the activations that come in, or 0
    /// if they have no bound.
    pub(crate) fn build(layers: &[&Layer], input_scale: f32, limits: DenseLimits) -> (Self, Vec<u8>) {
        let mut blob = Blob::default();
        let (first, last) = (layers[0], layers[layers.len() - 1]);
        let wide = limits.wide.is_some() && !can_be_fused(last);
        let arrangement = if wide { Arrangement::Matrices } else { Arrangement::Lanes };
        let form = DenseForm::build(layers, arrangement, &mut blob);
        let cells = (last.inputs() * last.outputs()) as f64;
        let sparse = (last.weights().connections() as f64) <= FEW_COLUMNS_DENSITY * cells;
        let rows = (wide && sparse).then(|| RowsSpmm::build(last, FEW_COLUMNS, &mut blob));
        let wide = wide.then(|| split_inputs(first));
        (DenseSpmm { form, outputs: last.outputs(), input_scale, wide, rows }, blob.into_bytes())
    }

    fn needed(&self, run: &Run<'_>, columns: &Columns) -> Needed {
        if self.rows.is_none() {
            return Needed { rows: false, dense: true };
        }
        let may_be_many = run.batch >= FEW_COLUMNS as usize;
        let are_all = columns.count == Run::BATCH;
        Needed { rows: !(may_be_many && are_all), dense: may_be_many }
    }

    /// Activations of a column that are split, with those that fill up the last chunk.
    pub(crate) fn split_inputs(&self) -> usize {
        self.wide.unwrap_or(0)
    }

    fn enqueue_dense(
        &self,
        run: &Run<'_>,
        weights: Pointer,
        product: &Product,
    ) -> Result<(), CudaError> {
        let limits = run.gpu.dense;
        let plain = u32::from(product.epilogue.is_none());
        let (source, input_scale) = match product.columns.layout {
            Layout::BitRows => (2, BIT_SCALE),
            Layout::NeuronMajor => (1, self.input_scale),
            _ => (0, self.input_scale),
        };
        let rows = product.rows(run, self.outputs);
        let form = &self.form;
        if self.wide.is_some() {
            let (Some(block), Some(split)) = (limits.wide, &run.workspace.split) else {
                unreachable!("there is memory for what is wide")
            };
            let at_least = if self.rows.is_some() { FEW_COLUMNS } else { 0 };
            let (operands, unscales) = (split.operands.pointer(), split.unscales.pointer());
            let arguments =
                SplitArguments { operands, unscales, source, at_least, input_scale, unused: 0, rows };
            let tiles = u32::try_from(run.batch.div_ceil(SPLIT_COLUMNS)).unwrap_or(u32::MAX);
            let blocks = run.gpu.blocks_of(SPLIT_THREADS).min(tiles);
            run.launch_blocks(Kernel::SplitColumns, (blocks, SPLIT_THREADS), 0, arguments)?;
            let layer = weights + form.layers;
            let arguments =
                WideArguments { base: weights, layer, operands, unscales, plain, at_least, rows };
            let grid = (run.gpu.device.multiprocessors, block.threads);
            return run.launch_blocks(Kernel::WideDense, grid, block.shared_memory, arguments);
        }
        let arguments = DenseArguments {
            base: weights,
            layers: weights + form.layers,
            layer_count: form.layer_count,
            plain,
            source,
            narrow: u32::from(form.narrow),
            largest_tile: limits.largest_tile,
            input_scale,
            rows,
        };
        let multiprocessors = run.gpu.device.multiprocessors;
        if limits.clusters > 0
            && self.outputs <= BLOCK_OUTPUTS
            && run.batch <= CLUSTER_COLUMNS * limits.clusters as usize
        {
            let grid = (limits.clusters * CLUSTER_BLOCKS, THREADS);
            return run.launch_blocks(Kernel::ClusteredLayers, grid, CLUSTER_SHARED_MEMORY, arguments);
        }
        // One block on each multiprocessor: the kernel chooses its tiles for that.
        run.launch_blocks(
            Kernel::DenseLayers,
            (multiprocessors, THREADS),
            limits.shared_memory,
            arguments,
        )
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
        let needed = self.needed(run, &product.columns);
        if needed.rows
            && let Some(rows) = &self.rows
        {
            rows.enqueue(run, weights, product)?;
        }
        if needed.dense { self.enqueue_dense(run, weights, product) } else { Ok(()) }
    }
}
