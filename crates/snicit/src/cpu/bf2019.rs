//! BF-2019 (Bisson and Fatica, HPEC 2019): scatter from the non-zero activations, slab by slab.
//!
//! On a GPU, a thread block takes an input, walks its non-zero activations and adds `y·w` along their
//! connections to a slab of outputs in shared memory. Here a core takes a tile of sixteen inputs, and the
//! slab lies in its first-level cache. Empty columns are dropped between layers by
//! [`feed_forward`](super::feed_forward).

use std::ops::Range;

use super::kernels::Kernels;
use super::layout::{Epilogue, Slabs, sections_for};
use super::spmm::{Spmm, SpmmInParts, SpmmScratch};
use super::tile::{LaneMask, LaneRow};
use crate::SparseWeights;

/// The scattering product of a layer.
pub(super) struct ScatterSpmm {
    kernels: Kernels,
    weights: Slabs,
}

impl ScatterSpmm {
    pub(super) fn new(kernels: Kernels, weights: &SparseWeights) -> Self {
        ScatterSpmm { kernels, weights: Slabs::new(weights) }
    }

    /// `outputs`, whole slabs, of one tile of which only the rows in `scratch.active` are non-zero; gives the
    /// lanes with a non-zero output.
    pub(super) fn multiply_active(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        let SpmmScratch { active, live_sections, .. } = scratch;
        live_sections.clear();
        live_sections.resize(sections_for(outputs.len()), 0);
        self.kernels.scatter(&self.weights, outputs, epilogue, active, input, output, live_sections);
        live_sections.iter().fold(0, |all, &section| all | section)
    }
}

impl Spmm for ScatterSpmm {
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
        // A second column costs a tile nothing, but itself as much again.
        1
    }

    fn in_parts(&self) -> Option<&dyn SpmmInParts> {
        Some(self)
    }
}

impl SpmmInParts for ScatterSpmm {
    fn part_outputs(&self) -> usize {
        self.weights.slab_outputs()
    }

    fn multiply_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        scratch.active.clear();
        self.kernels.active_rows(input, 0, &mut scratch.active);
        self.multiply_active(outputs, epilogue, input, output, scratch)
    }

    fn multiply_column_part(
        &self,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        _: &mut SpmmScratch,
    ) -> bool {
        self.kernels.scatter_column(&self.weights, outputs, epilogue, input, output)
    }
}
