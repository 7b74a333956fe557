//! The dense product: every input of a layer, but for those that are zero, goes to every output.

use std::ops::Range;

use crate::cpu::layout::{DenseWeights, Epilogue, panels_for};
use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow, first_lanes};

/// A part of a layer's product: some inputs, for some outputs.
pub(in crate::cpu) struct DensePart<'a> {
    pub(in crate::cpu) weights: &'a DenseWeights,
    /// The outputs that are computed.
    pub(in crate::cpu) panels: Range<usize>,
    /// The outputs whose rows each tile of the output has, those of `panels` among them.
    pub(in crate::cpu) outputs: Range<usize>,
    /// The inputs: at least those of the part that have a non-zero lane.
    pub(in crate::cpu) active: &'a [u32],
    /// Whether the outputs hold the sums over the layer's inputs before these.
    pub(in crate::cpu) continues: bool,
    /// What follows the sums if these inputs are the layer's last. Otherwise the outputs become the sums so far.
    pub(in crate::cpu) epilogue: Option<&'a Epilogue>,
}

/// `clamp(W·Y + b)`, or a part of its sums, for one tile, or `TILES` tiles, side by side; `OUTPUTS` outputs of all
/// of them stay in registers, so that a weight is loaded once for all. The lanes with a non-zero output are
/// added to `live`, which has one mask a tile, once the sums are complete.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::dense`](super::Kernels::dense) checks, and the rows in `active` exist.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes, const OUTPUTS: usize, const TILES: usize>(
    part: &DensePart<'_>,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    for panel in part.panels.clone() {
        // SAFETY: the caller's contract is this function's.
        unsafe {
            if live.len() == TILES {
                one_panel::<V, OUTPUTS, TILES>(part, panel, input, output, live);
            } else {
                one_panel::<V, OUTPUTS, 1>(part, panel, input, output, live);
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
    part: &DensePart<'_>,
    panel: usize,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    const { assert!(LANES.is_multiple_of(OUTPUTS)) };
    let (inputs, outputs) = (part.weights.inputs(), part.outputs.len());
    let rows = part.weights.panel(panel);
    let (first_output, end) = (panel * LANES, part.weights.outputs());
    for block in (first_output..end.min(first_output + LANES)).step_by(OUTPUTS) {
        // SAFETY: rows in `active` exist in the panel and in every tile, blocks lie within a panel's
        // lanes, and the outputs that are read and written within the tiles.
        unsafe {
            let mut sums = [[V::splat(0.0); TILES]; OUTPUTS];
            if part.continues {
                for (j, sums) in (block..end).zip(&mut sums) {
                    let row = j - part.outputs.start;
                    for (t, sum) in sums.iter_mut().enumerate() {
                        *sum = V::load(output.get_unchecked(t * outputs + row));
                    }
                }
            }
            for &k in part.active {
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
            if let Some(epilogue) = part.epilogue {
                let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
                for (j, sums) in (block..end).zip(&mut sums) {
                    let bias = V::splat(*epilogue.bias.get_unchecked(j));
                    for (sum, live) in sums.iter_mut().zip(live.iter_mut()) {
                        *sum = sum.add(bias).clamp(low, high);
                        *live |= sum.nonzero();
                    }
                }
            }
            for (j, sums) in (block..end).zip(sums) {
                let row = j - part.outputs.start;
                for (t, sum) in sums.into_iter().enumerate() {
                    sum.store(output.get_unchecked_mut(t * outputs + row));
                }
            }
        }
    }
}

/// `clamp(W·y + b)` of one column and `outputs`, which begin with a panel; gives whether any of them is not zero. The
/// lanes of a register are outputs here; those of `PANELS` panels are summed up side by side. Products are added in the same order, and
/// rounded in the same way, as in [`multiply`].
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::dense_column`](super::Kernels::dense_column) checks, and the rows in `active` exist.
#[inline(always)]
pub(super) unsafe fn multiply_column<V: Lanes, const PANELS: usize>(
    weights: &DenseWeights,
    outputs: Range<usize>,
    epilogue: &Epilogue,
    active: &[u32],
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let mut live = false;
    let (mut panel, end) = (outputs.start / LANES, panels_for(outputs.end));
    // SAFETY: the caller's contract is this function's, and so many panels are left.
    unsafe {
        while panel + PANELS <= end {
            live |=
                column_panels::<V, PANELS>(weights, panel, &outputs, epilogue, active, input, output);
            panel += PANELS;
        }
        while panel < end {
            live |= column_panels::<V, 1>(weights, panel, &outputs, epilogue, active, input, output);
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
    outputs: &Range<usize>,
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
            let lanes = LANES.min(outputs.end - start);
            let mut row = LaneRow::ZERO;
            row.0[..lanes].copy_from_slice(&epilogue.bias[start..][..lanes]);
            let y = sum.add(V::load(&row)).clamp(low, high).keep_lanes(first_lanes(lanes));
            y.store(&mut row);
            live |= y.nonzero();
            output[start - outputs.start..][..lanes].copy_from_slice(&row.0[..lanes]);
        }
    }
    live != 0
}
