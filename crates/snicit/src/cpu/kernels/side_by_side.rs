//! The gathering kernel for long rows that no outputs share: several tiles side by side.
//!
//! A sum waits for the one before it, and each product needs an index and a weight. Several tiles have as many
//! sums that do not wait for each other, and share indices and weights.

use crate::cpu::layout::{Epilogue, Strip, Strips, Values};
use crate::cpu::simd::Lanes;
use crate::cpu::tile::{LaneMask, LaneRow};

/// `clamp(W·Y + b)` for as many tiles as `live` has masks, which follow each other in `input` and `output`;
/// `live` receives the lanes with a non-zero output. Up to `TILES` tiles are computed side by side.
///
/// # Safety
/// The processor has the instruction set of `V`. The slices have the lengths that
/// [`Kernels::side_by_side`](super::Kernels::side_by_side) checks, and strips have one or two outputs.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes, const TILES: usize>(
    weights: &Strips,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let mut first = 0;
    while first < live.len() {
        let left = live.len() - first;
        let tiles = if left >= TILES { TILES } else { left.min(2) };
        let input = &input[first * inputs..][..tiles * inputs];
        let output = &mut output[first * outputs..][..tiles * outputs];
        let live = &mut live[first..][..tiles];
        // SAFETY: the caller's contract is this function's; there are so many tiles.
        unsafe {
            if tiles == TILES {
                some_tiles::<V, TILES>(weights, epilogue, input, output, live);
            } else if tiles == 2 {
                some_tiles::<V, 2>(weights, epilogue, input, output, live);
            } else {
                some_tiles::<V, 1>(weights, epilogue, input, output, live);
            }
        }
        first += tiles;
    }
}

/// All strips on `TILES` tiles.
///
/// # Safety
/// As [`multiply`].
#[inline(always)]
unsafe fn some_tiles<V: Lanes, const TILES: usize>(
    weights: &Strips,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
) {
    live.fill(0);
    let strips = weights.strips();
    for (s, strip) in strips.iter().enumerate() {
        if let Some(next) = strips.get(s + 1) {
            // The rows of a strip lie anywhere in the tile, where no hardware foresees them.
            for &i in weights.inputs_of(next) {
                for tile in 0..TILES {
                    V::prefetch(input.as_ptr().wrapping_add(tile * weights.inputs() + i as usize));
                }
            }
        }
        // SAFETY: the caller's contract is this function's.
        unsafe {
            match weights.values() {
                Values::Equal(value) => {
                    let value = V::splat(*value);
                    any_width::<V, TILES>(weights, strip, epilogue, input, output, live, |_| value);
                }
                Values::Each(values) => {
                    let values = weights.values_of(strip, values);
                    // The weights of a strip are as many as its inputs times its outputs.
                    let weight = |k: usize| V::splat(*values.get_unchecked(k));
                    any_width::<V, TILES>(weights, strip, epilogue, input, output, live, weight);
                }
            }
        }
    }
}

/// One strip on `TILES` tiles; `weight(k · width + r)` is that of its `k`-th input and `r`-th output.
///
/// # Safety
/// The processor has the instruction set of `V`; `input` and `output` have as many rows for each tile as
/// `weights` has inputs and outputs, `live` has a mask for each; the strip has one or two outputs.
#[inline(always)]
unsafe fn any_width<V: Lanes, const TILES: usize>(
    weights: &Strips,
    strip: &Strip,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
    weight: impl Fn(usize) -> V,
) {
    // SAFETY: the caller's contract is this function's.
    unsafe {
        match weights.outputs_of(strip).len() {
            2 => one_strip::<V, 2, TILES>(weights, strip, epilogue, input, output, live, weight),
            _ => one_strip::<V, 1, TILES>(weights, strip, epilogue, input, output, live, weight),
        }
    }
}

/// A strip of `WIDTH` outputs on `TILES` tiles.
///
/// # Safety
/// As [`any_width`]; `strip` has `WIDTH` outputs.
#[inline(always)]
unsafe fn one_strip<V: Lanes, const WIDTH: usize, const TILES: usize>(
    weights: &Strips,
    strip: &Strip,
    epilogue: &Epilogue,
    input: &[LaneRow],
    output: &mut [LaneRow],
    live: &mut [LaneMask],
    weight: impl Fn(usize) -> V,
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    // SAFETY: indices of `weights` are below its inputs and outputs, to which the caller matched the
    // slices.
    unsafe {
        let mut sums = [[V::splat(0.0); TILES]; WIDTH];
        for (k, &i) in weights.inputs_of(strip).iter().enumerate() {
            let y: [V; TILES] =
                std::array::from_fn(|t| V::load(input.get_unchecked(t * inputs + i as usize)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let weight = weight(k * WIDTH + r);
                for (y, sum) in y.iter().zip(sums) {
                    *sum = y.mul_add(weight, *sum);
                }
            }
        }
        let (low, high) = (V::splat(epilogue.low), V::splat(epilogue.high));
        for (sums, &j) in sums.into_iter().zip(weights.outputs_of(strip)) {
            let j = j as usize;
            let bias = V::splat(*epilogue.bias.get_unchecked(j));
            for (t, sum) in sums.into_iter().enumerate() {
                let y = sum.add(bias).clamp(low, high);
                y.store(output.get_unchecked_mut(t * outputs + j));
                *live.get_unchecked_mut(t) |= y.nonzero();
            }
        }
    }
}
