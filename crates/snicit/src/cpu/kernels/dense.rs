//! The dense product: every input of a layer, but for those that are zero, goes to every output.

use std::ops::Range;

use crate::cpu::layout::{DenseWeights, Epilogue};
use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow, first_lanes};

/// `clamp(W·Y + b)` for the outputs in `panels` and one tile, or `TILES` tiles, side by side; `OUTPUTS`
/// outputs of all of them stay in registers, so that a weight is loaded once for all. The lanes with a
/// non-zero output are added to `live`, which has one mask a tile.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::dense`](super::Kernels::dense) checks, and the rows in `active` exist.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes, const OUTPUTS: usize, const TILES: usize>(
    weights: &DenseWeights,
    panels: Range<usize>,
    epilogue: &Epilogue,
    active: &[u32],
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    for panel in panels {
        // SAFETY: the caller's contract is this function's.
        unsafe {
            if live.len() == TILES {
                one_panel::<V, OUTPUTS, TILES>(weights, panel, epilogue, active, input, output, live);
            } else {
                one_panel::<V, OUTPUTS, 1>(weights, panel, epilogue, active, input, output, live);
            }
        }
    }
}

/// One panel on `TILES` tiles.
///
/// # Safety
/// As [`multiply`]; there are `TILES` tiles.
#[inline(always)]
unsafe fn one_panel<V: Lanes, const OUTPUTS: usize, const TILES: usize>(
    weights: &DenseWeights,
    panel: usize,
    epilogue: &Epilogue,
    active: &[u32],
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    const { assert!(LANES.is_multiple_of(OUTPUTS)) };
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let rows = weights.panel(panel);
    let first_output = panel * LANES;
    for block in (first_output..outputs.min(first_output + LANES)).step_by(OUTPUTS) {
        // SAFETY: rows in `active` exist in the panel and in every tile, blocks lie within a panel's
        // lanes, and the outputs that are written within the tiles.
        unsafe {
            let mut sums = [[V::splat(0.0); TILES]; OUTPUTS];
            for &k in active {
                let k = k as usize;
                let weights = rows.get_unchecked(k).0.as_ptr().add(block - first_output);
                let y: [V; TILES] =
                    std::array::from_fn(|t| V::load(input.get_unchecked(t * inputs + k)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let weight = V::splat(*weights.add(r));
                    for (y, sum) in y.iter().zip(sums) {
                        *sum = y.mul_add(weight, *sum);
                    }
                }
            }
            let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
            for (j, sums) in (block..outputs).zip(sums) {
                let bias = V::splat(*epilogue.bias.get_unchecked(j));
                for (t, sum) in sums.into_iter().enumerate() {
                    let y = sum.add(bias).clamp(low, high);
                    y.store(output.get_unchecked_mut(t * outputs + j));
                    *live.get_unchecked_mut(t) |= y.nonzero();
                }
            }
        }
    }
}

/// `clamp(W·y + b)` of one column; gives whether any output is not zero. The lanes of a register are outputs
/// here; those of `PANELS` panels are summed up side by side. Products are added in the same order, and
/// rounded in the same way, as in [`multiply`].
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::dense_column`](super::Kernels::dense_column) checks, and the rows in `active` exist.
#[inline(always)]
pub(super) unsafe fn multiply_column<V: Lanes, const PANELS: usize>(
    weights: &DenseWeights,
    epilogue: &Epilogue,
    active: &[u32],
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let mut live = false;
    let mut panel = 0;
    // SAFETY: the caller's contract is this function's, and so many panels are left.
    unsafe {
        while panel + PANELS <= weights.panels() {
            live |= column_panels::<V, PANELS>(weights, panel, epilogue, active, input, output);
            panel += PANELS;
        }
        while panel < weights.panels() {
            live |= column_panels::<V, 1>(weights, panel, epilogue, active, input, output);
            panel += 1;
        }
    }
    live
}

/// The outputs of `PANELS` panels from `first` on.
///
/// # Safety
/// As [`multiply_column`]; the panels exist.
#[inline(always)]
unsafe fn column_panels<V: Lanes, const PANELS: usize>(
    weights: &DenseWeights,
    first: usize,
    epilogue: &Epilogue,
    active: &[u32],
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let panels: [&[LaneRow]; PANELS] = std::array::from_fn(|p| weights.panel(first + p));
    let mut live = 0;
    // SAFETY: the caller's contract is this function's.
    unsafe {
        let mut sums = [V::splat(0.0); PANELS];
        for &k in active {
            let y = V::splat(*input.get_unchecked(k as usize));
            for (panel, sum) in panels.iter().zip(&mut sums) {
                *sum = y.mul_add(V::load(panel.get_unchecked(k as usize)), *sum);
            }
        }
        let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
        for (p, sum) in sums.into_iter().enumerate() {
            let start = (first + p) * LANES;
            let lanes = LANES.min(output.len() - start);
            let mut row = LaneRow::ZERO;
            row.0[..lanes].copy_from_slice(&epilogue.bias[start..][..lanes]);
            let y = sum.add(V::load(&row)).clamp(low, high).keep_lanes(first_lanes(lanes));
            y.store(&mut row);
            live |= y.nonzero();
            output[start..][..lanes].copy_from_slice(&row.0[..lanes]);
        }
    }
    live != 0
}
