//! Plain feed-forward with compaction, the frame of BF-2019 and XY-2021.

use std::ops::Range;

use snicit::{Error, Layer};

use crate::CudaError;
use crate::columns::{Columns, Layout};
use crate::engine::Gpu;
use crate::run::{LiveMarks, Run};
use crate::spmm::{Product, Spmm};
use crate::weights::WeightStore;
use crate::workspace::Workspace;

/// A method that computes layers in full.
pub(crate) trait FeedForwardMethod: Send + Sync {
    /// Its weights.
    fn weights(&self) -> &WeightStore;

    /// Whether [`FeedForwardMethod::pass`] only sends kernels and so can be recorded.
    fn can_be_recorded(&self) -> bool;

    /// Whether it is given all inputs and drops the empty ones itself.
    fn takes_empty_inputs(&self) -> bool {
        false
    }

    /// Undoes what it did to the number of columns, behind the last layer.
    fn expand(&self, _run: &mut Run<'_>, columns: Columns) -> Result<Columns, CudaError> {
        Ok(columns)
    }

    /// Does what can be done before the clock starts for batches of `batch` inputs and these passes.
    fn make_ready(
        &self,
        _gpu: &Gpu,
        _workspace: &mut Workspace,
        _batch: usize,
        _passes: &[Range<usize>],
    ) -> Result<(), CudaError> {
        Ok(())
    }

    /// Sends `columns` through the layers `layers` (0-based).
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the driver says.
    fn pass(&self, run: &mut Run<'_>, columns: Columns, layers: Range<usize>) -> Result<Columns, Error>;

    /// Gives the columns a layout that others understand, after the layers before `layer`.
    fn hand_over(&self, run: &mut Run<'_>, columns: Columns, layer: usize)
    -> Result<Columns, CudaError>;
}

/// The layers of a network for a method that drops empty columns between layers.
pub(crate) struct CompactingFeedForward {
    layers: Vec<CompactedLayer>,
    weights: WeightStore,
}

struct CompactedLayer {
    spmm: Box<dyn Spmm>,
    bounds: (f32, f32),
}

impl CompactingFeedForward {
    /// Takes the products of `layers`, in order.
    pub(crate) fn new<'a>(
        layers: impl Iterator<Item = &'a Layer>,
        products: Vec<Box<dyn Spmm>>,
        weights: WeightStore,
    ) -> Self {
        let layer =
            |(layer, spmm): (&Layer, _)| CompactedLayer { spmm, bounds: layer.activation().bounds() };
        CompactingFeedForward { layers: layers.zip(products).map(layer).collect(), weights }
    }
}

impl FeedForwardMethod for CompactingFeedForward {
    fn weights(&self) -> &WeightStore {
        &self.weights
    }

    fn can_be_recorded(&self) -> bool {
        !self.weights.is_streamed()
    }

    fn pass(
        &self,
        run: &mut Run<'_>,
        mut columns: Columns,
        layers: Range<usize>,
    ) -> Result<Columns, Error> {
        let stream = run.stream;
        let mut weights = self.weights.pass(stream, layers.clone());
        for index in layers {
            run.enter_layer(columns.count)?;
            let CompactedLayer { spmm, bounds } = &self.layers[index];
            columns = match spmm.layout() {
                Layout::InputMajor => run.to_input_major(columns)?,
                _ => run.to_rows(columns)?,
            };
            let drops = run.should_drop_before(index + 1);
            let marks = if drops { run.new_marks()? } else { LiveMarks::default() };
            let to = columns.other_buffer();
            let product = Product { columns, to: run.activations(to), epilogue: Some(*bounds), marks };
            spmm.enqueue(run, weights.fetch(index)?, &product)?;
            weights.used(index)?;
            columns = columns.written(spmm.layout(), to, spmm.outputs());
            if drops {
                let lists = &run.workspace.lists;
                columns = run.compact(columns, marks, lists)?;
            }
            run.sent_layer()?;
        }
        Ok(columns)
    }

    fn hand_over(
        &self,
        _run: &mut Run<'_>,
        columns: Columns,
        _layer: usize,
    ) -> Result<Columns, CudaError> {
        Ok(columns)
    }
}
