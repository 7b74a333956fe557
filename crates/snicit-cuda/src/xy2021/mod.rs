//! XY-2021 (Xin et al., HPEC 2021): mini-blocks, transposed activations, and a cost model that picks the
//! kernel of a layer.
//!
//! The space has three kernels. *Strips*: outputs with one set of inputs, found in the matrix, are computed
//! sixteen at a time, so that an activation is read once for all of them. *Rows*: every output reads its own
//! inputs, for layers without such structure. *Tiles*: the same for wide layers and many columns, from shared
//! memory. *Dense* (`dense`): tensor cores take all weights, zeros too.

mod general;

pub(crate) use general::RowsSpmm;

use snicit::Layer;
use snicit::network::MiniBlocks;

use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::Layout;
use crate::dense::{DenseLimits, DenseSpmm};
use crate::layout::StripsForm;
use crate::run::Run;
use crate::runtime::{Device, Kernel, Pointer};
use crate::spmm::{Product, RowsArguments, Spmm};

/// Threads of a block: four warps, WARPS of the kernels.
const THREADS: u32 = 128;

/// Costs relative to a multiply-add whose sum stays in a register and whose weight is in shared memory.
mod cost {
    /// Reading an activation.
    pub(super) const READ: f64 = 4.0;
    /// Reading an activation, index and weight for a single multiply-add.
    pub(super) const CONNECTION: f64 = 5.0;
}

/// Feed-forward begins with all columns; behind SNICIT's conversion there are few.
fn waves(product: &Product) -> u32 {
    if product.epilogue.is_some() { 4 } else { 1 }
}

/// What was found in a layer, for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) dense: bool,
    pub(crate) strips: bool,
    pub(crate) mean_outputs: f64,
    /// Activations of a column that are split for tensor cores.
    pub(crate) split_inputs: usize,
}

impl Choice {
    pub(crate) fn dense(spmm: &DenseSpmm) -> Self {
        Choice { dense: true, strips: false, mean_outputs: 0.0, split_inputs: spmm.split_inputs() }
    }
}

/// Whether the dense product is modelled to be faster than the sparse ones.
pub(crate) fn prefers_dense(layer: &Layer, limits: DenseLimits) -> bool {
    let rows_cost = rows_cost(layer);
    limits.prefers_dense(layer, rows_cost, || {
        let reads = StripsForm::input_reads(layer, &MiniBlocks::find(layer.weights()));
        strips_cost(reads).min(rows_cost)
    })
}

fn strips_cost(reads: usize) -> f64 {
    reads as f64 * (cost::READ + crate::layout::STRIP_OUTPUTS as f64)
}

fn rows_cost(layer: &Layer) -> f64 {
    layer.weights().connections() as f64 * cost::CONNECTION
}

/// Brings a layer into the form of the kernel that is modelled to be fastest.
pub(crate) fn build(
    layer: &Layer,
    limits: DenseLimits,
    device: &Device,
) -> (Box<dyn Spmm>, Choice, Vec<u8>) {
    if prefers_dense(layer, limits) {
        let (spmm, bytes) = DenseSpmm::build(&[layer], 0.0, limits);
        let choice = Choice::dense(&spmm);
        return (Box::new(spmm), choice, bytes);
    }
    build_sparse(layer, device)
}

/// What a layer's inputs are shared by, and whether strips are modelled to be faster than rows.
pub(crate) fn choose(layer: &Layer) -> (MiniBlocks, Choice) {
    let blocks = MiniBlocks::find(layer.weights());
    let reads = StripsForm::input_reads(layer, &blocks);
    let strips = strips_cost(reads) <= rows_cost(layer) && u32::try_from(reads).is_ok();
    let choice = Choice { dense: false, strips, mean_outputs: blocks.mean_outputs(), split_inputs: 0 };
    (blocks, choice)
}

/// Brings a layer into the form of the sparse kernel that is modelled to be faster.
pub(crate) fn build_sparse(layer: &Layer, device: &Device) -> (Box<dyn Spmm>, Choice, Vec<u8>) {
    let (blocks, choice) = choose(layer);
    let outputs = layer.outputs();
    if choice.strips {
        let (form, bytes) = StripsForm::build(layer, &blocks);
        (Box::new(StripsSpmm { form, outputs }), choice, bytes)
    } else {
        let (spmm, bytes) = general::build(layer, device);
        (spmm, choice, bytes)
    }
}

/// `StripsLayer` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct StripsLayer {
    strips: Pointer,
    inputs: Pointer,
    weights: Pointer,
    outputs: Pointer,
    bias: Pointer,
    strip_count: u32,
    low: f32,
    high: f32,
}

arguments! {
    StripsArguments for StripsLayer, StripsLayerBits { layer: StripsLayer, rows: RowsArguments }
}

/// The product by strips of mini-blocks.
struct StripsSpmm {
    form: StripsForm,
    outputs: usize,
}

impl Spmm for StripsSpmm {
    fn layout(&self) -> Layout {
        Layout::NeuronMajor
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn biases(&self, weights: Pointer) -> Pointer {
        weights + self.form.bias_by_neuron
    }

    fn enqueue(&self, run: &Run<'_>, weights: Pointer, product: &Product) -> Result<(), CudaError> {
        let form = &self.form;
        let (bias, low, high) = product.bias_and_bounds(weights + form.bias);
        let layer = StripsLayer {
            strips: weights + form.strips,
            inputs: weights + form.inputs,
            weights: weights + form.weights,
            outputs: weights + form.outputs,
            bias,
            strip_count: form.strip_count as u32,
            low,
            high,
        };
        let kernel = match product.columns.layout {
            Layout::BitRows => Kernel::StripsLayerBits,
            _ => Kernel::StripsLayer,
        };
        run.launch_waves(
            kernel,
            THREADS,
            waves(product),
            StripsArguments { layer, rows: product.rows(run, self.outputs) },
        )
    }
}
