//! BF-2019 (Bisson and Fatica, HPEC 2019): scatter from the non-zero activations, slab by slab.
//!
//! A block takes a column and a slab of outputs, which it keeps in shared memory. Empty columns are dropped
//! between layers by [`feed_forward`](crate::feed_forward). The order in which products are added is not
//! fixed, so the last bits may differ from run to run.

use snicit::Layer;

use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::Layout;
use crate::layout::{SlabShape, SlabsForm};
use crate::run::{LiveMarks, Run};
use crate::runtime::{Kernel, Pointer};
use crate::spmm::{Product, Spmm};

/// `ScatterLayer` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScatterLayer {
    pub(crate) offsets: Pointer,
    pub(crate) outputs: Pointer,
    pub(crate) weights: Pointer,
    pub(crate) bias: Pointer,
    pub(crate) inputs: u32,
    pub(crate) neurons: u32,
    pub(crate) slab: u32,
    pub(crate) slabs: u32,
    pub(crate) lanes: u32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

arguments! {
    ScatterArguments for ScatterLayer {
        layer: ScatterLayer,
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        to: Pointer,
        marks: LiveMarks,
    }
}

/// The scattering product of a layer.
pub(crate) struct ScatterSpmm {
    form: SlabsForm,
    inputs: usize,
    outputs: usize,
}

impl ScatterSpmm {
    /// Brings a layer into the form of the kernel.
    pub(crate) fn build(layer: &Layer, shape: SlabShape) -> (Self, Vec<u8>) {
        let (form, bytes) = SlabsForm::build(layer, shape);
        (ScatterSpmm { form, inputs: layer.inputs(), outputs: layer.outputs() }, bytes)
    }

    /// The layer as the kernels take it; `bias` may be 0.
    pub(crate) fn arguments(
        &self,
        weights: Pointer,
        bias: Pointer,
        low: f32,
        high: f32,
    ) -> ScatterLayer {
        let form = &self.form;
        ScatterLayer {
            offsets: weights + form.offsets,
            outputs: weights + form.outputs,
            weights: weights + form.weights,
            bias,
            inputs: self.inputs as u32,
            neurons: self.outputs as u32,
            slab: form.slab as u32,
            slabs: form.slabs as u32,
            lanes: form.lanes,
            low,
            high,
        }
    }

    /// Threads of a block and its shared memory.
    pub(crate) fn block(&self) -> (u32, usize) {
        let width = self.form.slab.min(self.outputs).max(1);
        let threads = match width {
            0..=1024 => 256,
            1025..=8192 => 512,
            _ => 1024,
        };
        (threads, SlabShape::shared_memory(width))
    }
}

impl Spmm for ScatterSpmm {
    fn layout(&self) -> Layout {
        Layout::InputMajor
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn biases(&self, weights: Pointer) -> Pointer {
        weights + self.form.bias
    }

    fn enqueue(&self, run: &Run<'_>, weights: Pointer, product: &Product) -> Result<(), CudaError> {
        let (bias, low, high) = product.bias_and_bounds(self.biases(weights));
        let arguments = ScatterArguments {
            layer: self.arguments(weights, bias, low, high),
            from: run.activations(product.columns.buffer),
            slots: product.columns.slots,
            count: run.count(product.columns.count),
            to: product.to,
            marks: product.marks,
        };
        let (threads, shared_memory) = self.block();
        run.launch_shaped(Kernel::ScatterLayer, (threads, 1), shared_memory, arguments)
    }
}
