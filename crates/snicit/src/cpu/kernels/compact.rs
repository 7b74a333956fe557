//! Moves columns into the places of dropped ones.

use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow};

/// Columns that move from one tile to free lanes of another, or of the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cpu) struct LaneMoves {
    pub(in crate::cpu) from_tile: usize,
    pub(in crate::cpu) to_tile: usize,
    /// The lanes that receive a column.
    pub(in crate::cpu) to_lanes: LaneMask,
    /// For each of these the lane it comes from.
    pub(in crate::cpu) from_lanes: [u32; LANES],
}

/// Carries out `moves` on tiles of `neurons` rows, neuron by neuron: all moves of a neuron work on the
/// same few cache lines. Lanes that are not in `last_lanes` become zero in the last of `tiles` tiles.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn compact<V: Lanes>(
    moves: &[LaneMoves],
    rows: &mut [LaneRow],
    neurons: usize,
    tiles: usize,
    last_lanes: LaneMask,
) {
    for n in 0..neurons {
        // SAFETY: the caller's contract is this function's.
        unsafe {
            for moves in moves.chunk_by(|a, b| a.to_tile == b.to_tile) {
                let to = moves[0].to_tile * neurons + n;
                let mut row = V::load(&rows[to]);
                for step in moves {
                    let source = V::load(&rows[step.from_tile * neurons + n]);
                    row = row.insert(step.to_lanes, &step.from_lanes, source);
                }
                row.store(&mut rows[to]);
            }
            if tiles > 0 {
                let last = &mut rows[(tiles - 1) * neurons + n];
                V::load(last).keep_lanes(last_lanes).store(last);
            }
        }
    }
}
