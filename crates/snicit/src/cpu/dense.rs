//! The dense product, for layers with so many connections that skipping the others does not pay.

use super::kernels::Kernels;
use super::layout::{DenseWeights, Epilogue};
use super::spmm::{Spmm, SpmmScratch};
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

    /// Panels whose weights stay in the second-level cache while all tiles pass them.
    fn panels_at_once(&self) -> usize {
        const CACHED_BYTES: usize = 1 << 20;
        let panel_bytes = (self.weights.inputs() * size_of::<LaneRow>()).max(1);
        (CACHED_BYTES / panel_bytes).max(1)
    }
}

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
        let mut live = [0];
        self.multiply_tiles(epilogue, input, output, &mut live, scratch);
        live[0]
    }

    fn multiply_tiles(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
        scratch: &mut SpmmScratch,
    ) {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let (panels, at_once) = (self.weights.panels(), self.panels_at_once());
        live.fill(0);
        for first_panel in (0..panels).step_by(at_once) {
            let panels = first_panel..panels.min(first_panel + at_once);
            let mut tile = 0;
            for live in live.chunks_mut(self.kernels.dense_tiles()) {
                let tiles = tile..tile + live.len();
                let input = &input[tiles.start * inputs..tiles.end * inputs];
                let output = &mut output[tiles.start * outputs..tiles.end * outputs];
                scratch.active.clear();
                self.kernels.active_neurons(input, live.len(), &mut scratch.active);
                let (panels, active) = (panels.clone(), &scratch.active);
                self.kernels.dense(&self.weights, panels, epilogue, active, input, output, live);
                tile = tiles.end;
            }
        }
    }

    fn multiply_column(
        &self,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool {
        let active = &mut scratch.active;
        active.clear();
        active.extend((0..).zip(input).filter(|(_, y)| **y != 0.0).map(|(i, _)| i));
        self.kernels.dense_column(&self.weights, epilogue, active, input, output)
    }

    fn few_columns(&self) -> usize {
        // A column waits for weights from the second-level cache, a tile for multiply-adds: about a fifth.
        4
    }

    fn tiles_at_once(&self) -> usize {
        self.kernels.dense_tiles()
    }
}
