//! One layer on several threads, for batches too small to give each thread columns of its own: the outputs
//! are divided among them.

use rayon::prelude::*;

use super::spmm::{PreparedLayer, SpmmInParts, SpmmScratch};
use super::tile::{LaneMask, LaneRow};

/// Multiply-adds of a part for one column, or one tile, from which on waking a thread for it pays.
const PART_MULTIPLY_ADDS: usize = 1 << 16;

/// Parts a thread, so that the threads finish together.
const PARTS_A_THREAD: usize = 2;

/// Whether a layer is large enough to be divided.
pub(super) fn worth_dividing(connections: usize) -> bool {
    connections >= 2 * PARTS_A_THREAD * PART_MULTIPLY_ADDS
}

/// [`Spmm::multiply_tiles`](super::spmm::Spmm::multiply_tiles) on `threads` threads, in parts where that pays.
pub(super) fn multiply_tiles(
    layer: &PreparedLayer,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
    scratch: &mut SpmmScratch,
    threads: usize,
) {
    let PreparedLayer { spmm, epilogue, .. } = layer;
    let threads_a_tile = threads.div_ceil(live.len().max(1));
    let Some((parts, outputs)) = parts(layer, threads_a_tile) else {
        return spmm.multiply_tiles(epilogue, input, output, live, scratch);
    };
    let tiles = input.par_chunks(spmm.inputs()).zip(output.par_chunks_mut(spmm.outputs()));
    tiles.zip(live).for_each(|((input, output), live)| {
        let part = |scratch: &mut SpmmScratch, (part, output): (usize, &mut [LaneRow])| {
            let first = part * outputs;
            parts.multiply_part(first..first + output.len(), epilogue, input, output, scratch)
        };
        let masks = output.par_chunks_mut(outputs).enumerate().map_init(SpmmScratch::default, part);
        *live = masks.reduce(|| 0, |all, mask| all | mask);
    });
}

/// [`Spmm::multiply_column`](super::spmm::Spmm::multiply_column) on `threads` threads, in parts where that pays.
pub(super) fn multiply_column(
    layer: &PreparedLayer,
    input: &[f32],
    output: &mut [f32],
    scratch: &mut SpmmScratch,
    threads: usize,
) -> bool {
    let PreparedLayer { spmm, epilogue, .. } = layer;
    let Some((parts, outputs)) = parts(layer, threads) else {
        return spmm.multiply_column(epilogue, input, output, scratch);
    };
    let part = |scratch: &mut SpmmScratch, (part, output): (usize, &mut [f32])| {
        let first = part * outputs;
        parts.multiply_column_part(first..first + output.len(), epilogue, input, output, scratch)
    };
    let live = output.par_chunks_mut(outputs).enumerate().map_init(SpmmScratch::default, part);
    live.reduce(|| false, |any, live| any | live)
}

/// The parts of a layer for `threads` threads, and how many outputs each has; nothing if it is not to be divided.
fn parts(layer: &PreparedLayer, threads: usize) -> Option<(&dyn SpmmInParts, usize)> {
    if threads < 2 || !worth_dividing(layer.connections) {
        return None;
    }
    let parts = layer.spmm.in_parts()?;
    let most = (threads * PARTS_A_THREAD).min(layer.connections / PART_MULTIPLY_ADDS);
    let outputs = layer.spmm.outputs().div_ceil(most).next_multiple_of(parts.part_outputs());
    (outputs < layer.spmm.outputs()).then_some((parts, outputs))
}
