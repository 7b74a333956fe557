//! The way of columns into a tile and out of it: sixteen neurons of sixteen columns at a time.

use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow, lanes_of};

/// Writes `columns`, as long as the tile has rows, into its first lanes, and zeros into the others.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn store<V: Lanes>(tile: &mut [LaneRow], columns: &[&[f32]]) {
    let (blocks, rest) = tile.as_chunks_mut::<LANES>();
    for (block, rows) in blocks.iter_mut().enumerate() {
        // SAFETY: the caller's contract is this function's.
        unsafe {
            let values = std::array::from_fn(|lane| match columns.get(lane) {
                Some(column) => V::load_values(&column.as_chunks::<LANES>().0[block]),
                None => V::splat(0.0),
            });
            for (row, value) in rows.iter_mut().zip(V::transpose(values)) {
                value.store(row);
            }
        }
    }
    let first = blocks.len() * LANES;
    for (n, row) in rest.iter_mut().enumerate() {
        row.0 = std::array::from_fn(|lane| columns.get(lane).map_or(0.0, |column| column[first + n]));
    }
}

/// Reads the given lanes of a tile, ascending.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn load<V: Lanes>(tile: &[LaneRow], lanes: LaneMask) -> Vec<Box<[f32]>> {
    let column = |_| vec![0.0; tile.len()].into_boxed_slice();
    let mut columns: Vec<Box<[f32]>> = lanes_of(lanes).map(column).collect();
    let (blocks, rest) = tile.as_chunks::<LANES>();
    for (block, rows) in blocks.iter().enumerate() {
        // SAFETY: the caller's contract is this function's.
        unsafe {
            let values = V::transpose(std::array::from_fn(|n| V::load(&rows[n])));
            for (column, lane) in columns.iter_mut().zip(lanes_of(lanes)) {
                values[lane].store_values(&mut column.as_chunks_mut::<LANES>().0[block]);
            }
        }
    }
    let first = blocks.len() * LANES;
    for (column, lane) in columns.iter_mut().zip(lanes_of(lanes)) {
        for (value, row) in column[first..].iter_mut().zip(rest) {
            *value = row.0[lane];
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::InstructionSet;
    use crate::cpu::kernels::Kernels;
    use crate::cpu::tile::first_lanes;

    #[test]
    fn columns_survive_the_way_through_a_tile() {
        for kernels in InstructionSet::ALL.into_iter().filter_map(Kernels::new) {
            for neurons in [0, 1, LANES - 1, LANES, LANES + 1, 300] {
                for count in [0, 1, 5, LANES] {
                    let column = |c: usize| (0..neurons).map(|n| (c * 1000 + n) as f32).collect();
                    let columns: Vec<Vec<f32>> = (0..count).map(column).collect();
                    let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
                    let mut tile = vec![LaneRow([-1.0; LANES]); neurons];
                    kernels.store_columns(&mut tile, &slices);
                    for (n, row) in tile.iter().enumerate() {
                        let lane = |lane: usize| slices.get(lane).map_or(0.0, |column| column[n]);
                        assert_eq!(row.0, std::array::from_fn(lane));
                    }
                    let loaded = kernels.load_columns(&tile, first_lanes(count));
                    assert_eq!(loaded.iter().map(|c| c.to_vec()).collect::<Vec<_>>(), columns);
                    let odd = kernels.load_columns(&tile, 0b1010);
                    assert!(odd.iter().zip([1, 3]).all(|(column, lane)| {
                        tile.iter().zip(column).all(|(row, &y)| row.0[lane] == y)
                    }));
                }
            }
        }
    }
}
