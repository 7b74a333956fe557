//! Sends columns through layers of mini-blocks: masked while chunks are zero, together and in full later.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use snicit::{Error, Layer, Network};

use super::batch::Batch;
use super::binary_form::BinaryForm;
use super::block_products::BlockProduct;
use super::chunk_form::{ChunkForm, Steps};
use super::equal_columns::{self, merges_before};
use super::grouping::{GROUP, Grouping, NONE};
use super::panel_form::PanelForm;
use super::panels::{ChunkNeeds, Panels};
use crate::columns::{Columns, Layout};
use crate::engine::{Gpu, MiniBlockUse};
use crate::feed_forward::FeedForwardMethod;
use crate::run::Run;
use crate::runtime::DeviceBuffer;
use crate::weights::WeightStore;
use crate::{CudaError, WeightPlacement};

/// Inputs that a block brings into chunks together; INPUTS of the kernel.
pub(super) const GROUPED_INPUTS: usize = 8;

/// Features whose bits, of that many inputs, fit a multiprocessor's shared memory twice.
const MAX_FEATURES: usize = 1 << 16;

/// Shared memory for them, in bytes.
pub(crate) const STAGED_BYTES: usize = GROUPED_INPUTS * MAX_FEATURES / 8;

/// The matrix units multiply bf16 from this generation on.
const NEEDED_CAPABILITY: i32 = 8;

/// Multiply-adds, with those by the zeros that fill up blocks, may be so many times the connections.
const FILLED_UP: usize = 4;

/// Groups may have room for so many times the neurons.
const SPREAD: usize = 2;

/// Columns that a warp takes at least, or a panel.
const MIN_PIECE: usize = 64;

/// The first layers of a network, all of them of mini-blocks.
pub(crate) struct MiniBlockFeedForward {
    pub(super) layers: Vec<BlockLayer>,
    weights: WeightStore,
    /// The features of each group of inputs.
    pub(super) features: NeuronList,
    /// Where their words are, if the first layer adds up binary inputs straight from these.
    binary: Option<(BinaryForm, DeviceBuffer)>,
    /// The neurons of each group behind the last layer that takes chunks, and those in no group.
    pub(super) turned: NeuronList,
    input_groups: usize,
    /// The first layer that takes neuron-major activations.
    first_of_panels: usize,
}

pub(super) struct BlockLayer {
    form: Form,
    bounds: (f32, f32),
    pub(super) groups: usize,
    pub(super) outputs: usize,
}

enum Form {
    Chunks(ChunkForm),
    Panels(PanelForm),
}

/// Neurons on the device, sixteen for each group.
pub(super) struct NeuronList {
    pub(super) buffer: DeviceBuffer,
    pub(super) groups: usize,
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
    pub(super) fn is_packed(&self, index: usize) -> bool {
        let packs = |layer: &BlockLayer| matches!(&layer.form, Form::Chunks(form) if form.can_pack());
        index >= 2 && self.layers.get(index).is_some_and(packs) && packs(&self.layers[index - 1])
    }

    /// Columns that a warp takes of a panel at a time, with `warps` of them: all, or fewer where many warps had none.
    pub(super) fn piece(&self, panels: Panels, warps: usize) -> usize {
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
