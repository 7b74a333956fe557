//! The product of a layer without mini-blocks: row by row, or from tiles in shared memory.

use snicit::Layer;

use super::{THREADS, waves};
use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::Layout;
use crate::layout::{Blob, RowsForm, TileShape, TilesForm};
use crate::run::Run;
use crate::runtime::{Device, Kernel, Pointer};
use crate::spmm::{Product, RowsArguments, Spmm};

/// Layers with fewer inputs stay in the first-level cache anyway.
const MIN_TILED_INPUTS: usize = 1024;
/// Below so few connections an output, bringing the tile costs more than it saves.
const MIN_TILED_CONNECTIONS: usize = 8;
/// More chunks than these leave streams so short that most of a four is padding.
const MAX_CHUNKS: usize = 6;
/// Columns of an output that a warp of `kernels/gather.cu` takes.
const COLUMNS_A_WARP: usize = 128;
/// Threads of a block of `kernels/tiles.cu`: as many as registers allow.
const TILE_THREADS: u32 = 1024;
const CHUNK_THREADS: u32 = 512;

/// `TilesLayer` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct TilesLayer {
    fours: Pointer,
    inputs: Pointer,
    weights: Pointer,
    outputs: Pointer,
    bias: Pointer,
    groups: u32,
    chunks: u32,
    chunk_rows: u32,
    at_least: u32,
    bits: u32,
    low: f32,
    high: f32,
}

/// `GatherLayer` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct GatherLayer {
    offsets: Pointer,
    inputs: Pointer,
    weights: Pointer,
    bias: Pointer,
    neurons: u32,
    below: u32,
    low: f32,
    high: f32,
}

arguments! {
    TilesArguments for TilesLayer16, TilesLayer8, TilesLayerChunks {
        layer: TilesLayer,
        rows: RowsArguments,
    }
    GatherArguments for GatherLayer, GatherLayerBits, GatherLayerColumns {
        layer: GatherLayer,
        rows: RowsArguments,
    }
}

/// Brings a layer into the form of the general kernels.
pub(super) fn build(layer: &Layer, device: &Device) -> (Box<dyn Spmm>, Vec<u8>) {
    let mut blob = Blob::default();
    let rows = RowsSpmm::build(layer, u32::MAX, &mut blob);
    let shape = TileShape::fitting(layer.inputs(), device.shared_memory);
    let tiled = layer.inputs() >= MIN_TILED_INPUTS
        && layer.weights().connections() >= MIN_TILED_CONNECTIONS * layer.outputs()
        && shape.chunks <= MAX_CHUNKS;
    if !tiled {
        return (Box::new(rows), blob.into_bytes());
    }
    let form = TilesForm::build(layer, shape, &mut blob);
    let blocks_of_a_multiprocessor = (device.shared_memory / shape.shared_memory()).clamp(1, 2) as u32;
    let blocks = device.multiprocessors * blocks_of_a_multiprocessor;
    // With fewer columns, multiprocessors would be idle.
    let at_least = device.multiprocessors * shape.columns() as u32;
    let spmm = TilesSpmm { rows: RowsSpmm { below: at_least, ..rows }, form, blocks };
    (Box::new(spmm), blob.into_bytes())
}

/// The product row by row.
pub(crate) struct RowsSpmm {
    form: RowsForm,
    outputs: usize,
    /// Does nothing if there are so many columns or more.
    below: u32,
}

impl RowsSpmm {
    /// Appends a layer's form to `blob`; the product does nothing with `below` columns or more.
    pub(crate) fn build(layer: &Layer, below: u32, blob: &mut Blob) -> Self {
        RowsSpmm { form: RowsForm::build(layer, blob), outputs: layer.outputs(), below }
    }
}

impl Spmm for RowsSpmm {
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
        let form = &self.form;
        let (bias, low, high) = product.bias_and_bounds(self.biases(weights));
        let layer = GatherLayer {
            offsets: weights + form.offsets,
            inputs: weights + form.inputs,
            weights: weights + form.weights,
            bias,
            neurons: self.outputs as u32,
            below: self.below,
            low,
            high,
        };
        let kernel = match product.columns.layout {
            Layout::BitRows => Kernel::GatherLayerBits,
            Layout::NeuronMajor => Kernel::GatherLayer,
            _ => Kernel::GatherLayerColumns,
        };
        // Blocks without work take their time, too.
        let warps = run.batch.div_ceil(COLUMNS_A_WARP).saturating_mul(self.outputs);
        let needed = u32::try_from(warps.div_ceil(THREADS as usize / 32)).unwrap_or(u32::MAX);
        let blocks = (run.gpu.blocks_of(THREADS) * waves(product)).min(needed);
        let arguments = GatherArguments { layer, rows: product.rows(run, self.outputs) };
        run.launch_blocks(kernel, (blocks, THREADS), 0, arguments)
    }
}

/// The product from tiles, or row by row where there are few columns: how many there are, only the device
/// knows, so both kernels are sent, and one of them does nothing.
struct TilesSpmm {
    rows: RowsSpmm,
    form: TilesForm,
    blocks: u32,
}

impl Spmm for TilesSpmm {
    fn layout(&self) -> Layout {
        Layout::NeuronMajor
    }

    fn outputs(&self) -> usize {
        self.rows.outputs
    }

    fn biases(&self, weights: Pointer) -> Pointer {
        self.rows.biases(weights)
    }

    fn enqueue(&self, run: &Run<'_>, weights: Pointer, product: &Product) -> Result<(), CudaError> {
        self.rows.enqueue(run, weights, product)?;
        if run.batch < self.rows.below as usize {
            return Ok(());
        }
        let TilesForm { shape, .. } = self.form;
        let (bias, low, high) = product.bias_and_bounds(self.biases(weights));
        let layer = TilesLayer {
            fours: weights + self.form.fours,
            inputs: weights + self.form.inputs,
            weights: weights + self.form.weights,
            outputs: weights + self.form.outputs,
            bias,
            groups: self.form.groups as u32,
            chunks: shape.chunks as u32,
            chunk_rows: shape.chunk_rows as u32,
            at_least: self.rows.below,
            bits: u32::from(product.columns.layout == Layout::BitRows),
            low,
            high,
        };
        let (kernel, threads) = match (shape.chunks, shape.quads) {
            (1, 4) => (Kernel::TilesLayer16, TILE_THREADS),
            (1, _) => (Kernel::TilesLayer8, TILE_THREADS),
            _ => (Kernel::TilesLayerChunks, CHUNK_THREADS),
        };
        let arguments = TilesArguments { layer, rows: product.rows(run, self.outputs()) };
        run.launch_blocks(kernel, (self.blocks, threads), shape.shared_memory(), arguments)
    }
}
