//! Sends columns through layers of mini-blocks: masked while chunks are zero, together and in full later.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use snicit::{Error, Layer, Network};

use super::binary_form::BinaryForm;
use super::block_products::BlockProduct;
use super::chunk_form::{ChunkForm, Steps};
use super::equal_columns::{self, merges_before};
use super::grouping::{GROUP, Grouping, NONE};
use super::panel_form::PanelForm;
use crate::arguments::{
    BinarySumsArguments, BlocksLayer, Chunks, ChunksToPanelsArguments, CountLiveArguments,
    GroupBitsArguments, GroupValuesArguments, ListLiveArguments, MaskedBlocksArguments,
    PanelBlocksArguments, PanelBlocksLayer,
};
use crate::columns::{Columns, Layout};
use crate::engine::{Gpu, MiniBlockUse};
use crate::feed_forward::FeedForwardMethod;
use crate::run::Run;
use crate::runtime::{DeviceBuffer, Kernel, Pointer};
use crate::weights::WeightStore;
use crate::workspace::ChunkBuffers;
use crate::{CudaError, WeightPlacement};

/// Threads of a block: four warps, WARPS of the kernels.
const THREADS: u32 = 128;

/// Inputs that a block brings into chunks together; INPUTS of the kernel.
const GROUPED_INPUTS: usize = 8;

/// Features whose bits, of that many inputs, fit a multiprocessor's shared memory twice.
const MAX_FEATURES: usize = 1 << 16;

/// Shared memory for them, in bytes.
pub(crate) const STAGED_BYTES: usize = GROUPED_INPUTS * MAX_FEATURES / 8;

/// Words of which a block lists the columns; THREADS of the kernel.
const LISTED_WORDS: usize = 256;

/// The matrix units multiply bf16 from this generation on.
const NEEDED_CAPABILITY: i32 = 8;

/// Multiply-adds, with those by the zeros that fill up blocks, may be so many times the connections.
const FILLED_UP: usize = 4;

/// Groups may have room for so many times the neurons.
const SPREAD: usize = 2;

/// Columns that a warp takes at least, or a panel.
const MIN_PIECE: usize = 64;

/// What this method needs of a workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkNeeds {
    /// Groups that binary inputs are brought into.
    input_groups: usize,
    /// The most groups before or after any layer.
    groups: usize,
    layers: usize,
}

/// How the columns of a batch are cut into panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panels {
    /// Columns of a panel.
    pub(crate) width: usize,
    pub(crate) count: usize,
}

impl Panels {
    /// MAX_PANEL of the kernels.
    const MAX_WIDTH: usize = 1024;
    const MIN_WIDTH: usize = 32;

    pub(crate) fn of(batch: usize) -> Self {
        let width = batch.next_power_of_two().clamp(Self::MIN_WIDTH, Self::MAX_WIDTH);
        Panels { width, count: batch.div_ceil(width) }
    }

    fn columns(self) -> usize {
        self.width * self.count
    }

    /// Words with a bit a column.
    fn words(self) -> usize {
        self.columns() / 32
    }
}

impl ChunkNeeds {
    /// Values of a buffer of activations.
    pub(crate) fn values(&self, batch: usize) -> usize {
        self.groups * GROUP * Panels::of(batch).columns()
    }

    /// Bytes of the inputs in chunks of bits.
    pub(crate) fn input_bytes(&self, batch: usize) -> usize {
        self.input_groups * Panels::of(batch).columns() * size_of::<u16>()
    }

    /// Bytes of the masks of one buffer of activations.
    pub(crate) fn mask_bytes(&self, batch: usize) -> usize {
        self.groups * Panels::of(batch).words() * size_of::<u32>()
    }

    /// Bytes of the words that say which columns enter each layer, and which come out of the last.
    pub(crate) fn live_bytes(&self, batch: usize) -> usize {
        (self.layers + 1) * Panels::of(batch).words() * size_of::<u32>()
    }
}

/// The first layers of a network, all of them of mini-blocks.
pub(crate) struct MiniBlockFeedForward {
    layers: Vec<BlockLayer>,
    weights: WeightStore,
    /// The features of each group of inputs.
    features: NeuronList,
    /// Where their words are, if the first layer adds up binary inputs straight from these.
    binary: Option<(BinaryForm, DeviceBuffer)>,
    /// The neurons of each group behind the last layer that takes chunks, and those in no group.
    turned: NeuronList,
    input_groups: usize,
    /// The first layer that takes neuron-major activations.
    first_of_panels: usize,
}

