use std::ops::Range;

use super::layout::Epilogue;
use super::tile::{LaneMask, LaneRow};

/// The sparse product of one layer with a tile or a column, in the form that a method prepared.
pub(super) trait Spmm: Send + Sync {
    /// Input neurons.
    fn inputs(&self) -> usize;

    /// Output neurons.
    fn outputs(&self) -> usize;

    /// `output = clamp(W·input + bias)` for one tile, with the bias and bounds of `epilogue`; gives the
    /// lanes with a non-zero output. `scratch` only saves allocations.
    fn multiply(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask;

    /// The same for as many tiles as `live` has masks; `input` and `output` hold them one after another.
    /// `live` receives the lanes with a non-zero output.
    fn multiply_tiles(
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
            *live = self.multiply(epilogue, input, output, scratch);
        }
    }

    /// The same for one column by itself; gives whether an output is not zero.
    fn multiply_column(
        &self,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool;

    /// Up to how many columns are computed faster one by one than in a tile.
    fn few_columns(&self) -> usize;

    /// Columns that should pass the layer together at least, if there are so many: it reads all its weights for them.
    fn fewest_columns(&self) -> usize {
        0
    }

    /// How many tiles are best computed side by side.
    fn tiles_at_once(&self) -> usize {
        1
    }

    /// The product in parts for several threads, if it can be divided.
    fn in_parts(&self) -> Option<&dyn SpmmInParts> {
        None
    }
}

/// A product whose outputs can be computed apart from each other, with the same bits.
pub(super) trait SpmmInParts: Send + Sync {
    /// Parts have so many outputs, or a multiple; the last may have fewer.
    fn part_outputs(&self) -> usize;

    /// [`Spmm::multiply`] for some outputs; `output` has their rows only.
    fn multiply_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask;

    /// [`Spmm::multiply_column`] for some outputs.
    fn multiply_column_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut SpmmScratch,
    ) -> bool;
}

/// Buffers that [`Spmm::multiply`] reuses from call to call.
#[derive(Debug, Default)]
pub(super) struct SpmmScratch {
    pub(super) active: Vec<u32>,
    /// Where in `active` those of each group of tiles end.
    pub(super) active_ends: Vec<usize>,
    pub(super) live_sections: Vec<LaneMask>,
}

/// A layer ready to be computed: its product, and what follows it.
pub(super) struct PreparedLayer {
    pub(super) spmm: Box<dyn Spmm>,
    pub(super) epilogue: Epilogue,
    pub(super) connections: usize,
}
