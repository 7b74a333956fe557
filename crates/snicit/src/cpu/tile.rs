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

/// Writes a column into lane `lane` of a tile.
pub(super) fn store_lane(tile: &mut [LaneRow], lane: usize, column: &[f32]) {
    for (row, &value) in tile.iter_mut().zip(column) {
        row.0[lane] = value;
    }
}

/// Reads lane `lane` of a tile.
pub(super) fn load_lane(tile: &[LaneRow], lane: usize) -> Box<[f32]> {
    tile.iter().map(|row| row.0[lane]).collect()
}
