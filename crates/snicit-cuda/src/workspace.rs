//! What a batch needs on the device besides the weights; kept from batch to batch.

use std::collections::HashMap;
use std::ops::Range;

use crate::CudaError;
use crate::columns::PANEL;
use crate::dense::COLUMNS_TOGETHER;
use crate::mini_blocks::{ChunkNeeds, MergeBuffers};
use crate::run::COMPACTION_CHUNK;
use crate::runtime::{Device, DeviceBuffer, Graph, Pointer};
use crate::snicit::MIN_LAYERS_A_LAUNCH;

/// What the layers and the method ask of a workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    pub(crate) layers: usize,
    /// Features of an input.
    pub(crate) features: usize,
    /// The largest number of neurons before or after any layer.
    pub(crate) max_width: usize,
    /// Sections of the widest layer, for SNIG-2020; 0 for none.
    pub(crate) sections: usize,
    /// Whether bits are taken by rows (XY-2021).
    pub(crate) bit_rows: bool,
    /// For mini-blocks on the matrix units.
    pub(crate) chunks: Option<ChunkNeeds>,
    /// Activations of a column that are split for tensor cores; 0 for none.
    pub(crate) split_inputs: usize,
    /// For SNICIT: sampled columns and segments.
    pub(crate) conversion: Option<(usize, usize)>,
}

/// Lists that say where columns are and what they belong to; those being written and those being read take
/// turns.
pub(crate) struct ColumnLists {
    pub(crate) slots: [DeviceBuffer; 2],
    /// Which input a column belongs to; behind SNICIT's conversion, which column of `Y(t)`.
    pub(crate) inputs: [DeviceBuffer; 2],
    /// The centroid of each column; only behind the conversion.
    pub(crate) centers: Option<[DeviceBuffer; 2]>,
}

/// What SNICIT's conversion leaves for the stages behind it.
pub(crate) struct ConversionBuffers {
    pub(crate) sums: DeviceBuffer,
    pub(crate) survives: DeviceBuffer,
    pub(crate) centroids: DeviceBuffer,
    /// Of each column of `Y(t)`: its centroid.
    pub(crate) center: DeviceBuffer,
    /// Of each column of `Y(t)`: its place among the converted columns.
    pub(crate) place: DeviceBuffer,
    pub(crate) lists: ColumnLists,
}

/// What mini-blocks on the matrix units need.
pub(crate) struct ChunkBuffers {
    /// Binary inputs, in chunks.
    pub(crate) input_bits: Option<DeviceBuffer>,
    /// Which chunks of each buffer of activations are not zero.
    pub(crate) masks: [DeviceBuffer; 2],
    /// Which columns enter each layer.
    pub(crate) live: DeviceBuffer,
    pub(crate) merging: MergeBuffers,
}

/// Activations in halves, for the dense product of wide layers.
pub(crate) struct SplitBuffers {
    pub(crate) operands: DeviceBuffer,
    pub(crate) unscales: DeviceBuffer,
}

/// Memory for batches of up to `capacity` inputs.
pub(crate) struct Workspace {
    pub(crate) capacity: usize,
    pub(crate) bits: Option<DeviceBuffer>,
    pub(crate) bit_rows: Option<DeviceBuffer>,
    pub(crate) activations: [DeviceBuffer; 2],
    pub(crate) section_flags: Option<[DeviceBuffer; 2]>,
    pub(crate) chunks: Option<ChunkBuffers>,
    pub(crate) split: Option<SplitBuffers>,
    pub(crate) lists: ColumnLists,
    pub(crate) conversion: Option<ConversionBuffers>,
    /// A flag a column; zero between kernels that use them.
    pub(crate) flags: DeviceBuffer,
    /// For each set of marks, a row of counts, one a chunk.
    pub(crate) chunk_counts: DeviceBuffer,
    /// Numbers of columns; see [`Run`](crate::run::Run).
    pub(crate) counts: DeviceBuffer,
    /// SNIG-2020's passes, by batch size and layers.
    pub(crate) graphs: HashMap<(usize, Range<usize>), Graph>,
}

