//! The dense product, for layers with so many connections that skipping the others does not pay.

use std::ops::Range;

use super::kernels::{DensePart, Kernels};
use super::layout::{DenseWeights, Epilogue, panels_for};
use super::spmm::{Spmm, SpmmInParts, SpmmScratch};
use super::tile::{LANES, LaneMask, LaneRow};
use crate::SparseWeights;

/// The product of a layer that takes every possible connection for one. Inputs that are zero in all columns
/// at hand are left out.
pub(super) struct DenseSpmm {
    kernels: Kernels,
    weights: DenseWeights,
}

impl DenseSpmm {
    pub(super) fn new(kernels: Kernels, weights: &SparseWeights) -> Self {
        DenseSpmm { kernels, weights: DenseWeights::new(weights) }
    }

    /// Multiply-adds of rows for a tile whose neurons are all active.
    pub(super) fn multiply_adds(weights: &SparseWeights) -> usize {
        weights.inputs().saturating_mul(weights.outputs().next_multiple_of(LANES))
    }

    /// Whether all weights stay in the second-level cache.
    fn is_cached(&self) -> bool {
        is_cached(self.weights.inputs(), self.weights.outputs())
    }

    /// Panels of which a block of inputs stays in the second-level cache while all tiles pass it.
    fn panels_at_once(&self) -> usize {
        let panel_bytes = self.weights.inputs().min(INPUTS_AT_ONCE) * size_of::<LaneRow>();
        (CACHED_BYTES / panel_bytes.max(1)).max(1)
    }

    /// `outputs`, whole panels, for as many tiles as `live` has masks.
    fn multiply_outputs(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
        scratch: &mut SpmmScratch,
    ) {
        let (inputs, rows) = (self.weights.inputs(), outputs.len());
        let (panels, at_once) = (outputs.start / LANES..panels_for(outputs.end), self.panels_at_once());
        let side_by_side = self.kernels.dense_tiles();
        let SpmmScratch { active, active_ends, .. } = scratch;
        active.clear();
        active_ends.clear();
        for first in (0..live.len()).step_by(side_by_side) {
            let tiles = first..live.len().min(first + side_by_side);
            let rows = &input[tiles.start * inputs..tiles.end * inputs];
            self.kernels.active_neurons(rows, tiles.len(), active);
            active_ends.push(active.len());
        }
        live.fill(0);
        for first_panel in panels.clone().step_by(at_once) {
            let panels = first_panel..panels.end.min(first_panel + at_once);
            for first_input in (0..inputs.max(1)).step_by(INPUTS_AT_ONCE) {
                let block = first_input..inputs.min(first_input + INPUTS_AT_ONCE);
                let (mut first_tile, mut first_active) = (0, 0);
                for (live, &active_end) in live.chunks_mut(side_by_side).zip(&*active_ends) {
                    let tiles = first_tile..first_tile + live.len();
                    let of_tiles = &active[first_active..active_end];
                    (first_tile, first_active) = (tiles.end, active_end);
                    let part = DensePart {
                        weights: &self.weights,
                        panels: panels.clone(),
                        outputs: outputs.clone(),
                        active: within(of_tiles, &block),
                        epilogue: (block.end == inputs).then_some(epilogue),
                        continues: block.start > 0,
                    };
                    let input = &input[tiles.start * inputs..tiles.end * inputs];
                    let output = &mut output[tiles.start * rows..tiles.end * rows];
                    self.kernels.dense(&part, input, output, live);
                }
            }
        }
    }
}

/// Weights that stay in the second-level cache.
const CACHED_BYTES: usize = 1 << 20;

/// Whether all weights of a layer stay in the second-level cache.
pub(super) fn is_cached(inputs: usize, outputs: usize) -> bool {
    inputs.saturating_mul(outputs) <= CACHED_BYTES / size_of::<f32>()
}

/// Inputs that all tiles pass before the next: those of tiles side by side stay in the first-level cache while the
/// panels pass them, and those of more panels in the second-level one.
const INPUTS_AT_ONCE: usize = 256;

impl Spmm for DenseSpmm {
    fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    fn multiply(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        self.multiply_part(0..self.outputs(), epilogue, input, output, scratch)
    }

    fn multiply_tiles(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
        scratch: &mut SpmmScratch,
    ) {
        self.multiply_outputs(0..self.outputs(), epilogue, input, output, live, scratch);
    }

    fn multiply_column(
        &self,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool {
        self.multiply_column_part(0..self.outputs(), epilogue, input, output, scratch)
    }

    fn few_columns(&self) -> usize {
        // A column waits for weights, a tile for multiply-adds; from the second-level cache about a fifth as long.
        if self.is_cached() { 4 } else { 1 }
    }

    fn fewest_columns(&self) -> usize {
        /// Each weight from the third-level cache, or memory, is then used for as many tiles.
        const TILES: usize = 32;
        if self.is_cached() { 0 } else { TILES * LANES }
    }

    fn tiles_at_once(&self) -> usize {
        self.kernels.dense_tiles()
    }

    fn in_parts(&self) -> Option<&dyn SpmmInParts> {
        Some(self)
    }
}

impl SpmmInParts for DenseSpmm {
    fn part_outputs(&self) -> usize {
        LANES
    }

    fn multiply_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        let mut live = [0];
        self.multiply_outputs(outputs, epilogue, input, output, &mut live, scratch);
        live[0]
    }

    fn multiply_column_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool {
        let active = &mut scratch.active;
        active.clear();
        active.extend((0..).zip(input).filter(|(_, y)| **y != 0.0).map(|(i, _)| i));
        self.kernels.dense_column(&self.weights, outputs, epilogue, active, input, output)
    }
}

/// The inputs of the ascending list `active` that lie in `block`.
fn within<'a>(active: &'a [u32], block: &Range<usize>) -> &'a [u32] {
    let below = |end: usize| active.partition_point(|&input| (input as usize) < end);
    &active[below(block.start)..below(block.end)]
}
