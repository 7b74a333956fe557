//! Stage 3 in few launches: a grid whose blocks are all on the device takes the columns through hundreds of
//! layers; see `kernels/persistent_update.cu`.

use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
use rayon::prelude::*;
use snicit::{Error, Layer, SnicitOptions};

use super::alike::{Alike, fits_block};
use super::conversion::{Converted, conversion_buffers};
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::engine::Gpu;
use crate::error::DriverContext;
use crate::layout::{STRIP_OUTPUTS, Stored, StripOrder, UpdateForm};
use crate::run::Run;
use crate::runtime::{DeviceBuffer, DeviceValue, Kernel, Launch, Pointer};
use crate::weights::WeightStore;
use crate::{CudaError, WeightPlacement, xy2021};

/// Threads of a block, THREADS of the kernel.
const THREADS: u32 = 512;

/// What one block keeps of the inputs of the next eight layers: 16 bytes for each of its threads.
const BLOCK_INPUTS_BYTES: usize = 8 * THREADS as usize * 16;

/// Layers of a launch, MAX_LAYERS of the kernel: between launches the observer may stop the inference.
const MAX_LAYERS: usize = 512;

/// Every launch but the last has at least so many layers, or the GPU is not used.
pub(crate) const MIN_LAYERS_A_LAUNCH: usize = 256;

/// Layers that the ring of activations holds and columns at most, RING and RING_COLUMNS of the kernel.
const RING: usize = 9;
const RING_COLUMNS: usize = 64;

/// The ring takes no more memory than this, unless a single column does.
const RING_BYTES: usize = 128 << 20;

/// `Progress` of the kernel: numbers of 64 and of 32 bits an epoch of four layers, and four more.
const PROGRESS_BYTES: usize = MAX_LAYERS / 4 * (8 + 4) + 16;

/// `UpdateLayer` of the kernel.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct UpdateLayer {
    strips: Pointer,
    inputs: Pointer,
    weights: Pointer,
    outputs: Pointer,
    bias: Pointer,
    all: Pointer,
    bytes: u64,
    strip_count: u32,
    strip_inputs: u32,
    strip_outputs: u32,
    neurons_in: u32,
    neurons_out: u32,
    narrow: u32,
    low: f32,
    high: f32,
    weight: f32,
    uniform_bias: f32,
}

// SAFETY: ten words of 4 bytes behind seven of 8, without padding.
unsafe impl DeviceValue for UpdateLayer {}

impl UpdateLayer {
    fn new(layer: &Layer, form: &UpdateForm, (weights, bytes): (Pointer, u64)) -> Self {
        let stored = |stored: Stored| match stored {
            Stored::At(offset) => (weights + offset, 0.0),
            Stored::Uniform(value) => (0, value),
        };
        let (low, high) = layer.activation().bounds();
        let (rows, weight) = stored(form.weights);
        let (bias, uniform_bias) = stored(form.bias);
        UpdateLayer {
            strips: form.strips.map_or(0, |strips| weights + strips),
            inputs: weights + form.inputs,
            weights: rows,
            outputs: form.outputs.map_or(0, |outputs| weights + outputs),
            bias,
            all: weights,
            bytes,
            strip_count: form.strip_count as u32,
            strip_inputs: form.strip_inputs as u32,
            strip_outputs: form.strip_outputs as u32,
            neurons_in: layer.inputs() as u32,
            neurons_out: layer.outputs() as u32,
            narrow: u32::from(form.narrow.0) | u32::from(form.narrow.1) << 1,
            low,
            high,
            weight,
            uniform_bias,
        }
    }
}

arguments! {
    PersistentUpdateArguments for PersistentUpdate {
        layers: Pointer,
        layer_count: u32,
        max_strips: u32,
        from: Pointer,
        other: Pointer,
        slots: Pointer,
        inputs: Pointer,
        centers: Pointer,
        count: Pointer,
        centroid_count: Pointer,
        live_slots: Pointer,
        live_inputs: Pointer,
        live_centers: Pointer,
        live_count: Pointer,
        entered: Pointer,
        flags: Pointer,
        ring: Pointer,
        ring_neurons: u64,
        last_tag: Pointer,
        progress: Pointer,
        ring_columns: u32,
        prune: f32,
        alike: u32,
        unused: u32,
    }
}

