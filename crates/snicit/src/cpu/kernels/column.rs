//! One column by itself, for batches too small to fill a tile.
//!
//! The lanes of a register are outputs here, not inputs. Products are added in the same order, and rounded
//! in the same way, as in the kernels for tiles: a column's result does not depend on the kernel.

use std::ops::Range;

use crate::cpu::layout::{Epilogue, Slab, Slabs, Strip, Strips, Values};
use crate::cpu::simd::Lanes;

/// `clamp(W·y + b)` of `outputs` by gathering; gives whether any of them is not zero.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::gather_column`](super::Kernels::gather_column) checks.
#[inline(always)]
pub(super) unsafe fn gather<V: Lanes>(
    weights: &Strips,
    outputs: Range<usize>,
    epilogue: &Epilogue,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let first = outputs.start;
    for strip in weights.strips_of(&outputs) {
        // SAFETY: the caller's contract is this function's.
        unsafe {
            match weights.values() {
                Values::Equal(value) => any_width::<V>(weights, strip, first, input, output, |_| *value),
                Values::Each(values) => {
                    let values = weights.values_of(strip, values);
                    // The weights of a strip are as many as its inputs times its outputs.
                    let weight = |k: usize| *values.get_unchecked(k);
                    any_width::<V>(weights, strip, first, input, output, weight);
                }
            }
        }
    }
    finish(epilogue, outputs, output)
}

/// The sums of one strip; `weight(k · width + r)` is that of its `k`-th input and `r`-th output.
///
/// # Safety
/// The processor has the instruction set of `V`; `input` is as long as `weights` has inputs, and `output` has a place
/// for each output of the strip, counted from `first_output`.
#[inline(always)]
unsafe fn any_width<V: Lanes>(
    weights: &Strips,
    strip: &Strip,
    first_output: usize,
    input: &[f32],
    output: &mut [f32],
    weight: impl Fn(usize) -> f32,
) {
    // SAFETY: the caller's contract is this function's.
    unsafe {
        match weights.outputs_of(strip).len() {
            16 => one_strip::<V, 16>(weights, strip, first_output, input, output, weight),
            8 => one_strip::<V, 8>(weights, strip, first_output, input, output, weight),
            4 => one_strip::<V, 4>(weights, strip, first_output, input, output, weight),
            2 => one_strip::<V, 2>(weights, strip, first_output, input, output, weight),
            _ => one_strip::<V, 1>(weights, strip, first_output, input, output, weight),
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
    input: &[f32],
    output: &mut [f32],
    weight: impl Fn(usize) -> f32,
) {
    let mut sums = [0.0; WIDTH];
    // SAFETY: indices of `weights` are below its inputs and outputs, to which the caller matched the
    // slices.
    unsafe {
        for (k, &i) in weights.inputs_of(strip).iter().enumerate() {
            let y = *input.get_unchecked(i as usize);
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = V::mul_add_scalar(y, weight(k * WIDTH + r), *sum);
            }
        }
        for (sum, &j) in sums.into_iter().zip(weights.outputs_of(strip)) {
            *output.get_unchecked_mut(j as usize - first_output) = sum;
        }
    }
}

/// `clamp(W·y + b)` of `outputs` by scattering the non-zero inputs; gives whether any of them is not zero.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::scatter_column`](super::Kernels::scatter_column) checks.
#[inline(always)]
pub(super) unsafe fn scatter<V: Lanes>(
    weights: &Slabs,
    outputs: Range<usize>,
    epilogue: &Epilogue,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    for slab in weights.slabs_of(&outputs) {
        let sums = &mut output[slab.outputs.start - outputs.start..][..slab.outputs.len()];
        sums.fill(0.0);
        // SAFETY: the caller's contract is that of `add`; a slab has a weight for each connection.
        unsafe {
            match &slab.values {
                Values::Equal(value) => add::<V>(slab, input, sums, |_| *value),
                Values::Each(values) => add::<V>(slab, input, sums, |k| *values.get_unchecked(k)),
            }
        }
    }
    finish(epilogue, outputs, output)
}

/// Adds the products of the non-zero inputs to the sums of a slab; `weight(k)` is that of connection `k`.
///
/// # Safety
/// The processor has the instruction set of `V`; `input` and `sums` are as long as the slab was made for.
#[inline(always)]
unsafe fn add<V: Lanes>(slab: &Slab, input: &[f32], sums: &mut [f32], weight: impl Fn(usize) -> f32) {
    for (i, &y) in input.iter().enumerate() {
        if y == 0.0 {
            continue;
        }
        // SAFETY: offsets and targets were made for this many inputs and the outputs of this slab.
        unsafe {
            let start = *slab.offsets.get_unchecked(i);
            let end = *slab.offsets.get_unchecked(i + 1);
            for k in start..end {
                let sum = sums.get_unchecked_mut(usize::from(*slab.targets.get_unchecked(k)));
                *sum = V::mul_add_scalar(y, weight(k), *sum);
            }
        }
    }
}

/// Bias and activation; gives whether any output is not zero.
#[inline(always)]
fn finish(epilogue: &Epilogue, outputs: Range<usize>, output: &mut [f32]) -> bool {
    let (low, high) = (epilogue.low, epilogue.high);
    let mut live = false;
    for (y, &bias) in output.iter_mut().zip(&epilogue.bias[outputs]) {
        // Not `f32::max`, whose care for NaN costs several instructions.
        let z = *y + bias;
        let z = if z > low { z } else { low };
        *y = if z < high { z } else { high };
        live |= *y != 0.0;
    }
    live
}
