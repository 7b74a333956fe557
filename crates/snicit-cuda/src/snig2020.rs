//! SNIG-2020 (Lin and Huang, HPEC 2020): one task graph, flags instead of compaction.
//!
//! A pass through the layers is recorded once as a CUDA graph of copies and kernels and then launched as a
//! whole. Columns stay where they are. A flag for each column and section of neurons tells whether anything
//! there is non-zero: columns without a flag are not computed, and sections without one are not read.

use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::CudaStream;
use snicit::{Error, Layer};

use crate::CudaError;
use crate::arguments::arguments;
use crate::bf2019::{ScatterLayer, ScatterSpmm};
use crate::columns::{Columns, Layout};
use crate::engine::Gpu;
use crate::feed_forward::FeedForwardMethod;
use crate::layout::SlabShape;
use crate::run::{LiveMarks, Run};
use crate::runtime::{Graph, Kernel, Launch, Pointer};
use crate::spmm::Spmm;
use crate::weights::WeightStore;
use crate::workspace::Workspace;

arguments! {
    FlaggedArguments for FlaggedLayer {
        layer: ScatterLayer,
        from: Pointer,
        from_flags: Pointer,
        to: Pointer,
        to_flags: Pointer,
        columns: u32,
        sections_stride: u32,
        section: u32,
        keeps_zero: u32,
        live_count: Pointer,
        next_items: Pointer,
    }
    FlagSectionsArguments for FlagSections {
        values: Pointer,
        flags: Pointer,
        columns: u32,
        neurons: u32,
        sections_stride: u32,
        section: u32,
    }
    CollectFlaggedArguments for CollectFlagged {
        values: Pointer,
        flags: Pointer,
        columns: u32,
        neurons: u32,
        sections_stride: u32,
        section: u32,
        marks: LiveMarks,
    }
}

/// The layers of a network for SNIG-2020.
pub(crate) struct TaskGraphFeedForward {
    layers: Vec<FlaggedLayer>,
    weights: WeightStore,
    shape: SlabShape,
    /// Sections of the widest layer: flags of a column.
    sections_stride: usize,
}

struct FlaggedLayer {
    spmm: ScatterSpmm,
    bounds: (f32, f32),
    preserves_zero: bool,
}

impl TaskGraphFeedForward {
    /// Takes the products of `layers`, in order.
    pub(crate) fn new<'a>(
        layers: impl Iterator<Item = &'a Layer>,
        products: Vec<ScatterSpmm>,
        weights: WeightStore,
        shape: SlabShape,
        max_width: usize,
    ) -> Self {
        let layer = |(layer, spmm): (&Layer, _)| FlaggedLayer {
            spmm,
            bounds: layer.activation().bounds(),
            preserves_zero: layer.preserves_zero(),
        };
        let sections_stride = shape.sections(max_width);
        TaskGraphFeedForward {
            layers: layers.zip(products).map(layer).collect(),
            weights,
            shape,
            sections_stride,
        }
    }

    /// Sends all copies and kernels of a pass. The columns that enter layer `i` are in buffer `i % 2`.
    fn enqueue(
        &self,
        gpu: &Gpu,
        stream: &Arc<CudaStream>,
        workspace: &Workspace,
        batch: usize,
        layers: Range<usize>,
    ) -> Result<(), CudaError> {
        let mut weights = self.weights.pass(stream, layers.clone());
        for index in layers {
            let FlaggedLayer { spmm, bounds: (low, high), preserves_zero } = &self.layers[index];
            let at = weights.fetch(index)?;
            let (from, to) = (index % 2, (index + 1) % 2);
            let arguments = FlaggedArguments {
                layer: spmm.arguments(at, spmm.biases(at), *low, *high),
                from: workspace.activations[from].pointer(),
                from_flags: section_flags(workspace, from),
                to: workspace.activations[to].pointer(),
                to_flags: section_flags(workspace, to),
                columns: batch as u32,
                sections_stride: self.sections_stride as u32,
                section: self.shape.section as u32,
                keeps_zero: u32::from(*preserves_zero),
                live_count: workspace.count(Run::flagged_count(index)),
                next_items: workspace.count(Run::work_counter(self.layers.len(), index)),
            };
            let (threads, shared_memory) = spmm.block();
            let blocks = gpu.blocks_of(threads);
            let launch =
                Launch { kernel: Kernel::FlaggedLayer, blocks, threads: (threads, 1), shared_memory };
            launch.enqueue(&gpu.kernels, stream, arguments)?;
            weights.used(index)?;
        }
        Ok(())
    }
}

