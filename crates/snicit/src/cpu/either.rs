//! Layers for which the dense product is faster with many columns, and a sparse one with a few tiles: both are kept.

use std::ops::Range;

use super::dense::DenseSpmm;
use super::layout::Epilogue;
use super::spmm::{Spmm, SpmmInParts, SpmmScratch};
use super::tile::{LaneMask, LaneRow};
use super::xy2021::ModelledSpmm;

/// Tiles from which on the dense product is taken: then it is not held up by reading all those weights.
const MANY_TILES: usize = 16;

/// The dense product for many tiles, and for single columns, of which it leaves out the zeros; `sparse` for a few
/// tiles. Both give the same bits.
pub(super) struct EitherSpmm {
    pub(super) dense: DenseSpmm,
    pub(super) sparse: ModelledSpmm,
}

impl Spmm for EitherSpmm {
    fn inputs(&self) -> usize {
        self.dense.inputs()
    }

    fn outputs(&self) -> usize {
        self.dense.outputs()
    }

    fn multiply(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        self.sparse.multiply(epilogue, input, output, scratch)
    }

    fn multiply_tiles(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
        scratch: &mut SpmmScratch,
    ) {
        let product: &dyn Spmm = if live.len() >= MANY_TILES { &self.dense } else { &self.sparse };
        product.multiply_tiles(epilogue, input, output, live, scratch);
    }

    fn multiply_column(
        &self,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool {
        self.dense.multiply_column(epilogue, input, output, scratch)
    }

    fn few_columns(&self) -> usize {
        self.dense.few_columns()
    }

    fn fewest_columns(&self) -> usize {
        self.dense.fewest_columns()
    }

    fn tiles_at_once(&self) -> usize {
        self.sparse.tiles_at_once()
    }

    fn in_parts(&self) -> Option<&dyn SpmmInParts> {
        if self.sparse.can_be_cut() { Some(self) } else { None }
    }
}

impl SpmmInParts for EitherSpmm {
    fn part_outputs(&self) -> usize {
        // Of the two, one is a multiple of the other.
        self.sparse.part_outputs().max(self.dense.part_outputs())
    }

    fn multiply_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        self.sparse.multiply_part(outputs, epilogue, input, output, scratch)
    }

    fn multiply_column_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool {
        self.dense.multiply_column_part(outputs, epilogue, input, output, scratch)
    }
}
