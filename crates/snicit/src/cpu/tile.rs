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

/// Rows that are moved between a tile and its columns at a time: few enough to stay in the first-level
/// cache until every lane has been served.
const BLOCK_ROWS: usize = 128;

/// Writes `columns`, as long as the tile has rows, into its first lanes.
pub(super) fn store_columns<'a>(tile: &mut [LaneRow], columns: impl Iterator<Item = &'a [f32]> + Clone) {
    for (block, rows) in tile.chunks_mut(BLOCK_ROWS).enumerate() {
        for (lane, column) in columns.clone().enumerate() {
            let values = &column[block * BLOCK_ROWS..][..rows.len()];
            for (row, &value) in rows.iter_mut().zip(values) {
                row.0[lane] = value;
            }
        }
    }
}

/// Reads one lane of a tile.
pub(super) fn load_lane(tile: &[LaneRow], lane: usize, column: &mut [f32]) {
    for (value, row) in column.iter_mut().zip(tile) {
        *value = row.0[lane];
    }
}

/// Reads the given lanes of a tile, ascending.
pub(super) fn load_columns(tile: &[LaneRow], lanes: LaneMask) -> Vec<Box<[f32]>> {
    let mut columns: Vec<Vec<f32>> = lanes_of(lanes).map(|_| Vec::with_capacity(tile.len())).collect();
    for rows in tile.chunks(BLOCK_ROWS) {
        for (column, lane) in columns.iter_mut().zip(lanes_of(lanes)) {
            column.extend(rows.iter().map(|row| row.0[lane]));
        }
    }
    columns.into_iter().map(Vec::into_boxed_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_survive_the_way_through_a_tile() {
        for neurons in [0, 1, BLOCK_ROWS, BLOCK_ROWS + 1, 300] {
            for count in [0, 1, 5, LANES] {
                let column = |c: usize| (0..neurons).map(|n| (c * 1000 + n) as f32).collect();
                let columns: Vec<Vec<f32>> = (0..count).map(column).collect();
                let mut tile = vec![LaneRow::ZERO; neurons];
                store_columns(&mut tile, columns.iter().map(Vec::as_slice));
                let loaded = load_columns(&tile, first_lanes(count));
                assert_eq!(loaded.iter().map(|c| c.to_vec()).collect::<Vec<_>>(), columns);
                for (lane, column) in columns.iter().enumerate() {
                    let mut loaded = vec![-1.0; neurons];
                    load_lane(&tile, lane, &mut loaded);
                    assert_eq!(loaded, *column);
                }
            }
        }
    }

    #[test]
    fn masks_name_lanes() {
        assert_eq!((first_lanes(0), first_lanes(3), first_lanes(16)), (0, 0b111, 0xffff));
        assert_eq!(lanes_of(0b1000_0000_0000_0101).collect::<Vec<_>>(), [0, 2, 15]);
    }
}