/// Layers behind the threshold layer, for launches of many at a time.
pub(crate) struct PersistentUpdate {
    weights: WeightStore,
    /// An `UpdateLayer` for each layer.
    table: DeviceBuffer,
    launches: Vec<LayersOfLaunch>,
    ring: DeviceBuffer,
    ring_neurons: usize,
    ring_columns: usize,
    /// The largest tag that the ring has ever seen.
    last_tag: DeviceBuffer,
    progress: DeviceBuffer,
    /// Residues of at most this magnitude become zero.
    prune: f32,
}

struct LayersOfLaunch {
    first: usize,
    count: usize,
    max_strips: usize,
    outputs: usize,
    /// Whether all are of one shape.
    alike: Alike,
    /// Dynamic, in bytes.
    shared_memory: usize,
}

impl PersistentUpdate {
    /// Brings `layers` into the form of the kernel, with what was found in them. `None` if the GPU cannot
    /// run it, some layer is too large for the form, or the weights do not fit.
    ///
    /// # Errors
    /// If a layer has too many connections, or what the driver says.
    pub(crate) fn build(
        gpu: &Gpu,
        placement: WeightPlacement,
        layers: &[&Layer],
        options: &SnicitOptions,
        check: impl Fn(usize) -> Result<(), CudaError> + Sync,
    ) -> Result<Option<(Self, Vec<xy2021::Choice>)>, CudaError> {
        let Some(room) = dynamic_shared_memory(gpu)? else { return Ok(None) };
        let layers_a_launch = (room / size_of::<UpdateLayer>()).min(MAX_LAYERS);
        if placement == WeightPlacement::Streamed || layers.is_empty() {
            return Ok(None);
        }
        let ordered = layers.par_iter().enumerate().map(|(index, layer)| {
            check(index)?;
            let (blocks, choice) = xy2021::choose(layer);
            Ok((StripOrder::new(layer, choice.strips.then_some(&blocks)), choice))
        });
        let ordered = ordered.collect::<Result<Vec<_>, CudaError>>()?;
        let (orders, choices): (Vec<StripOrder>, Vec<xy2021::Choice>) = ordered.into_iter().unzip();
        let (built, weights) = WeightStore::new(&gpu.device, placement, layers.len(), |index| {
            let before = index.checked_sub(1).map(|before| &orders[before]);
            let last = index + 1 == layers.len();
            let built = UpdateForm::build(layers[index], &orders[index], before, last);
            Ok(built.map_or((None, Vec::new()), |(form, bytes)| (Some(form), bytes)))
        })?;
        let Some(forms) = built.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        if weights.is_streamed() {
            return Ok(None);
        }
        let table: Vec<UpdateLayer> = layers
            .iter()
            .zip(&forms)
            .enumerate()
            .map(|(index, (layer, form))| UpdateLayer::new(layer, form, weights.resident_layer(index)))
            .collect();
        gpu.kernels.allow_shared_memory(Kernel::PersistentUpdate, room)?;
        let launches = (0..layers.len()).step_by(layers_a_launch).map(|first| {
            let of_launch = first..layers.len().min(first + layers_a_launch);
            let strips = forms[of_launch.clone()].iter().map(|form| form.strip_count);
            let max_strips = strips.max().unwrap_or(0);
            let mut shared_memory = of_launch.len() * size_of::<UpdateLayer>();
            let mut alike = Alike::of(&layers[of_launch.clone()], &forms[of_launch.clone()]);
            let column = 2 * max_strips * STRIP_OUTPUTS * size_of::<f32>() + BLOCK_INPUTS_BYTES;
            if alike == Alike::EqualWeights
                && fits_block(layers[first], &forms[first])
                && shared_memory + column <= room
            {
                alike = Alike::InBlock;
                shared_memory += column;
            }
            let (count, outputs) = (of_launch.len(), layers[of_launch.end - 1].outputs());
            LayersOfLaunch { first, count, max_strips, outputs, alike, shared_memory }
        });
        let launches: Vec<LayersOfLaunch> = launches.collect();
        let ring_neurons = layers.iter().map(|layer| layer.outputs()).max().unwrap_or(0).max(1);
        let column_bytes = RING * ring_neurons * size_of::<u64>();
        let ring_columns = (RING_BYTES / column_bytes).clamp(1, RING_COLUMNS);
        let device = &gpu.device;
        let mut update = PersistentUpdate {
            launches,
            weights,
            table: DeviceBuffer::new(device, size_of_val(&table[..]), "the layers")?,
            ring: DeviceBuffer::new(device, column_bytes * ring_columns, "a ring of activations")?,
            ring_neurons,
            ring_columns,
            last_tag: DeviceBuffer::new(device, size_of::<u32>(), "the layers")?,
            progress: DeviceBuffer::new(device, PROGRESS_BYTES, "the layers")?,
            prune: options.prune_at_update,
        };
        update.table.upload(0, &table)?;
        // No tag is 0.
        update.ring.fill(&gpu.stream, 0, update.ring.bytes())?;
        update.last_tag.fill(&gpu.stream, 0, update.last_tag.bytes())?;
        Ok(Some((update, choices)))
    }

