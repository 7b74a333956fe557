//! XY-2021 (Xin et al., HPEC 2021): mini-blocks, and a cost model that picks the kernel.
//!
//! The paper spans a space of kernels and lets a model pick one for each layer. The CPU's space has three:
//! the strips of mini-blocks, which read every connection; the dense product, which is faster where more
//! than about three in ten neurons are connected and share no inputs; and the scatter of BF-2019, which
//! skips inactive neurons. Whether that is cheaper than strips depends on how many neurons of a tile are
//! active, so this choice is made tile by tile. All add a neuron's products in the same order and give the
//! same bits.

use std::ops::Range;

use super::bf2019::ScatterSpmm;
use super::dense::{DenseSpmm, is_cached};
use super::either::EitherSpmm;
use super::kernels::Kernels;
use super::layout::{Epilogue, Strips};
use super::spmm::{Spmm, SpmmInParts, SpmmScratch};
use super::tile::{LANES, LaneMask, LaneRow};
use crate::SparseWeights;
use crate::network::MiniBlocks;

/// Costs relative to a multiply-add whose sum stays in a register, for a row of a tile; see
/// `docs/measurements/cpu.md`.
mod cost {
    /// A multiply-add of the dense product, which loads a weight for several tiles.
    pub(super) const DENSE: f64 = 0.9;
    /// Of layers whose weights leave the cache: up to which cost, relative to the strips, the dense product is faster
    /// with many columns, and from which on it is not with few tiles, for which it reads all those weights.
    pub(super) const DENSE_FOR_MANY: f64 = 1.05;
    pub(super) const DENSE_FOR_ALL: f64 = 0.67;
    /// Loading an input row for a strip.
    pub(super) const STRIP_LOAD: f64 = 2.0;
    /// Adding a product to a sum in the cache.
    pub(super) const SCATTER_ADD: f64 = 3.0;
    /// Testing whether a row is active.
    pub(super) const ACTIVITY_TEST: f64 = 2.0;
    /// All outputs of a strip for one input, in one column.
    pub(super) const COLUMN_STRIP: f64 = 3.0;
    /// Adding a product to a sum in the cache, in one column.
    pub(super) const COLUMN_ADD: f64 = 3.0;
}

/// What the model chose for a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Choice {
    /// The dense product.
    Dense,
    /// The dense product for many columns and single ones, a sparse one for a few tiles.
    Either,
    /// Strips, and scatter for tiles with few active neurons.
    Strips {
        /// Outputs that share their inputs with others.
        shared_outputs: usize,
        /// Outputs of a mini-block, on average.
        mean_outputs: f64,
    },
}

/// The product of a layer as the model chooses it.
pub(super) fn modelled_product(kernels: Kernels, weights: &SparseWeights) -> (Box<dyn Spmm>, Choice) {
    let blocks = MiniBlocks::find(weights);
    let strips = Strips::new(weights, &blocks, kernels.max_strip_width());
    let (dense, sparse) = (DenseSpmm::multiply_adds(weights) as f64 * cost::DENSE, tile_cost(&strips));
    let reads_much = !is_cached(weights.inputs(), weights.outputs());
    if reads_much && dense < sparse * cost::DENSE_FOR_MANY && dense > sparse * cost::DENSE_FOR_ALL {
        let sparse = ModelledSpmm::new(kernels, weights, strips);
        let either = EitherSpmm { dense: DenseSpmm::new(kernels, weights), sparse };
        return (Box::new(either), Choice::Either);
    }
    if dense < sparse {
        return (Box::new(DenseSpmm::new(kernels, weights)), Choice::Dense);
    }
    let (shared_outputs, mean_outputs) = (blocks.shared_outputs(), blocks.mean_outputs());
    let spmm = ModelledSpmm::new(kernels, weights, strips);
    (Box::new(spmm), Choice::Strips { shared_outputs, mean_outputs })
}

/// Modelled cost of the strips for a tile.
fn tile_cost(strips: &Strips) -> f64 {
    strips.row_loads() as f64 * cost::STRIP_LOAD + strips.connections() as f64
}

/// How many tiles the strips should take side by side: all that the kernel can where a sum would wait for
/// the one before, and where a tile does not lie in the first-level cache anyway.
fn tiles_at_once(kernels: Kernels, strips: &Strips) -> usize {
    /// Rows of a tile that the first-level cache holds.
    const NEAR_ROWS: usize = 768;
    /// Inputs of a strip from which on its sums wait longer than they take to set up.
    const LONG: usize = 100;
    let long = strips.row_loads() > LONG * strips.strips().len();
    if strips.widest() <= 2 && long && strips.inputs() > NEAR_ROWS { kernels.strip_tiles() } else { 1 }
}

