//! The scattering kernel (BF-2019, SNIG-2020): non-zero activations add to the outputs of a slab.

use std::ops::Range;

use crate::cpu::layout::{Epilogue, SECTION_NEURONS, Slab, Slabs, Values};
use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LaneMask, LaneRow};

/// `clamp(W·Y + b)` for one tile and the outputs whose rows `output` has, reading only the `active` rows.
///
/// # Safety
/// The processor has the instruction set of `V`. The arguments are as
/// [`Kernels::scatter`](super::Kernels::scatter) checks them.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes>(
    weights: &Slabs,
    outputs: Range<usize>,
    epilogue: &Epilogue,
    active: &[u32],
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    for slab in weights.slabs_of(&outputs) {
        let first = slab.outputs.start - outputs.start;
        let sums = &mut output[first..][..slab.outputs.len()];
        sums.fill(LaneRow::ZERO);
        // SAFETY: the caller's contract is that of `add`; a slab has a weight for each connection.
        unsafe {
            match &slab.values {
                Values::Equal(value) => {
                    let value = V::splat(*value);
                    add::<V>(slab, active, input, sums, |_| value);
                }
                Values::Each(values) => {
                    add::<V>(slab, active, input, sums, |k| V::splat(*values.get_unchecked(k)));
                }
            }
        }
        // Slabs are whole sections, so this slab's sections begin where it does.
        let bias = epilogue.bias[slab.outputs.clone()].chunks(SECTION_NEURONS);
        let sections = sums.chunks_mut(SECTION_NEURONS).zip(bias);
        for ((sums, bias), live) in sections.zip(&mut live[first / SECTION_NEURONS..]) {
            // SAFETY: the caller's contract is this function's.
            *live = unsafe { finish::<V>(epilogue, sums, bias) };
        }
    }
}

/// Adds the products of the `active` rows to the sums of a slab; `weight(k)` is that of connection `k`.
///
/// # Safety
/// The processor has the instruction set of `V`; the active rows exist in `input`, which has as many rows
/// as the slab was made for, and `sums` as many as it has outputs.
#[inline(always)]
unsafe fn add<V: Lanes>(
    slab: &Slab,
    active: &[u32],
    input: &[LaneRow],
    sums: &mut [LaneRow],
    weight: impl Fn(usize) -> V,
) {
    for &i in active {
        let i = i as usize;
        // SAFETY: offsets and targets were made for this many inputs and for the outputs of this slab.
        unsafe {
            let y = V::load(input.get_unchecked(i));
            let start = *slab.offsets.get_unchecked(i);
            let end = *slab.offsets.get_unchecked(i + 1);
            for k in start..end {
                let sum = sums.get_unchecked_mut(usize::from(*slab.targets.get_unchecked(k)));
                y.mul_add(weight(k), V::load(sum)).store(sum);
            }
        }
    }
}

/// Bias and activation for the sums of one section; gives the lanes with a non-zero output.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn finish<V: Lanes>(epilogue: &Epilogue, sums: &mut [LaneRow], bias: &[f32]) -> LaneMask {
    let mut live = 0;
    // SAFETY: the caller's contract is this function's.
    unsafe {
        let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
        for (row, &bias) in sums.iter_mut().zip(bias) {
            let y = V::load(row).add(V::splat(bias)).clamp(low, high);
            y.store(row);
            live |= y.nonzero();
        }
    }
    live
}
