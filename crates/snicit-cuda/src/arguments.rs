//! The kernels' arguments, field by field as in `kernels/*.cu`; see there for what they mean. Pointers are
//! addresses on the device, 0 for null.

use crate::runtime::{Kernel, KernelArguments, Pointer};

/// Declares structures of arguments and the kernels that take them.
macro_rules! arguments {
    ($($name:ident for $($kernel:ident),+ { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        #[repr(C)]
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type),+
        }

        // SAFETY: `repr(C)`, and the fields are those of the kernel's structure of the same name. All
        // pointers are taken from buffers of a workspace or of weights, which live until the work on the
        // stream has been waited for, with sizes that follow from the largest batch and layer.
        unsafe impl KernelArguments for $name {
            const KERNELS: &'static [Kernel] = &[$(Kernel::$kernel),+];
        }
    )+};
}

/// `LiveMarks`: null flags make no marks.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LiveMarks {
    pub(crate) flags: Pointer,
    pub(crate) chunk_counts: Pointer,
}

/// Columns of which one block of the compaction takes care; COMPACTION_CHUNK.
pub(crate) const COMPACTION_CHUNK: usize = 1024;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct BitInputs {
    pub(crate) words: Pointer,
    pub(crate) words_per_input: u64,
}

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

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct StripsLayer {
    pub(crate) strips: Pointer,
    pub(crate) inputs: Pointer,
    pub(crate) weights: Pointer,
    pub(crate) outputs: Pointer,
    pub(crate) bias: Pointer,
    pub(crate) strip_count: u32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct TilesLayer {
    pub(crate) fours: Pointer,
    pub(crate) inputs: Pointer,
    pub(crate) weights: Pointer,
    pub(crate) outputs: Pointer,
    pub(crate) bias: Pointer,
    pub(crate) groups: u32,
    pub(crate) chunks: u32,
    pub(crate) chunk_rows: u32,
    pub(crate) at_least: u32,
    pub(crate) bits: u32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatherLayer {
    pub(crate) offsets: Pointer,
    pub(crate) inputs: Pointer,
    pub(crate) weights: Pointer,
    pub(crate) bias: Pointer,
    pub(crate) neurons: u32,
    pub(crate) below: u32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

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

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConversionColumns {
    pub(crate) values: Pointer,
    pub(crate) slots: Pointer,
    pub(crate) count: Pointer,
    pub(crate) neurons: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlocksLayer {
    pub(crate) first_steps: Pointer,
    pub(crate) steps: Pointer,
    pub(crate) weights: Pointer,
    pub(crate) bias: Pointer,
    pub(crate) blocks: u32,
    pub(crate) constants: u32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct PanelBlocksLayer {
    pub(crate) first_steps: Pointer,
    pub(crate) inputs: Pointer,
    pub(crate) weights: Pointer,
    pub(crate) outputs: Pointer,
    pub(crate) bias: Pointer,
    pub(crate) blocks: u32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunks {
    pub(crate) values: Pointer,
    pub(crate) masks: Pointer,
    pub(crate) groups: u32,
    pub(crate) panel_bits: u32,
}

arguments! {
    CompactionArguments for Compact {
        marks: LiveMarks,
        count: Pointer,
        live_count: Pointer,
        live_slots: Pointer,
        inputs: Pointer,
        live_inputs: Pointer,
        centers: Pointer,
        live_centers: Pointer,
    }
    MarkBitInputsArguments for MarkBitInputs { bits: BitInputs, inputs: u32, marks: LiveMarks }
    MarkColumnsArguments for MarkColumns {
        values: Pointer,
        neurons: u32,
        columns: u32,
        marks: LiveMarks,
    }
    ExpandBitsArguments for ExpandBits { bits: BitInputs, inputs: u32, features: u32, values: Pointer }
    TransposeBitsArguments for TransposeBits {
        bits: BitInputs,
        inputs: u32,
        features: u32,
        rows: Pointer,
        words_per_row: u64,
    }
    TransposeArguments for ToNeuronMajor, ToInputMajor {
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        to: Pointer,
    }
    GatherColumnsArguments for GatherColumns {
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        to: Pointer,
    }
    ScatterArguments for ScatterLayer {
        layer: ScatterLayer,
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        to: Pointer,
        marks: LiveMarks,
    }
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
    StripsArguments for StripsLayer, StripsLayerBits { layer: StripsLayer, rows: RowsArguments }
    TilesArguments for TilesLayer16, TilesLayer8, TilesLayerChunks {
        layer: TilesLayer,
        rows: RowsArguments,
    }
    GatherArguments for GatherLayer, GatherLayerBits, GatherLayerColumns { layer: GatherLayer, rows: RowsArguments }
    GroupBitsArguments for GroupBits {
        words: Pointer,
        words_per_input: u64,
        features: Pointer,
        to: Chunks,
        live: Pointer,
        inputs: u32,
        panels: u32,
    }
    GroupValuesArguments for GroupValues {
        from: Pointer,
        neurons: u32,
        neurons_of: Pointer,
        to: Chunks,
        to_masks: Pointer,
        live: Pointer,
        columns: u32,
        panels: u32,
    }
    MaskedBlocksArguments for BitBlockSums, BitBlocksExact, BitBlocksSplit, SparseBlockSums, SparseBlocksExact,
        SparseBlocksSplit
    {
        layer: BlocksLayer,
        from: Chunks,
        to: Chunks,
        to_masks: Pointer,
        live: Pointer,
        panels: u32,
        piece_bits: u32,
        from_packed: u32,
        to_packed: u32,
    }
    BinarySumsArguments for BinarySums {
        layer: BlocksLayer,
        words: Pointer,
        words_per_input: u64,
        places: Pointer,
        spans: u32,
        to: Chunks,
        to_masks: Pointer,
        live_inputs: Pointer,
        live: Pointer,
        inputs: u32,
        columns: u32,
        octets: u32,
    }
    ChunksToPanelsArguments for ChunksToPanels {
        from: Chunks,
        slots: Pointer,
        count: Pointer,
        neurons_of: Pointer,
        listed: u32,
        to: Pointer,
        neurons: u32,
    }
    PanelBlocksArguments for PanelSums, PanelBlocksExact, PanelBlocksSplit {
        layer: PanelBlocksLayer,
        from: Pointer,
        count: Pointer,
        to: Pointer,
        neurons_in: u32,
        neurons_out: u32,
        live: Pointer,
    }
    FingerprintArguments for Fingerprint { values: Pointer, count: Pointer, neurons: u32, prints: Pointer }
    MatchColumnsArguments for MatchColumns {
        prints: Pointer,
        live: Pointer,
        count: Pointer,
        first_equal: Pointer,
    }
    MergeColumnsArguments for MergeColumns {
        first_equal: Pointer,
        count: Pointer,
        inputs: Pointer,
        is_first: u32,
        places: Pointer,
        kept: Pointer,
        kept_count: Pointer,
        numbers: Pointer,
        member_inputs: Pointer,
        members: Pointer,
        member_count: Pointer,
    }
    MoveColumnsArguments for MoveColumns {
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        to: Pointer,
    }
    ExpandMembersArguments for ExpandMembers {
        slots: Pointer,
        columns: Pointer,
        count: Pointer,
        members: Pointer,
        member_inputs: Pointer,
        member_count: Pointer,
        places: Pointer,
        member_slots: Pointer,
        live_inputs: Pointer,
        live_count: Pointer,
    }
    ListLiveArguments for ListLive {
        live: Pointer,
        words: u32,
        inputs: Pointer,
        slots: Pointer,
        live_inputs: Pointer,
        count: Pointer,
    }
    CountLiveArguments for CountLive { live: Pointer, words: u32, rows: u32, counts: Pointer }
    DenseArguments for DenseLayers, ClusteredLayers {
        base: Pointer,
        layers: Pointer,
        layer_count: u32,
        plain: u32,
        source: u32,
        narrow: u32,
        largest_tile: u32,
        input_scale: f32,
        rows: RowsArguments,
    }
    SplitArguments for SplitColumns {
        operands: Pointer,
        unscales: Pointer,
        source: u32,
        at_least: u32,
        input_scale: f32,
        unused: u32,
        rows: RowsArguments,
    }
    WideArguments for WideDense {
        base: Pointer,
        layer: Pointer,
        operands: Pointer,
        unscales: Pointer,
        plain: u32,
        at_least: u32,
        rows: RowsArguments,
    }
    PeerEpilogueArguments for PeerEpilogue {
        values: Pointer,
        bias: Pointer,
        lines: u32,
        length: u32,
        by_rows: u32,
        low: f32,
        high: f32,
        live: Pointer,
    }
    PeerTurnArguments for PeerTurn { from: Pointer, lines: u32, length: u32, to: Pointer }
    DownsampleArguments for Downsample {
        y: ConversionColumns,
        sampled: u32,
        segments: u32,
        sums: Pointer,
    }
    PruneSamplesArguments for PruneSamples {
        sums: Pointer,
        count: Pointer,
        sampled: u32,
        segments: u32,
        tolerance: f32,
        alike_below: u32,
        survives: Pointer,
        centroids: Pointer,
        centroid_count: Pointer,
    }
    AssignArguments for Assign {
        y: ConversionColumns,
        survives: Pointer,
        sampled: u32,
        centroids: Pointer,
        centroid_count: Pointer,
        prune: f32,
        center: Pointer,
        marks: LiveMarks,
    }
    PlaceColumnsArguments for PlaceColumns {
        slots: Pointer,
        centroids: Pointer,
        centroid_count: Pointer,
        residues: Pointer,
        residue_count: Pointer,
        center: Pointer,
        converted_count: Pointer,
        converted_slots: Pointer,
        converted_columns: Pointer,
        converted_centers: Pointer,
    }
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
    CheckSaturationArguments for CheckSaturation {
        values: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        neuron_major: u32,
        bound: f32,
        left: Pointer,
    }
    FillSaturatedArguments for FillSaturated {
        left: Pointer,
        count: Pointer,
        inputs: Pointer,
        neurons: u32,
        neuron_major: u32,
        bound: f32,
        values: Pointer,
        live_slots: Pointer,
        live_inputs: Pointer,
        live_count: Pointer,
    }
    LocateArguments for LocateColumns { columns: Pointer, count: Pointer, place: Pointer }
    RecoverArguments for Recover {
        converted: Pointer,
        slots: Pointer,
        place: Pointer,
        center: Pointer,
        count: Pointer,
        neurons: u32,
        y: Pointer,
        marks: LiveMarks,
    }
}
