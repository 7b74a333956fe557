//! The gathering kernel (XY-2021): the outputs of a strip stay in registers while its inputs pass by.

use std::ops::Range;

use crate::cpu::layout::{Epilogue, Strip, Strips, Values};
use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LaneMask, LaneRow};

/// A tile of so few rows lies in the first-level cache as a whole.
const NEAR_ROWS: usize = 512;

/// `clamp(W·Y + b)` for one tile and the outputs whose rows `output` has; gives the lanes with a non-zero one.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::strips`](super::Kernels::strips) checks.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes>(
    weights: &Strips,
    outputs: Range<usize>,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
) -> LaneMask {
    let mut live = 0;
    let strips = weights.strips_of(&outputs);
    for (s, strip) in strips.iter().enumerate() {
        if let Some(next) = strips.get(s + 1).filter(|_| input.len() > NEAR_ROWS) {
            // The rows of a strip lie anywhere in the tile, where no hardware foresees them.
            for &i in weights.inputs_of(next) {
                V::prefetch(input.as_ptr().wrapping_add(i as usize));
            }
        }
        // SAFETY: the caller's contract is this function's.
        live |= unsafe {
            match weights.values() {
                Values::Equal(value) => {
                    let value = V::splat(*value);
                    any_width::<V>(weights, strip, outputs.start, epilogue, input, output, |_| value)
                }
                Values::Each(values) => {
                    let values = weights.values_of(strip, values);
                    // The weights of a strip are as many as its inputs times its outputs.
                    let weight = |k: usize| V::splat(*values.get_unchecked(k));
                    any_width::<V>(weights, strip, outputs.start, epilogue, input, output, weight)
                }
            }
        };
    }
    live
}

/// One strip on one tile; `weight(k · width + r)` is that of its `k`-th input and `r`-th output.
///
/// # Safety
/// The processor has the instruction set of `V`; `input` has as many rows as `weights` has inputs, and `output` one
/// for each output of the strip, counted from `first_output`.
#[inline(always)]
unsafe fn any_width<V: Lanes>(
    weights: &Strips,
    strip: &Strip,
    first_output: usize,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    weight: impl Fn(usize) -> V,
) -> LaneMask {
    // SAFETY: the caller's contract is this function's.
    unsafe {
        match weights.outputs_of(strip).len() {
            16 => one_strip::<V, 16>(weights, strip, first_output, epilogue, input, output, weight),
            8 => one_strip::<V, 8>(weights, strip, first_output, epilogue, input, output, weight),
            4 => one_strip::<V, 4>(weights, strip, first_output, epilogue, input, output, weight),
            2 => one_strip::<V, 2>(weights, strip, first_output, epilogue, input, output, weight),
            _ => one_strip::<V, 1>(weights, strip, first_output, epilogue, input, output, weight),
        }
    }
}

/// A strip of `WIDTH` outputs.
///
/// # Safety
/// As [`any_width`]; `strip` has `WIDTH` outputs.
#[inline(always)]
unsafe fn one_strip<V: Lanes, const WIDTH: usize>(
    weights: &Strips,
    strip: &Strip,
    first_output: usize,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    weight: impl Fn(usize) -> V,
) -> LaneMask {
    // SAFETY: indices of `weights` are below its inputs and outputs, to which the caller matched the
    // slices.
    unsafe {
        let mut sums = [V::splat(0.0); WIDTH];
        for (k, &i) in weights.inputs_of(strip).iter().enumerate() {
            let y = V::load(input.get_unchecked(i as usize));
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = y.mul_add(weight(k * WIDTH + r), *sum);
            }
        }
        let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
        let mut live = 0;
        for (sum, &j) in sums.into_iter().zip(weights.outputs_of(strip)) {
            let j = j as usize;
            let bias = V::splat(*epilogue.bias.get_unchecked(j));
            let y = sum.add(bias).clamp(low, high);
            y.store(output.get_unchecked_mut(j - first_output));
            live |= y.nonzero();
        }
        live
    }
}
