//! Finds the neurons that are non-zero in any column of a tile.

use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LaneMask, LaneRow};

/// Appends the rows with a non-zero lane in any of the `TILES` tiles, which follow each other in `tiles`, to
/// `active`, ascending, counted from `first`.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn find<V: Lanes, const TILES: usize>(
    tiles: &[LaneRow],
    first: u32,
    active: &mut Vec<u32>,
) {
    let rows = tiles.len() / TILES;
    let mut end = active.len();
    active.resize(end + rows, 0);
    let tiles: [&[LaneRow]; TILES] = std::array::from_fn(|tile| &tiles[tile * rows..][..rows]);
    for (i, row) in (first..).zip(0..rows) {
        // Written in any case and kept only if non-zero: no branch to mispredict.
        active[end] = i;
        // SAFETY: the caller's contract is this function's.
        let nonzero = |tile: &[LaneRow]| unsafe { V::load(&tile[row]).nonzero() };
        end += usize::from(tiles.iter().fold(0, |any: LaneMask, tile| any | nonzero(tile)) != 0);
    }
    active.truncate(end);
}