struct BlockLayer {
    form: Form,
    bounds: (f32, f32),
    groups: usize,
    outputs: usize,
}

enum Form {
    Chunks(ChunkForm),
    Panels(PanelForm),
}

/// Neurons on the device, sixteen for each group.
struct NeuronList {
    buffer: DeviceBuffer,
    groups: usize,
}

impl NeuronList {
    fn new(gpu: &Gpu, neurons: &[u32]) -> Result<Self, CudaError> {
        let mut buffer = DeviceBuffer::new(&gpu.device, size_of_val(neurons), "the weights")?;
        buffer.upload(0, neurons)?;
        Ok(NeuronList { buffer, groups: neurons.len() / GROUP })
    }
}

impl MiniBlockFeedForward {
    /// The first `layers` layers of `network`; `None` if they, or the GPU, are not fit for it.
    pub(crate) fn new(
        gpu: &Gpu,
        placement: WeightPlacement,
        network: &Network,
        layers: usize,
        wanted: MiniBlockUse,
    ) -> Result<Option<Self>, CudaError> {
        // Empty columns are left out: they must stay empty through all layers.
        let fit = layers > 0
            && gpu.device.capability.0 >= NEEDED_CAPABILITY
            && network.preserves_zero_from() == 0
            && network.inputs() <= MAX_FEATURES;
        if wanted == MiniBlockUse::Never || !fit {
            return Ok(None);
        }
        let layers = &network.layers()[..layers];
        let outputs: Vec<Grouping> =
            layers.par_iter().map(|layer| Grouping::of_outputs(layer)).collect();
        let inputs = Grouping::of_inputs(&layers[0], &outputs[0]);
        let groupings: Vec<&Grouping> = std::iter::once(&inputs).chain(&outputs).collect();
        // Where blocks do not read whole groups, chunks are of no use any more.
        let mut steps = vec![Steps::find(&layers[0], groupings[0], groupings[1])];
        for l in 1..layers.len() {
            let of_layer = Steps::find(&layers[l], groupings[l], groupings[l + 1]);
            if !of_layer.whole {
                break;
            }
            steps.push(of_layer);
        }
        if wanted == MiniBlockUse::Auto && !pays(layers, &groupings, &steps) {
            return Ok(None);
        }
        let (built, weights) = WeightStore::new(&gpu.device, placement, layers.len(), |l| {
            let (inputs, outputs) = (groupings[l], groupings[l + 1]);
            let (form, bytes) = match steps.get(l) {
                Some(steps) => {
                    let (form, bytes) = ChunkForm::build(&layers[l], inputs, outputs, steps);
                    (Form::Chunks(form), bytes)
                }
                None => {
                    let (form, bytes) = PanelForm::build(&layers[l], outputs);
                    (Form::Panels(form), bytes)
                }
            };
            let layer = BlockLayer {
                form,
                bounds: layers[l].activation().bounds(),
                groups: outputs.groups.len(),
                outputs: layers[l].outputs(),
            };
            Ok((layer, bytes))
        })?;
        let binary = match &built[0].form {
            Form::Chunks(form) if form.product == BlockProduct::Sum && form.has_two_steps() => {
                BinaryForm::find(&inputs)
            }
            _ => None,
        };
        let binary = binary
            .map(|form| -> Result<_, CudaError> {
                let mut places =
                    DeviceBuffer::new(&gpu.device, size_of_val(&*form.places), "the weights")?;
                places.upload(0, &form.places)?;
                Ok((form, places))
            })
            .transpose()?;
        let last_in_chunks = groupings[steps.len()];
        let mut turned = last_in_chunks.padded();
        turned.extend(
            (0..last_in_chunks.places.len() as u32)
                .filter(|&n| last_in_chunks.places[n as usize] == NONE),
        );
        turned.resize(turned.len().next_multiple_of(GROUP), NONE);
        Ok(Some(MiniBlockFeedForward {
            layers: built,
            weights,
            features: NeuronList::new(gpu, &inputs.padded())?,
            binary,
            turned: NeuronList::new(gpu, &turned)?,
            input_groups: inputs.groups.len(),
            first_of_panels: steps.len(),
        }))
    }

