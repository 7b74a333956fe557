//! The CPU kernels' form of activations: tiles of sixteen columns, neuron-major.
//!
//! A tile holds [`LANES`] columns side by side. Row `n` of a tile is neuron `n` of all of them: one cache
//! line, one AVX-512 register. A kernel that works on rows therefore works on sixteen inputs at once,
//! whatever the pattern of the weights; this is the CPU's counterpart of one GPU thread an input.

/// Columns of a tile.
pub(super) const LANES: usize = 16;

/// One neuron in all columns of a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct LaneRow(pub(super) [f32; LANES]);

impl LaneRow {
    pub(super) const ZERO: LaneRow = LaneRow([0.0; LANES]);
}

/// One bit a lane of a tile.
pub(super) type LaneMask = u16;

/// Tiles needed for `columns` columns.
pub(super) fn tiles_for(columns: usize) -> usize {
    columns.div_ceil(LANES)
}

/// The mask of the first `lanes` lanes; `lanes` is at most [`LANES`].
pub(super) fn first_lanes(lanes: usize) -> LaneMask {
    LaneMask::MAX.checked_shr((LANES - lanes) as u32).unwrap_or(0)
}

/// The lanes of a mask, ascending.
pub(super) fn lanes_of(mask: LaneMask) -> impl Iterator<Item = usize> + Clone {
    (0..LANES).filter(move |lane| mask >> lane & 1 == 1)
}

/// Reads one lane of a tile.
pub(super) fn load_lane(tile: &[LaneRow], lane: usize, column: &mut [f32]) {
    for (value, row) in column.iter_mut().zip(tile) {
        *value = row.0[lane];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_name_lanes() {
        assert_eq!((first_lanes(0), first_lanes(3), first_lanes(16)), (0, 0b111, 0xffff));
        assert_eq!(lanes_of(0b1000_0000_0000_0101).collect::<Vec<_>>(), [0, 2, 15]);
    }
}