/// The product of a layer by strips or scatter, whichever is modelled to be faster for a tile.
pub(super) struct ModelledSpmm {
    kernels: Kernels,
    strips: Strips,
    scatter: ScatterSpmm,
    /// Scatter when fewer rows of a tile are active.
    scatter_below: usize,
    /// Scatter a single column when fewer of its inputs are active.
    scatter_column_below: usize,
    few_columns: usize,
    tiles_at_once: usize,
}

impl ModelledSpmm {
    fn new(kernels: Kernels, weights: &SparseWeights, strips: Strips) -> Self {
        let (loads, inputs) = (strips.row_loads() as f64, weights.inputs() as f64);
        let connections = weights.connections() as f64;

        let tile = tile_cost(&strips);
        let scatter_if_all_active = connections * cost::SCATTER_ADD;
        let column = loads * cost::COLUMN_STRIP;
        let column_scatter_if_all_active = connections * cost::COLUMN_ADD;
        // The share of active inputs at which both cost the same; a layer without connections has none.
        let break_even = |gather: f64, scatter_if_all_active: f64| {
            let share = (gather / scatter_if_all_active).clamp(0.0, 1.0);
            if share.is_nan() { 0 } else { (share * inputs) as usize }
        };
        ModelledSpmm {
            scatter_below: break_even(tile - inputs * cost::ACTIVITY_TEST, scatter_if_all_active),
            scatter_column_below: break_even(column, column_scatter_if_all_active),
            few_columns: ((tile / column.max(1.0)) as usize).clamp(1, LANES - 1),
            tiles_at_once: tiles_at_once(kernels, &strips),
            scatter: ScatterSpmm::new(kernels, weights),
            strips,
            kernels,
        }
    }

    /// Whether some outputs can be computed without the others.
    pub(super) fn can_be_cut(&self) -> bool {
        self.strips.can_be_cut()
    }

    /// Lists the active rows of a tile in `active` if there are few enough for the scatter.
    fn few_active(&self, input: &[LaneRow], active: &mut Vec<u32>) -> bool {
        // Most tiles are far from the limit: a few rows, spread over the tile, tell that cheaply.
        const SAMPLES: usize = 32;
        let step = (input.len() / SAMPLES).max(1);
        let sampled = input.iter().step_by(step);
        // Without its sign bit, any float that is not zero has a bit set.
        let bits = |row: &&LaneRow| row.0.iter().fold(0, |bits, y| bits | y.to_bits()) << 1;
        let active_samples = sampled.clone().filter(|row| bits(row) != 0).count();
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
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let mut start = 0;
        for live in live.chunks_mut(self.tiles_at_once) {
            let tiles = start..start + live.len();
            start = tiles.end;
            let input = &input[tiles.start * inputs..tiles.end * inputs];
            let output = &mut output[tiles.start * outputs..tiles.end * outputs];
            let tile_input = |tile: usize| &input[tile * inputs..][..inputs];
            let mut none_for_scatter =
                || (0..live.len()).all(|tile| !self.few_active(tile_input(tile), &mut scratch.active));
            if live.len() > 1 && none_for_scatter() {
                self.kernels.side_by_side(&self.strips, epilogue, input, output, live);
                continue;
            }
            for (tile, live) in live.iter_mut().enumerate() {
                let output = &mut output[tile * outputs..][..outputs];
                *live = self.multiply(epilogue, tile_input(tile), output, scratch);
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
        self.multiply_column_part(0..self.outputs(), epilogue, input, output, scratch)
    }

    fn few_columns(&self) -> usize {
        self.few_columns
    }

    fn tiles_at_once(&self) -> usize {
        self.tiles_at_once
    }

    fn in_parts(&self) -> Option<&dyn SpmmInParts> {
        if self.can_be_cut() { Some(self) } else { None }
    }
}

impl SpmmInParts for ModelledSpmm {
    fn part_outputs(&self) -> usize {
        self.scatter.part_outputs()
    }

    fn multiply_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        if self.few_active(input, &mut scratch.active) {
            self.scatter.multiply_active(outputs, epilogue, input, output, scratch)
        } else {
            self.kernels.strips(&self.strips, outputs, epilogue, input, output)
        }
    }

    fn multiply_column_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool {
        let active = input.iter().map(|&y| usize::from(y != 0.0)).sum::<usize>();
        if active < self.scatter_column_below {
            self.scatter.multiply_column_part(outputs, epilogue, input, output, scratch)
        } else {
            self.kernels.gather_column(&self.strips, outputs, epilogue, input, output)
        }
    }
}