    /// Whether the chunks that enter layer `index` have no gaps: both this layer and the one before must be able to
    /// pack. The first layer writes where columns are: it may take inputs of any form.
    fn is_packed(&self, index: usize) -> bool {
        let packs = |layer: &BlockLayer| matches!(&layer.form, Form::Chunks(form) if form.can_pack());
        index >= 2 && self.layers.get(index).is_some_and(packs) && packs(&self.layers[index - 1])
    }

    /// Columns that a warp takes of a panel at a time, with `warps` of them: all, or fewer where many warps had none.
    fn piece(&self, panels: Panels, warps: usize) -> usize {
        let blocks = self.layers.iter().filter_map(|layer| match &layer.form {
            Form::Chunks(form) => Some(form.blocks),
            Form::Panels(_) => None,
        });
        let blocks = blocks.min().unwrap_or(1);
        let mut width = panels.width;
        while width > MIN_PIECE && panels.columns() / width * blocks < 2 * warps {
            width /= 2;
        }
        width
    }

    /// What it needs of a workspace.
    pub(crate) fn needs(&self) -> ChunkNeeds {
        let groups = self.layers[..self.first_of_panels].iter().map(|layer| layer.groups);
        ChunkNeeds {
            input_groups: if self.binary.is_some() { 0 } else { self.input_groups },
            groups: groups.chain([self.input_groups]).max().unwrap_or(0),
            layers: self.layers.len(),
        }
    }

    /// For people.
    pub(crate) fn note(&self) -> String {
        let (layers, in_chunks) = (self.layers.len(), self.first_of_panels);
        let mut note = format!(
            "{layers} layers by the engine's mini-blocks, the first {in_chunks} without zero chunks"
        );
        let products = [
            (BlockProduct::Sum, "one sum for the equal weights of a block"),
            (BlockProduct::Exact, "bf16 weights on the matrix units"),
            (BlockProduct::Split, "weights in three parts on the matrix units"),
        ];
        for (product, name) in products {
            let with = self.layers.iter().filter(|layer| layer.form.product() == product).count();
            if with != 0 {
                note += &format!("; {with} with {name}");
            }
        }
        note
    }
}

impl Form {
    fn product(&self) -> BlockProduct {
        match self {
            Form::Chunks(form) => form.product,
            Form::Panels(form) => form.product,
        }
    }
}

/// Whether blocks are full enough for dense products of sixteen outputs.
fn pays(layers: &[Arc<Layer>], groupings: &[&Grouping], steps: &[Steps]) -> bool {
    let connections: usize = layers.iter().map(|layer| layer.weights().connections()).sum();
    let in_chunks: usize = steps.iter().map(|steps| steps.count() * GROUP * GROUP).sum();
    let in_panels = steps.len()..layers.len();
    let in_panels: usize = in_panels.map(|l| PanelForm::products(&layers[l], groupings[l + 1])).sum();
    let spread = |grouping: &&Grouping| {
        grouping.groups.len() * GROUP <= SPREAD * grouping.places.len().max(GROUP)
    };
    in_chunks + in_panels <= FILLED_UP * connections && groupings.iter().all(spread)
}

impl FeedForwardMethod for MiniBlockFeedForward {
    fn weights(&self) -> &WeightStore {
        &self.weights
    }

    fn can_be_recorded(&self) -> bool {
        !self.weights.is_streamed()
    }

    fn takes_empty_inputs(&self) -> bool {
        true
    }