impl FeedForwardMethod for TaskGraphFeedForward {
    fn weights(&self) -> &WeightStore {
        &self.weights
    }

    /// It records its passes itself.
    fn can_be_recorded(&self) -> bool {
        false
    }

    fn make_ready(
        &self,
        gpu: &Gpu,
        workspace: &mut Workspace,
        batch: usize,
        passes: &[Range<usize>],
    ) -> Result<(), CudaError> {
        for layers in passes.iter().filter(|layers| !layers.is_empty()) {
            let key = (batch, layers.clone());
            if !workspace.graphs.contains_key(&key) {
                let graph = Graph::record(&gpu.stream, || {
                    self.enqueue(gpu, &gpu.stream, workspace, batch, layers.clone())
                })?;
                workspace.graphs.insert(key, graph);
            }
        }
        Ok(())
    }

    fn pass(
        &self,
        run: &mut Run<'_>,
        mut columns: Columns,
        layers: Range<usize>,
    ) -> Result<Columns, Error> {
        if layers.is_empty() {
            return Ok(columns);
        }
        if columns.layout != Layout::Flagged {
            columns = run.to_input_major(columns)?;
            let arguments = FlagSectionsArguments {
                values: run.activations(columns.buffer),
                flags: section_flags(run.workspace, columns.buffer),
                columns: run.batch as u32,
                neurons: columns.neurons as u32,
                sections_stride: self.sections_stride as u32,
                section: self.shape.section as u32,
            };
            run.launch(Kernel::FlagSections, 256, arguments)?;
        }
        for layer in layers.clone() {
            run.enter_layer(Run::flagged_count(layer))?;
        }
        let graph = run.workspace.graphs.get(&(run.batch, layers.clone()));
        graph.expect("recorded by make_ready").launch()?;
        for _ in layers.clone() {
            run.sent_layer()?;
        }
        // All columns of the batch are still there, whether or not the inputs were compacted.
        Ok(Columns {
            layout: Layout::Flagged,
            buffer: layers.end % 2,
            neurons: self.layers[layers.end - 1].spmm.outputs(),
            slots: 0,
            inputs: 0,
            centers: 0,
            count: Run::BATCH,
            members: None,
        })
    }

    fn hand_over(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
        layer: usize,
    ) -> Result<Columns, CudaError> {
        if columns.layout != Layout::Flagged {
            return Ok(columns);
        }
        let drops = run.may_drop_before(layer);
        let marks = if drops { run.new_marks()? } else { LiveMarks::default() };
        let arguments = CollectFlaggedArguments {
            values: run.activations(columns.buffer),
            flags: section_flags(run.workspace, columns.buffer),
            columns: run.batch as u32,
            neurons: columns.neurons as u32,
            sections_stride: self.sections_stride as u32,
            section: self.shape.section as u32,
            marks,
        };
        run.launch(Kernel::CollectFlagged, 256, arguments)?;
        let columns = Columns { layout: Layout::InputMajor, ..columns };
        if drops { run.compact(columns, marks, &run.workspace.lists) } else { Ok(columns) }
    }
}

fn section_flags(workspace: &Workspace, buffer: usize) -> Pointer {
    workspace.section_flags.as_ref().map_or(0, |flags| flags[buffer].pointer())
}
