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

    /// The same for one column by itself; gives whether an output is not zero.
    fn multiply_column(&self, epilogue: &Epilogue, input: &[f32], output: &mut [f32]) -> bool;

    /// Up to how many columns are computed faster one by one than in a tile.
    fn few_columns(&self) -> usize;
}

/// Buffers that [`Spmm::multiply`] reuses from call to call.
#[derive(Debug, Default)]
pub(super) struct SpmmScratch {
    pub(super) active: Vec<u32>,
    pub(super) live_sections: Vec<LaneMask>,
}

/// A layer ready to be computed: its product, and what follows it.
pub(super) struct PreparedLayer {
    pub(super) spmm: Box<dyn Spmm>,
    pub(super) epilogue: Epilogue,
}
