//! The gathering kernel (XY-2021): the outputs of a strip stay in registers while its inputs pass by.

use crate::cpu::layout::{Epilogue, Strip, Strips};
use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LaneMask, LaneRow};

/// `clamp(W·Y + b)` for a run of tiles.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::strips`](super::Kernels::strips) checks.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes>(
    weights: &Strips,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    for (tile, live) in live.iter_mut().enumerate() {
        let input = &input[tile * inputs..][..inputs];
        let output = &mut output[tile * outputs..][..outputs];
        *live = 0;
        let strips = weights.strips();
        for (s, strip) in strips.iter().enumerate() {
            if let Some(next) = strips.get(s + 1) {
                // The rows of a strip lie anywhere in the tile, where no hardware foresees them.
                for &i in weights.inputs_of(next) {
                    V::prefetch(input.as_ptr().wrapping_add(i as usize));
                }
            }
            // SAFETY: the caller's contract is this function's.
            *live |= unsafe {
                match weights.outputs_of(strip).len() {
                    16 => one_strip::<V, 16>(weights, strip, epilogue, input, output),
                    8 => one_strip::<V, 8>(weights, strip, epilogue, input, output),
                    4 => one_strip::<V, 4>(weights, strip, epilogue, input, output),
                    2 => one_strip::<V, 2>(weights, strip, epilogue, input, output),
                    _ => one_strip::<V, 1>(weights, strip, epilogue, input, output),
                }
            };
        }
    }
}

/// A strip of `WIDTH` outputs on one tile.
///
/// # Safety
/// The processor has the instruction set of `V`; `input` and `output` have as many rows as `weights` has
/// inputs and outputs; `strip` has `WIDTH` outputs.
#[inline(always)]
unsafe fn one_strip<V: Lanes, const WIDTH: usize>(
    weights: &Strips,
    strip: &Strip,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
) -> LaneMask {
    let outputs = weights.outputs_of(strip);
    let (values, _) = weights.values_of(strip).as_chunks::<WIDTH>();
    // SAFETY: indices of `weights` are below its inputs and outputs, to which the caller matched the
    // slices.
    unsafe {
        let mut sums = [V::splat(0.0); WIDTH];
        for (&i, values) in weights.inputs_of(strip).iter().zip(values) {
            let y = V::load(input.get_unchecked(i as usize));
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum = y.mul_add(V::splat(value), *sum);
            }
        }
        let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
        let mut live = 0;
        for (sum, &j) in sums.into_iter().zip(outputs) {
            let j = j as usize;
            let bias = V::splat(*epilogue.bias.get_unchecked(j));
            let y = sum.add(bias).clamp(low, high);
            y.store(output.get_unchecked_mut(j));
            live |= y.nonzero();
        }
        live
    }
}
