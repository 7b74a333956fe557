//! BF-2019 (Bisson and Fatica, HPEC 2019): scatter from the non-zero activations, slab by slab.
//!
//! On a GPU, a thread block takes an input, walks its non-zero activations and adds `y·w` along their
//! connections to a slab of outputs in shared memory. Here a core takes a tile of sixteen inputs, and the
//! slab lies in its first-level cache. Empty columns are dropped between layers by
//! [`feed_forward`](super::feed_forward).

use super::kernels::Kernels;
use super::layout::{Epilogue, Slabs, sections_for};
use super::spmm::{Spmm, SpmmScratch};
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

    /// The product for one tile of which only the rows in `scratch.active` are non-zero; gives the lanes
    /// with a non-zero output.
    pub(super) fn multiply_active(
        &self,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        scratch: &mut SpmmScratch,
    ) -> LaneMask {
        let SpmmScratch { active, live_sections } = scratch;
        live_sections.clear();
        live_sections.resize(sections_for(self.outputs()), 0);
        self.kernels.scatter(&self.weights, epilogue, active, input, output, live_sections);
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
        scratch.active.clear();
        self.kernels.active_rows(input, 0, &mut scratch.active);
        self.multiply_active(epilogue, input, output, scratch)
    }

    fn multiply_column(
        &self,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
        _: &mut SpmmScratch,
    ) -> bool {
        self.kernels.scatter_column(&self.weights, epilogue, input, output)
    }

    fn few_columns(&self) -> usize {
        // A second column costs a tile nothing, but itself as much again.
        1
    }
}
