//! Sends the kernels of a batch on its way through layers of mini-blocks.

use super::arguments::{
    BinarySumsArguments, Chunks, ChunksToPanelsArguments, CountLiveArguments, GroupBitsArguments,
    GroupValuesArguments, ListLiveArguments, MaskedBlocksArguments, PanelBlocksArguments,
};
use super::binary_form::BinaryForm;
use super::block_products::BlockProduct;
use super::chunk_form::{BlocksLayer, ChunkForm};
use super::equal_columns;
use super::feed_forward::{BlockLayer, GROUPED_INPUTS, MiniBlockFeedForward, NeuronList};
use super::panel_form::{PanelBlocksLayer, PanelForm};
use super::panels::Panels;
use crate::CudaError;
use crate::columns::{Columns, Layout};
use crate::run::Run;
use crate::runtime::{DeviceBuffer, Kernel, Pointer};
use crate::workspace::ChunkBuffers;

/// Threads of a block: four warps, WARPS of the kernels.
const THREADS: u32 = 128;

/// Words of which a block lists the columns; THREADS of the kernel.
const LISTED_WORDS: usize = 256;

/// What the layers of a batch share.
pub(super) struct Batch<'m, 'a> {
    method: &'m MiniBlockFeedForward,
    buffers: &'a ChunkBuffers,
    panels: Panels,
    /// Columns that a warp takes of a panel at a time; chunks are packed within.
    piece: usize,
    /// Index of the first of the counts of columns that enter each layer.
    pub(super) counts: usize,
}

impl<'m, 'a> Batch<'m, 'a> {
    pub(super) fn new(run: &mut Run<'a>, method: &'m MiniBlockFeedForward) -> Result<Self, CudaError> {
        let buffers = run.workspace.chunks.as_ref().expect("the method asked for them");
        let panels = Panels::of(run.batch);
        let rows = (method.layers.len() + 1) * panels.words() * size_of::<u32>();
        buffers.live.fill(run.stream, 0, rows)?;
        let counts = run.new_count();
        for _ in 1..method.layers.len() {
            run.new_count();
        }
        let warps = (run.gpu.blocks_of(THREADS) * THREADS / 32) as usize;
        let piece = method.piece(panels, warps);
        Ok(Batch { method, buffers, panels, piece, counts })
    }

    /// The words of the columns that enter layer `layer`.
    fn live(&self, layer: usize) -> Pointer {
        self.buffers.live.pointer() + (layer * self.panels.words() * size_of::<u32>()) as u64
    }

    /// Buffer `buffer` with chunks of `groups` groups.
    pub(super) fn chunks(&self, run: &Run<'_>, buffer: usize, groups: usize) -> Chunks {
        Chunks {
            values: run.activations(buffer),
            masks: self.buffers.masks[buffer].pointer(),
            groups: groups as u32,
            panel_bits: self.panels.width.ilog2(),
        }
    }

    /// The inputs in chunks.
    pub(super) fn source(
        &self,
        run: &Run<'_>,
        columns: Columns,
    ) -> Result<(Chunks, Columns), CudaError> {
        let panels = self.panels.count as u32;
        let NeuronList { buffer: features, groups } = &self.method.features;
        let live = self.live(0);
        if columns.layout == Layout::Bits {
            let values = self.buffers.input_bits.as_ref().map_or(0, DeviceBuffer::pointer);
            let chunks = Chunks { values, masks: 0, ..self.chunks(run, 0, *groups) };
            let bits = run.bits(columns.neurons);
            let arguments = GroupBitsArguments {
                words: bits.words,
                words_per_input: bits.words_per_input,
                features: features.pointer(),
                to: chunks,
                live,
                inputs: run.batch as u32,
                panels,
            };
            let staged = GROUPED_INPUTS * bits.words_per_input as usize * size_of::<u32>();
            run.launch_shaped(Kernel::GroupBits, (256, 1), staged, arguments)?;
            return Ok((chunks, Columns { buffer: 1, ..columns }));
        }
        let chunks = self.chunks(run, 1, *groups);
        let arguments = GroupValuesArguments {
            from: run.activations(0),
            neurons: columns.neurons as u32,
            neurons_of: features.pointer(),
            to: chunks,
            to_masks: chunks.masks,
            live,
            columns: run.batch as u32,
            panels,
        };
        run.launch(Kernel::GroupValues, 256, arguments)?;
        Ok((chunks, Columns { buffer: 1, layout: Layout::Chunks, ..columns }))
    }

    /// The first layer, straight from the words of binary inputs.
    pub(super) fn add_up_words(
        &self,
        run: &Run<'_>,
        (form, places): &(BinaryForm, DeviceBuffer),
        layer: &BlockLayer,
        blocks: BlocksLayer,
        columns: Columns,
    ) -> Result<(Chunks, Columns), CudaError> {
        let written = columns.written(Layout::Chunks, columns.other_buffer(), layer.outputs);
        let to = self.chunks(run, written.buffer, layer.groups);
        let bits = run.bits(columns.neurons);
        let octets = form.octets(self.panels);
        let arguments = BinarySumsArguments {
            layer: blocks,
            words: bits.words,
            words_per_input: bits.words_per_input,
            places: places.pointer(),
            spans: form.spans() as u32,
            to,
            to_masks: to.masks,
            live_inputs: self.live(0),
            live: self.live(1),
            inputs: run.batch as u32,
            columns: self.panels.columns() as u32,
            octets: octets as u32,
        };
        run.launch_shaped(Kernel::BinarySums, (256, 1), form.shared_memory(octets), arguments)?;
        Ok((to, written))
    }