    fn pass(&self, run: &mut Run<'_>, columns: Columns, layers: Range<usize>) -> Result<Columns, Error> {
        assert_eq!(layers, 0..self.layers.len(), "all its layers at once");
        let batch = Batch::new(run, self)?;
        let mut words = self.binary.as_ref().filter(|_| columns.layout == Layout::Bits);
        let (mut chunks, mut columns) = match words {
            Some(_) => (batch.chunks(run, 0, 0), Columns { buffer: 1, ..columns }),
            None => batch.source(run, columns)?,
        };
        let mut weights = self.weights.pass(run.stream, layers);
        let last = self.layers.len();
        for (index, layer) in self.layers.iter().enumerate() {
            run.enter_layer(batch.counts + index)?;
            let at = weights.fetch(index)?;
            match &layer.form {
                Form::Chunks(form) => {
                    let blocks = form.argument(at, layer.bounds);
                    (chunks, columns) = match words.take() {
                        Some(words) => batch.add_up_words(run, words, layer, blocks, columns)?,
                        None => {
                            batch.multiply_chunks(run, index, layer, form, blocks, chunks, columns)?
                        }
                    };
                }
                Form::Panels(form) => {
                    if index == self.first_of_panels {
                        columns = batch.turn(run, chunks, columns, index)?;
                    } else if merges_before(index, self.first_of_panels, last) {
                        columns = batch.merge(run, columns, index)?;
                    }
                    let blocks = form.argument(at, layer.bounds);
                    columns = batch.multiply_panels(run, index, layer, form, blocks, columns)?;
                }
            }
            weights.used(index)?;
            run.sent_layer()?;
        }
        batch.count(run)?;
        if self.first_of_panels == last {
            return Ok(batch.turn(run, chunks, columns, last)?);
        }
        if merges_before(last, self.first_of_panels, last) {
            return Ok(batch.merge(run, columns, last)?);
        }
        Ok(batch.list(run, columns, last)?)
    }

    fn expand(&self, run: &mut Run<'_>, columns: Columns) -> Result<Columns, CudaError> {
        let Some(members) = columns.members else { return Ok(columns) };
        let buffers = run.workspace.chunks.as_ref().expect("the method asked for them");
        equal_columns::expand(run, &buffers.merging, columns, members)
    }

    fn hand_over(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
        _layer: usize,
    ) -> Result<Columns, CudaError> {
        run.to_input_major(columns)
    }
}

/// What the layers of a batch share.
struct Batch<'m, 'a> {
    method: &'m MiniBlockFeedForward,
    buffers: &'a ChunkBuffers,
    panels: Panels,
    /// Columns that a warp takes of a panel at a time; chunks are packed within.
    piece: usize,
    /// Index of the first of the counts of columns that enter each layer.
    counts: usize,
}

impl<'m, 'a> Batch<'m, 'a> {
    fn new(run: &mut Run<'a>, method: &'m MiniBlockFeedForward) -> Result<Self, CudaError> {
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
    fn chunks(&self, run: &Run<'_>, buffer: usize, groups: usize) -> Chunks {
        Chunks {
            values: run.activations(buffer),
            masks: self.buffers.masks[buffer].pointer(),
            groups: groups as u32,
            panel_bits: self.panels.width.ilog2(),
        }
    }

    /// The inputs in chunks.
    fn source(&self, run: &Run<'_>, columns: Columns) -> Result<(Chunks, Columns), CudaError> {
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
    fn add_up_words(
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
    fn multiply_chunks(
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
    fn turn(
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
    fn multiply_panels(
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
    fn list(&self, run: &mut Run<'_>, columns: Columns, layer: usize) -> Result<Columns, CudaError> {
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
    fn merge(&self, run: &mut Run<'_>, columns: Columns, layer: usize) -> Result<Columns, CudaError> {
        equal_columns::merge(run, &self.buffers.merging, columns, self.live(layer))
    }

    /// Counts the columns that entered each layer.
    fn count(&self, run: &Run<'_>) -> Result<(), CudaError> {
        let arguments = CountLiveArguments {
            live: self.live(0),
            words: self.panels.words() as u32,
            rows: self.method.layers.len() as u32,
            counts: run.count(self.counts),
        };
        run.launch(Kernel::CountLive, 256, arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_powers_of_two_and_hold_the_batch() {
        assert_eq!(Panels::of(1), Panels { width: 32, count: 1 });
        assert_eq!(Panels::of(33), Panels { width: 64, count: 1 });
        assert_eq!(Panels::of(1024), Panels { width: 1024, count: 1 });
        assert_eq!(Panels::of(60_000), Panels { width: 1024, count: 59 });
        // A workspace made for a larger batch serves a smaller one.
        let sizes: Vec<usize> = (0..3000).map(|batch| Panels::of(batch).columns()).collect();
        assert!(sizes.is_sorted());
    }
}