impl Workspace {
    /// Allocates for batches of `inputs` inputs, of bits if `binary`.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`].
    pub(crate) fn new(
        device: &Device,
        needs: &Needs,
        inputs: usize,
        binary: bool,
    ) -> Result<Self, CudaError> {
        let numbers = |count: usize, what| DeviceBuffer::new(device, count * size_of::<u32>(), what);
        let lists = |with_centers: bool| -> Result<ColumnLists, CudaError> {
            let list = || numbers(inputs, "lists of columns");
            Ok(ColumnLists {
                slots: [list()?, list()?],
                inputs: [list()?, list()?],
                centers: if with_centers { Some([list()?, list()?]) } else { None },
            })
        };
        let in_panels = needs.max_width.saturating_mul(inputs.next_multiple_of(PANEL));
        let values = in_panels.max(needs.chunks.map_or(0, |chunks| chunks.values(inputs)));
        let activations =
            || DeviceBuffer::new(device, values.saturating_mul(size_of::<f32>()), "activations");
        let activations = [activations()?, activations()?];
        let bits = needs.features.div_ceil(64) * 2 * inputs;
        let bit_rows = needs.features * bit_words_per_row(inputs);
        let section_flags = || numbers(needs.sections * inputs, "flags of sections");
        let chunks = |needs: ChunkNeeds| -> Result<_, CudaError> {
            let bytes = |bytes, what| DeviceBuffer::new(device, bytes, what);
            let masks = || bytes(needs.mask_bytes(inputs), "masks of activations");
            let input_bits =
                if binary { Some(bytes(needs.input_bytes(inputs), "inputs")?) } else { None };
            let live = bytes(needs.live_bytes(inputs), "flags of columns")?;
            let merging = MergeBuffers::new(device, inputs)?;
            Ok(ChunkBuffers { input_bits, masks: [masks()?, masks()?], live, merging })
        };
        let conversion = |(sampled, segments): (usize, usize)| -> Result<_, CudaError> {
            let sampled = sampled.min(inputs);
            Ok(ConversionBuffers {
                sums: numbers(sampled.saturating_mul(segments), "sums of sampled columns")?,
                survives: numbers(sampled, "sampled columns")?,
                centroids: numbers(sampled, "sampled columns")?,
                center: numbers(inputs, "lists of columns")?,
                place: numbers(inputs, "lists of columns")?,
                lists: lists(true)?,
            })
        };
        let split = || -> Result<_, CudaError> {
            let columns = inputs.next_multiple_of(COLUMNS_TOGETHER);
            let halves = columns.saturating_mul(needs.split_inputs);
            Ok(SplitBuffers {
                operands: numbers(halves, "activations in halves")?,
                unscales: numbers(columns, "scales of columns")?,
            })
        };
        Ok(Workspace {
            capacity: inputs,
            bits: if binary { Some(numbers(bits, "inputs")?) } else { None },
            bit_rows: if binary && needs.bit_rows { Some(numbers(bit_rows, "inputs")?) } else { None },
            activations,
            section_flags: match needs.sections {
                0 => None,
                _ => Some([section_flags()?, section_flags()?]),
            },
            chunks: needs.chunks.map(chunks).transpose()?,
            split: if needs.split_inputs > 0 { Some(split()?) } else { None },
            lists: lists(false)?,
            conversion: needs.conversion.map(conversion).transpose()?,
            flags: numbers(inputs, "flags of columns")?,
            chunk_counts: numbers(
                mark_rows(needs.layers) * inputs.div_ceil(COMPACTION_CHUNK),
                "flags of columns",
            )?,
            counts: numbers(count_slots(needs.layers), "counts of columns")?,
            graphs: HashMap::new(),
        })
    }

    /// Whether it does for such a batch.
    pub(crate) fn serves(&self, inputs: usize, binary: bool) -> bool {
        inputs <= self.capacity && binary == self.bits.is_some()
    }

    /// Where the counts lie.
    pub(crate) fn count(&self, index: usize) -> Pointer {
        self.counts.pointer() + (index * size_of::<u32>()) as u64
    }
}

/// Words of 32 inputs in a row of bits; a warp writes eight at a time.
pub(crate) fn bit_words_per_row(inputs: usize) -> usize {
    inputs.div_ceil(32).next_multiple_of(8)
}

/// Sets of marks that a run needs: one a layer, and a few for inputs, conversion and recovery.
pub(crate) fn mark_rows(layers: usize) -> usize {
    layers + 8
}

/// Counts that a run needs: the batch; two a layer for SNIG-2020, flagged columns and work; one for each
/// compaction; one a layer for mini-blocks, which count what enters a layer apart; and one for each launch
/// of the persistent update; and a few for inputs, conversion, recovery and early exit.
pub(crate) fn count_slots(layers: usize) -> usize {
    4 * layers + layers / MIN_LAYERS_A_LAUNCH + 17
}