    /// Kernels that are launched for a batch.
    pub(crate) fn launches(&self) -> usize {
        self.launches.len()
    }

    /// The weights of its layers.
    pub(super) fn weights(&self) -> &WeightStore {
        &self.weights
    }

    /// `Ŷ(t)` to `Ŷ(l)`.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the driver says.
    pub(super) fn pass(&self, run: &mut Run<'_>, converted: Converted) -> Result<Converted, Error> {
        let mut columns = run.to_input_major(converted.columns)?;
        for launch in &self.launches {
            columns = self.launch(run, launch, columns, converted.centroid_count)?;
            run.sent_layers(launch.count)?;
        }
        Ok(Converted { columns, ..converted })
    }

    fn launch(
        &self,
        run: &mut Run<'_>,
        layers: &LayersOfLaunch,
        columns: Columns,
        centroid_count: usize,
    ) -> Result<Columns, Error> {
        run.enter_layer(columns.count)?;
        // One behind the other: the kernel knows the first only.
        let live_count = run.new_count();
        for layer in 1..layers.count {
            let entered = run.new_count();
            debug_assert_eq!(entered, live_count + layer);
            run.enter_layer(entered)?;
        }
        let lists = &conversion_buffers(run).lists;
        let list = usize::from(columns.inputs == lists.inputs[0].pointer());
        let buffer = if layers.count % 2 == 1 { columns.other_buffer() } else { columns.buffer };
        let result = Columns {
            slots: lists.slots[list].pointer(),
            inputs: lists.inputs[list].pointer(),
            centers: lists.centers.as_ref().map_or(0, |centers| centers[list].pointer()),
            count: live_count,
            ..columns.written(Layout::InputMajor, buffer, layers.outputs)
        };
        self.progress.fill(run.stream, 0, PROGRESS_BYTES)?;
        let arguments = PersistentUpdateArguments {
            layers: self.table.pointer() + (layers.first * size_of::<UpdateLayer>()) as u64,
            layer_count: layers.count as u32,
            max_strips: layers.max_strips as u32,
            from: run.activations(columns.buffer),
            other: run.activations(columns.other_buffer()),
            slots: columns.slots,
            inputs: columns.inputs,
            centers: columns.centers,
            count: run.count(columns.count),
            centroid_count: run.count(centroid_count),
            live_slots: result.slots,
            live_inputs: result.inputs,
            live_centers: result.centers,
            live_count: run.count(result.count),
            entered: run.count(live_count + 1),
            flags: run.workspace.flags.pointer(),
            ring: self.ring.pointer(),
            ring_neurons: self.ring_neurons as u64,
            last_tag: self.last_tag.pointer(),
            progress: self.progress.pointer(),
            ring_columns: self.ring_columns as u32,
            prune: self.prune,
            alike: layers.alike as u32,
            unused: 0,
        };
        let launch = Launch {
            kernel: Kernel::PersistentUpdate,
            blocks: run.gpu.device.multiprocessors,
            threads: (THREADS, 1),
            shared_memory: layers.shared_memory,
        };
        launch.enqueue_cooperative(&run.gpu.kernels, run.stream, arguments)?;
        Ok(result)
    }
}

/// Shared memory that a block can have besides its own variables; `None` if that is too little for the table of
/// enough layers, or if blocks cannot wait for one another.
fn dynamic_shared_memory(gpu: &Gpu) -> Result<Option<usize>, CudaError> {
    let cooperative = Attribute::CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH;
    let cooperative = gpu.device.context.attribute(cooperative).to("describe the GPU")?;
    let fixed = gpu.kernels.static_shared_memory(Kernel::PersistentUpdate)?;
    /// What the system keeps of each block's shared memory.
    const RESERVED: usize = 1 << 10;
    let room = gpu.device.shared_memory.saturating_sub(fixed + RESERVED);
    let enough = room >= MIN_LAYERS_A_LAUNCH * size_of::<UpdateLayer>();
    Ok((cooperative != 0 && enough).then_some(room))
}
