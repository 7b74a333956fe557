//! Stage 3, post-convergence update: the layers behind the threshold layer on `Ŷ`.
//!
//! For each layer the load-reduced product `Z = W·Ŷ` of all columns that are not empty, and then the update:
//! `Ŷ'_c = σ(Z_c + b)` for centroids, `Ŷ'_j = σ(Z_c + Z_j + b) − σ(Z_c + b)` for the residues of centroid `c`.
//! Every so many layers the list of columns that are not empty (the paper's `ne_idx`) is rebuilt.
//!
//! Two schedules: the paper's, layer by layer, here; many layers a launch in
//! [`persistent_update`](super::persistent_update).

use snicit::{Error, Layer, SnicitOptions};

use super::conversion::{Converted, conversion_buffers};
use super::persistent_update::PersistentUpdate;
use crate::arguments::arguments;
use crate::columns::Layout;
use crate::run::{LiveMarks, Run};
use crate::runtime::{Kernel, Pointer};
use crate::spmm::{Product, Spmm};
use crate::weights::WeightStore;

/// Weights of a layer that are brought into the second-level cache ahead of their use, at most.
const PREFETCHED_BYTES: u64 = 16 << 20;

arguments! {
    UpdateArguments for UpdateInputMajor, UpdateNeuronMajor {
        z: Pointer,
        y: Pointer,
        count: Pointer,
        centers: Pointer,
        centroid_count: Pointer,
        bias: Pointer,
        neurons: u32,
        low: f32,
        high: f32,
        prune: f32,
        marks: LiveMarks,
        next_weights: Pointer,
        next_bytes: u64,
    }
}

/// The layers behind the threshold layer.
pub(crate) enum PostConvergence {
    PerLayer(PerLayerUpdate),
    Persistent(PersistentUpdate),
}

impl PostConvergence {
    /// The weights of its layers.
    pub(crate) fn weights(&self) -> &WeightStore {
        match self {
            PostConvergence::PerLayer(update) => &update.weights,
            PostConvergence::Persistent(update) => update.weights(),
        }
    }

    /// `Ŷ(t)` to `Ŷ(l)`.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the driver says.
    pub(super) fn pass(&self, run: &mut Run<'_>, converted: Converted) -> Result<Converted, Error> {
        match self {
            PostConvergence::PerLayer(update) => update.pass(run, converted),
            PostConvergence::Persistent(update) => update.pass(run, converted),
        }
    }
}

/// The paper's schedule: two kernels a layer.
pub(crate) struct PerLayerUpdate {
    layers: Vec<ConvertedLayer>,
    weights: WeightStore,
    rebuild_interval: usize,
    /// Residues of at most this magnitude become zero.
    prune: f32,
}

struct ConvertedLayer {
    spmm: Box<dyn Spmm>,
    bounds: (f32, f32),
}

impl PerLayerUpdate {
    /// Takes the products of `layers`, in order.
    pub(crate) fn new<'a>(
        layers: impl Iterator<Item = &'a Layer>,
        products: Vec<Box<dyn Spmm>>,
        weights: WeightStore,
        options: &SnicitOptions,
    ) -> Self {
        let layer =
            |(layer, spmm): (&Layer, _)| ConvertedLayer { spmm, bounds: layer.activation().bounds() };
        PerLayerUpdate {
            layers: layers.zip(products).map(layer).collect(),
            weights,
            rebuild_interval: options.rebuild_interval,
            prune: options.prune_at_update,
        }
    }

    fn pass(&self, run: &mut Run<'_>, converted: Converted) -> Result<Converted, Error> {
        let stream = run.stream;
        let mut columns = converted.columns;
        let mut weights = self.weights.pass(stream, 0..self.layers.len());
        for (index, ConvertedLayer { spmm, bounds: (low, high) }) in self.layers.iter().enumerate() {
            run.enter_layer(columns.count)?;
            let (kernel, threads) = match spmm.layout() {
                Layout::InputMajor => (Kernel::UpdateInputMajor, 256),
                _ => (Kernel::UpdateNeuronMajor, 256),
            };
            columns = match spmm.layout() {
                Layout::InputMajor => run.to_input_major(columns)?,
                _ => run.to_rows(columns)?,
            };
            let at = weights.fetch(index)?;
            let z = run.activations(columns.other_buffer());
            let product = Product { columns, to: z, epilogue: None, marks: LiveMarks::default() };
            spmm.enqueue(run, at, &product)?;

            let rebuild = (index + 1) % self.rebuild_interval == 0 && index + 1 < self.layers.len();
            let marks = if rebuild { run.new_marks()? } else { LiveMarks::default() };
            // More than the cache keeps beside the activations would only be read twice.
            let (next_weights, next_bytes) = match self.weights.resident_layer(index + 1) {
                (at, bytes) if bytes <= PREFETCHED_BYTES => (at, bytes),
                _ => (0, 0),
            };
            let update = UpdateArguments {
                z,
                y: run.activations(columns.buffer),
                count: run.count(columns.count),
                centers: columns.centers,
                centroid_count: run.count(converted.centroid_count),
                bias: spmm.biases(at),
                neurons: spmm.outputs() as u32,
                low: *low,
                high: *high,
                prune: self.prune,
                marks,
                next_weights,
                next_bytes,
            };
            run.launch(kernel, threads, update)?;
            weights.used(index)?;
            columns = columns.written(spmm.layout(), columns.buffer, spmm.outputs());
            if rebuild {
                columns = run.compact(columns, marks, &conversion_buffers(run).lists)?;
            }
            run.sent_layer()?;
        }
        Ok(Converted { columns, ..converted })
    }
}
