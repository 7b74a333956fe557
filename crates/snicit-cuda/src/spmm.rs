use crate::CudaError;
use crate::columns::{Columns, Layout};
use crate::run::{LiveMarks, Run};
use crate::runtime::Pointer;

/// `RowsArguments` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowsArguments {
    pub(crate) from: Pointer,
    pub(crate) bit_stride: u64,
    pub(crate) slots: Pointer,
    pub(crate) count: Pointer,
    pub(crate) to: Pointer,
    pub(crate) neurons_in: u32,
    pub(crate) neurons_out: u32,
    pub(crate) marks: LiveMarks,
}

/// The sparse product of one layer, in the form that a method prepared.
pub(crate) trait Spmm: Send + Sync {
    /// How it takes and gives activations: input-major or neuron-major.
    fn layout(&self) -> Layout;

    /// Output neurons.
    fn outputs(&self) -> usize;

    /// Where the biases of all output neurons are, in their order, given where the layer's weights are.
    fn biases(&self, weights: Pointer) -> Pointer;

    /// Sends the product of the layer, whose weights are at `weights`.
    fn enqueue(&self, run: &Run<'_>, weights: Pointer, product: &Product) -> Result<(), CudaError>;
}

/// What to multiply and what to do with the result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub(crate) columns: Columns,
    /// Where the result goes, column `j` to slot `j`.
    pub(crate) to: Pointer,
    /// Bias and bounds of the activation; `None` for the plain product `W·Y`.
    pub(crate) epilogue: Option<(f32, f32)>,
    /// Where to mark columns of the result that are not empty.
    pub(crate) marks: LiveMarks,
}

impl Product {
    /// `bias` if there is an epilogue, and the bounds.
    pub(crate) fn bias_and_bounds(&self, bias: Pointer) -> (Pointer, f32, f32) {
        match self.epilogue {
            Some((low, high)) => (bias, low, high),
            None => (0, f32::NEG_INFINITY, f32::INFINITY),
        }
    }

    /// For the kernels that take rows and put out `outputs` neurons.
    pub(crate) fn rows(&self, run: &Run<'_>, outputs: usize) -> RowsArguments {
        let bits = self.columns.layout == Layout::BitRows;
        RowsArguments {
            from: if bits { run.bit_rows() } else { run.activations(self.columns.buffer) },
            bit_stride: crate::workspace::bit_words_per_row(run.batch) as u64,
            slots: self.columns.slots,
            count: run.count(self.columns.count),
            to: self.to,
            neurons_in: self.columns.neurons as u32,
            neurons_out: outputs as u32,
            marks: self.marks,
        }
    }
}
