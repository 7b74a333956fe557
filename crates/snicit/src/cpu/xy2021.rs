//! XY-2021 (Xin et al., HPEC 2021): mini-blocks, and a cost model that picks the kernel.
//!
//! The paper spans a space of kernels and lets a model pick one for each layer. The CPU's space has two:
//! the strips of mini-blocks, which read every connection, and the scatter of BF-2019, which skips
//! inactive neurons. Which is cheaper depends on how many neurons of a tile are active, so the choice is
//! made tile by tile. Both add a neuron's products in the same order and give the same bits.

use super::bf2019::ScatterSpmm;
use super::kernels::Kernels;
use super::layout::{Epilogue, Strips};
use super::spmm::{Spmm, SpmmScratch};
use super::tile::{LaneMask, LaneRow};
use crate::SparseWeights;
use crate::network::MiniBlocks;

/// Costs relative to a multiply-add whose sum stays in a register, for a row of a tile; see
/// `docs/measurements/cpu.md`.
mod cost {
    /// Loading an input row for a strip.
    pub(super) const STRIP_LOAD: f64 = 2.0;
    /// Adding a product to a sum in the cache.
    pub(super) const SCATTER_ADD: f64 = 3.0;
    /// Testing whether a row is active.
    pub(super) const ACTIVITY_TEST: f64 = 2.0;
}

/// The product of a layer by strips or scatter, whichever is modelled to be faster for a tile.
pub(super) struct ModelledSpmm {
    kernels: Kernels,
    strips: Strips,
    scatter: ScatterSpmm,
    /// Scatter when fewer rows of a tile are active.
    scatter_below: usize,
}

impl ModelledSpmm {
    pub(super) fn new(kernels: Kernels, weights: &SparseWeights, blocks: &MiniBlocks) -> Self {
        let strips = Strips::new(weights, blocks, kernels.max_strip_width());
        let strips_cost = strips.row_loads() as f64 * cost::STRIP_LOAD + strips.connections() as f64;
        let test_cost = weights.inputs() as f64 * cost::ACTIVITY_TEST;
        let scatter_cost_if_all_active = strips.connections() as f64 * cost::SCATTER_ADD;
        let share = ((strips_cost - test_cost) / scatter_cost_if_all_active).clamp(0.0, 1.0);
        // A layer without connections has no costs to compare.
        let share = if share.is_nan() { 0.0 } else { share };
        ModelledSpmm {
            kernels,
            strips,
            scatter: ScatterSpmm::new(kernels, weights),
            scatter_below: (share * weights.inputs() as f64) as usize,
        }
    }

    /// Lists the active rows of a tile in `active` if there are few enough for the scatter.
    fn few_active(&self, input: &[LaneRow], active: &mut Vec<u32>) -> bool {
        // Most tiles are far from the limit: a few rows, spread over the tile, tell that cheaply.
        const SAMPLES: usize = 32;
        let step = (input.len() / SAMPLES).max(1);
        let sampled = input.iter().step_by(step);
        let active_samples = sampled.clone().filter(|row| row.0.iter().any(|&y| y != 0.0)).count();
        if active_samples * input.len() > 2 * self.scatter_below * sampled.len() {
            return false;
        }
        active.clear();
        self.kernels.active_rows(input, 0, active);
        active.len() < self.scatter_below
    }
}

impl Spmm for ModelledSpmm {
    fn inputs(&self) -> usize {
        self.strips.inputs()
    }

    fn outputs(&self) -> usize {
        self.strips.outputs()
    }

    fn multiply(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
        scratch: &mut SpmmScratch,
    ) {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        for (tile, live) in live.iter_mut().enumerate() {
            let input = &input[tile * inputs..][..inputs];
            let output = &mut output[tile * outputs..][..outputs];
            if self.few_active(input, &mut scratch.active) {
                *live = self.scatter.multiply_active(epilogue, input, output, scratch);
            } else {
                self.kernels.strips(&self.strips, epilogue, input, output, std::slice::from_mut(live));
            }
        }
    }
}
