//! One column by itself, for batches too small to fill a tile.
//!
//! The lanes of a register are outputs here, not inputs. Products are added in the same order, and rounded
//! in the same way, as in the kernels for tiles: a column's result does not depend on the kernel.

use crate::cpu::layout::{Epilogue, Slabs, Strip, Strips};
use crate::cpu::simd::Lanes;

/// `clamp(W·y + b)` by gathering; gives whether any output is not zero.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::gather_column`](super::Kernels::gather_column) checks.
#[inline(always)]
pub(super) unsafe fn gather<V: Lanes>(
    weights: &Strips,
    epilogue: &Epilogue,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let mut live = false;
    for strip in weights.strips() {
        // SAFETY: the caller's contract is this function's.
        live |= unsafe {
            match weights.outputs_of(strip).len() {
                16 => one_strip::<V, 16>(weights, strip, epilogue, input, output),
                8 => one_strip::<V, 8>(weights, strip, epilogue, input, output),
                4 => one_strip::<V, 4>(weights, strip, epilogue, input, output),
                2 => one_strip::<V, 2>(weights, strip, epilogue, input, output),
                _ => one_strip::<V, 1>(weights, strip, epilogue, input, output),
            }
        };
    }
    live
}

/// A strip of `WIDTH` outputs.
///
/// # Safety
/// The processor has the instruction set of `V`; `input` and `output` are as long as `weights` has inputs
/// and outputs; `strip` has `WIDTH` outputs.
#[inline(always)]
unsafe fn one_strip<V: Lanes, const WIDTH: usize>(
    weights: &Strips,
    strip: &Strip,
    epilogue: &Epilogue,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let (values, _) = weights.values_of(strip).as_chunks::<WIDTH>();
    let mut sums = [0.0; WIDTH];
    for (&i, values) in weights.inputs_of(strip).iter().zip(values) {
        // SAFETY: indices of `weights` are below its inputs, to which the caller matched the slice.
        let y = unsafe { *input.get_unchecked(i as usize) };
        for (sum, &value) in sums.iter_mut().zip(values) {
            // SAFETY: the caller's contract is this function's.
            *sum = unsafe { V::mul_add_scalar(y, value, *sum) };
        }
    }
    let mut live = false;
    for (sum, &j) in sums.into_iter().zip(weights.outputs_of(strip)) {
        // SAFETY: indices of `weights` are below its outputs, to which the caller matched the slices.
        unsafe {
            let y = finish(epilogue, j as usize, sum);
            *output.get_unchecked_mut(j as usize) = y;
            live |= y != 0.0;
        }
    }
    live
}

/// `clamp(W·y + b)` by scattering the non-zero inputs; gives whether any output is not zero.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::scatter_column`](super::Kernels::scatter_column) checks.
#[inline(always)]
pub(super) unsafe fn scatter<V: Lanes>(
    weights: &Slabs,
    epilogue: &Epilogue,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    for slab in weights.slabs() {
        let sums = &mut output[slab.outputs.clone()];
        sums.fill(0.0);
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
                    *sum = V::mul_add_scalar(y, *slab.values.get_unchecked(k), *sum);
                }
            }
        }
    }
    let mut live = false;
    for (j, y) in output.iter_mut().enumerate() {
        // SAFETY: the epilogue has a bias for each output.
        *y = unsafe { finish(epilogue, j, *y) };
        live |= *y != 0.0;
    }
    live
}

/// Bias and activation of output `j`.
///
/// # Safety
/// The epilogue has a bias for output `j`.
#[inline(always)]
unsafe fn finish(epilogue: &Epilogue, j: usize, sum: f32) -> f32 {
    // SAFETY: the caller's contract is this function's.
    let bias = unsafe { *epilogue.bias.get_unchecked(j) };
    (sum + bias).max(epilogue.low).min(epilogue.high)
}
