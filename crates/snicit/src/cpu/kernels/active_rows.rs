//! Finds the neurons that are non-zero in any column of a tile.

use crate::cpu::simd::Lanes;
use crate::cpu::tile::LaneRow;

/// Appends the rows of `tile` with a non-zero lane to `active`, ascending, counted from `first`.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn find<V: Lanes>(tile: &[LaneRow], first: u32, active: &mut Vec<u32>) {
    let mut end = active.len();
    active.resize(end + tile.len(), 0);
    for (i, row) in (first..).zip(tile) {
        // Written in any case and kept only if non-zero: no branch to mispredict.
        active[end] = i;
        // SAFETY: the caller's contract is this function's.
        end += usize::from(unsafe { V::load(row).nonzero() } != 0);
    }
    active.truncate(end);
}
