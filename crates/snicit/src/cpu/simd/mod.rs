//! Sixteen float32 lanes on the vector registers of each instruction set.
//!
//! Kernels are written once, generic over [`Lanes`], and compiled once for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2Lanes;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512Lanes;
pub(super) use portable::PortableLanes;

use super::tile::{LANES, LaneMask, LaneRow};

/// Sixteen float32 values and the operations that the kernels need.
///
/// # Safety
/// Every function may use instructions that only some processors have. Whoever calls one must have made
/// sure, by run-time detection, that this processor has those of the implementing type, and must call it
/// from a function compiled with these target features, so that it is inlined.
pub(super) trait Lanes: Copy {
    /// How many accumulators, beside an operand or two, the registers hold.
    const ACCUMULATORS: usize;

    /// Asks for a row to be brought near; any address will do.
    fn prefetch(row: *const LaneRow);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(row: &LaneRow) -> Self;
    unsafe fn store(self, row: &mut LaneRow);
    /// Loads sixteen values that lie anywhere.
    unsafe fn load_values(values: &[f32; LANES]) -> Self;
    /// Stores sixteen values anywhere.
    unsafe fn store_values(self, values: &mut [f32; LANES]);
    /// Lane `i` of value `j` becomes lane `j` of value `i`.
    unsafe fn transpose(values: [Self; LANES]) -> [Self; LANES];
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    /// `self · factor + addend`; rounded once where the instruction set has a fused multiply-add.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The same for a single value, rounded in the same way.
    unsafe fn mul_add_scalar(value: f32, factor: f32, addend: f32) -> f32;
    /// `min(max(self, low), high)`.
    unsafe fn clamp(self, low: Self, high: Self) -> Self;
    /// Keeps the values whose magnitude is above `bound`, zeroes the others.
    unsafe fn keep_above(self, bound: Self) -> Self;
    /// Takes lane `i` from lane `from[i]` of `source` where `lanes` has bit `i`, else from `self`.
    unsafe fn insert(self, lanes: LaneMask, from: &[u32; LANES], source: Self) -> Self;
    /// Zeroes the lanes that are not in `lanes`.
    unsafe fn keep_lanes(self, lanes: LaneMask) -> Self;
    /// Which lanes are not zero.
    unsafe fn nonzero(self) -> LaneMask;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::InstructionSet;

    /// Every operation against its definition in scalar arithmetic.
    unsafe fn check<V: Lanes>() {
        let a = LaneRow(std::array::from_fn(|i| i as f32 * 0.5 - 3.0));
        let b = LaneRow(std::array::from_fn(|i| 2.0 - (i % 5) as f32));
        let scalar = |of: fn(f32, f32) -> f32| -> LaneRow {
            LaneRow(std::array::from_fn(|i| of(a.0[i], b.0[i])))
        };
        // SAFETY: the caller made sure that this processor has the instruction set.
        unsafe {
            let (x, y) = (V::load(&a), V::load(&b));
            let stored = |value: V| {
                let mut row = LaneRow::ZERO;
                value.store(&mut row);
                row
            };
            assert_eq!(stored(V::splat(1.5)), LaneRow([1.5; 16]));
            assert_eq!(stored(x.add(y)), scalar(|a, b| a + b));
            assert_eq!(stored(x.sub(y)), scalar(|a, b| a - b));
            assert_eq!(stored(x.mul_add(y, V::splat(0.25))), scalar(|a, b| a * b + 0.25));
            for ((a, b), fused) in a.0.iter().zip(b.0).zip(stored(x.mul_add(y, V::splat(1e-7))).0) {
                assert_eq!(V::mul_add_scalar(*a, b, 1e-7), fused);
            }
            let clamped = x.clamp(V::splat(-1.0), V::splat(2.0));
            assert_eq!(stored(clamped), scalar(|a, _| a.clamp(-1.0, 2.0)));
            let kept = x.keep_above(V::splat(1.0));
            assert_eq!(stored(kept), scalar(|a, _| if a.abs() > 1.0 { a } else { 0.0 }));
            assert_eq!(x.nonzero(), !(1 << 6));
            let from: [u32; LANES] = std::array::from_fn(|i| (i as u32 * 7 + 3) % 16);
            let inserted = std::array::from_fn(|i| {
                if 0b1010_0110_0000_1111 >> i & 1 == 1 { b.0[from[i] as usize] } else { a.0[i] }
            });
            assert_eq!(stored(x.insert(0b1010_0110_0000_1111, &from, y)), LaneRow(inserted));
            let square: [LaneRow; LANES] =
                std::array::from_fn(|j| LaneRow(std::array::from_fn(|i| (100 * j + i) as f32)));
            let transposed = V::transpose(square.map(|row| V::load_values(&row.0)));
            for (i, value) in transposed.into_iter().enumerate() {
                let mut values = [0.0; LANES];
                value.store_values(&mut values);
                assert_eq!(values, std::array::from_fn(|j| square[j].0[i]));
            }
            let kept = std::array::from_fn(|i| if i == 0 || i == 15 { a.0[i] } else { 0.0 });
            assert_eq!(stored(x.keep_lanes(0x8001)), LaneRow(kept));
        }
    }

    #[test]
    fn operations_do_what_they_say() {
        // SAFETY: needs nothing of the processor.
        unsafe { check::<PortableLanes>() };
        #[cfg(target_arch = "x86_64")]
        {
            if InstructionSet::Avx2.is_available() {
                // SAFETY: just detected.
                unsafe { check::<Avx2Lanes>() };
            }
            if InstructionSet::Avx512.is_available() {
                // SAFETY: just detected.
                unsafe { check::<Avx512Lanes>() };
            }
        }
    }
}
