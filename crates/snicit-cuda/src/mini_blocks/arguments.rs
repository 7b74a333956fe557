//! What the kernels of mini-blocks take, in the order in which [`batch`](super::batch) sends them.

use super::chunk_form::BlocksLayer;
use super::panel_form::PanelBlocksLayer;
use crate::arguments::arguments;
use crate::runtime::Pointer;

/// `Chunks` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks {
    pub(super) values: Pointer,
    pub(super) masks: Pointer,
    pub(super) groups: u32,
    pub(super) panel_bits: u32,
}

arguments! {
    pub(super) GroupBitsArguments for GroupBits {
        words: Pointer,
        words_per_input: u64,
        features: Pointer,
        to: Chunks,
        live: Pointer,
        inputs: u32,
        panels: u32,
    }
    pub(super) GroupValuesArguments for GroupValues {
        from: Pointer,
        neurons: u32,
        neurons_of: Pointer,
        to: Chunks,
        to_masks: Pointer,
        live: Pointer,
        columns: u32,
        panels: u32,
    }
    pub(super) BinarySumsArguments for BinarySums {
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
    pub(super) MaskedBlocksArguments for BitBlockSums, BitBlocksExact, BitBlocksSplit, SparseBlockSums,
        SparseBlocksExact, SparseBlocksSplit
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
    pub(super) ChunksToPanelsArguments for ChunksToPanels {
        from: Chunks,
        slots: Pointer,
        count: Pointer,
        neurons_of: Pointer,
        listed: u32,
        to: Pointer,
        neurons: u32,
    }
    pub(super) PanelBlocksArguments for PanelSums, PanelBlocksExact, PanelBlocksSplit {
        layer: PanelBlocksLayer,
        from: Pointer,
        count: Pointer,
        to: Pointer,
        neurons_in: u32,
        neurons_out: u32,
        live: Pointer,
    }
    pub(super) ListLiveArguments for ListLive {
        live: Pointer,
        words: u32,
        inputs: Pointer,
        slots: Pointer,
        live_inputs: Pointer,
        count: Pointer,
    }
    pub(super) CountLiveArguments for CountLive { live: Pointer, words: u32, rows: u32, counts: Pointer }
}