    /// A layer that takes and gives chunks.
    #[allow(clippy::too_many_arguments, reason = "what a layer is and what it works on")]
    pub(super) fn multiply_chunks(
        &self,
        run: &Run<'_>,
        index: usize,
        layer: &BlockLayer,
        form: &ChunkForm,
        blocks: BlocksLayer,
        chunks: Chunks,
        columns: Columns,
    ) -> Result<(Chunks, Columns), CudaError> {
        let kernel = match (columns.layout, form.product) {
            (Layout::Bits, BlockProduct::Sum) => Kernel::BitBlockSums,
            (Layout::Bits, BlockProduct::Exact) => Kernel::BitBlocksExact,
            (Layout::Bits, BlockProduct::Split) => Kernel::BitBlocksSplit,
            (_, BlockProduct::Sum) => Kernel::SparseBlockSums,
            (_, BlockProduct::Exact) => Kernel::SparseBlocksExact,
            (_, BlockProduct::Split) => Kernel::SparseBlocksSplit,
        };
        let written = columns.written(Layout::Chunks, columns.other_buffer(), layer.outputs);
        let to = self.chunks(run, written.buffer, layer.groups);
        let arguments = MaskedBlocksArguments {
            layer: blocks,
            from: chunks,
            to,
            to_masks: to.masks,
            live: self.live(index + 1),
            panels: self.panels.count as u32,
            piece_bits: self.piece.ilog2(),
            from_packed: u32::from(self.method.is_packed(index)),
            to_packed: u32::from(self.method.is_packed(index + 1)),
        };
        run.launch(kernel, THREADS, arguments)?;
        Ok((to, written))
    }

    /// The columns that enter layer `layer`, neuron-major.
    pub(super) fn turn(
        &self,
        run: &mut Run<'_>,
        chunks: Chunks,
        columns: Columns,
        layer: usize,
    ) -> Result<Columns, CudaError> {
        let columns = self.list(run, columns, layer)?;
        let written = columns.written(Layout::NeuronMajor, columns.other_buffer(), columns.neurons);
        let NeuronList { buffer: neurons, groups } = &self.method.turned;
        let arguments = ChunksToPanelsArguments {
            from: chunks,
            slots: columns.slots,
            count: run.count(columns.count),
            neurons_of: neurons.pointer(),
            listed: *groups as u32,
            to: run.activations(written.buffer),
            neurons: columns.neurons as u32,
        };
        run.launch(Kernel::ChunksToPanels, THREADS, arguments)?;
        Ok(written)
    }

    /// A layer that takes and gives neuron-major columns.
    pub(super) fn multiply_panels(
        &self,
        run: &Run<'_>,
        index: usize,
        layer: &BlockLayer,
        form: &PanelForm,
        blocks: PanelBlocksLayer,
        columns: Columns,
    ) -> Result<Columns, CudaError> {
        let written = columns.written(Layout::NeuronMajor, columns.other_buffer(), layer.outputs);
        let arguments = PanelBlocksArguments {
            layer: blocks,
            from: run.activations(columns.buffer),
            count: run.count(columns.count),
            to: run.activations(written.buffer),
            neurons_in: columns.neurons as u32,
            neurons_out: layer.outputs as u32,
            live: self.live(index + 1),
        };
        let kernel = match form.product {
            BlockProduct::Sum => Kernel::PanelSums,
            BlockProduct::Exact => Kernel::PanelBlocksExact,
            BlockProduct::Split => Kernel::PanelBlocksSplit,
        };
        run.launch(kernel, THREADS, arguments)?;
        Ok(written)
    }

    /// Lists the columns that enter layer `layer`.
    pub(super) fn list(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
        layer: usize,
    ) -> Result<Columns, CudaError> {
        let lists = &run.workspace.lists;
        let list = usize::from(columns.inputs == lists.inputs[0].pointer());
        let listed = Columns {
            slots: lists.slots[list].pointer(),
            inputs: lists.inputs[list].pointer(),
            count: run.new_count(),
            ..columns
        };
        let arguments = ListLiveArguments {
            live: self.live(layer),
            words: self.panels.words() as u32,
            inputs: columns.inputs,
            slots: listed.slots,
            live_inputs: listed.inputs,
            count: run.count(listed.count),
        };
        let blocks = self.panels.words().div_ceil(LISTED_WORDS) as u32;
        run.launch_blocks(Kernel::ListLive, (blocks, LISTED_WORDS as u32), 0, arguments)?;
        Ok(listed)
    }

    /// Lets one of several equal columns that enter layer `layer` stand for all.
    pub(super) fn merge(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
        layer: usize,
    ) -> Result<Columns, CudaError> {
        equal_columns::merge(run, &self.buffers.merging, columns, self.live(layer))
    }

    /// Counts the columns that entered each layer.
    pub(super) fn count(&self, run: &Run<'_>) -> Result<(), CudaError> {
        let arguments = CountLiveArguments {
            live: self.live(0),
            words: self.panels.words() as u32,
            rows: self.method.layers.len() as u32,
            counts: run.count(self.counts),
        };
        run.launch(Kernel::CountLive, 256, arguments)
    }
}
