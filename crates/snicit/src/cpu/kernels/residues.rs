//! Element-wise kernels of SNICIT's post-convergence update.

use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LaneMask, LaneRow};

/// How residue columns `Ŷ_j` of one centroid `c` change: `σ(Z_c + Z_j + b) − σ(Z_c + b)`, then pruned.
pub(in crate::cpu) struct ResidueUpdate<'a> {
    /// The centroid's `Z_c + b`, one value a neuron.
    pub(in crate::cpu) centroid: &'a [f32],
    /// Bounds of the activation function σ.
    pub(in crate::cpu) low: f32,
    pub(in crate::cpu) high: f32,
    /// Residues of at most this magnitude become zero.
    pub(in crate::cpu) prune: f32,
}

/// Turns the products `Z_j` in `tile` into the next residues; gives the lanes with a non-zero one.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn update<V: Lanes>(update: &ResidueUpdate<'_>, tile: &mut [LaneRow]) -> LaneMask {
    let mut live = 0;
    // SAFETY: the caller's contract is this function's.
    unsafe {
        let (low, high) = (V::splat(update.low), V::splat(update.high));
        let prune = V::splat(update.prune);
        for (row, centroid) in tile.iter_mut().zip(update.centroid) {
            let centroid = V::splat(*centroid);
            let whole = V::load(row).add(centroid).clamp(low, high);
            let residue = whole.sub(centroid.clamp(low, high)).keep_above(prune);
            residue.store(row);
            live |= residue.nonzero();
        }
    }
    live
}
