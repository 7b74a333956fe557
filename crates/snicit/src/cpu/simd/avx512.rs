use std::arch::x86_64::*;

use super::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow};

/// Lanes on one 512-bit register; needs AVX-512F.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx512Lanes(__m512);

// The safety contract of every function is the trait's: the processor has AVX-512F.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Lanes for Avx512Lanes {
    // Thirty-two registers, and weights are operands from memory.
    const ACCUMULATORS: usize = 16;

    #[inline(always)]
    fn prefetch(row: *const LaneRow) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Avx512Lanes(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(row: &LaneRow) -> Self {
        unsafe { Avx512Lanes(_mm512_load_ps(row.0.as_ptr())) }
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut LaneRow) {
        unsafe { _mm512_store_ps(row.0.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    unsafe fn load_values(values: &[f32; LANES]) -> Self {
        unsafe { Avx512Lanes(_mm512_loadu_ps(values.as_ptr())) }
    }

    #[inline(always)]
    unsafe fn store_values(self, values: &mut [f32; LANES]) {
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    unsafe fn transpose(values: [Self; LANES]) -> [Self; LANES] {
        unsafe {
            // Pairs of values, then fours, within each quarter of a register.
            let pairs: [__m512d; LANES] = std::array::from_fn(|i| {
                let (a, b) = (values[i & !1].0, values[i | 1].0);
                let pair = if i % 2 == 0 { _mm512_unpacklo_ps(a, b) } else { _mm512_unpackhi_ps(a, b) };
                _mm512_castps_pd(pair)
            });
            let fours: [__m512; LANES] = std::array::from_fn(|i| {
                let first = i / 4 * 4 + i % 4 / 2;
                let (a, b) = (pairs[first], pairs[first + 2]);
                let four = if i % 2 == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) };
                _mm512_castpd_ps(four)
            });
            // Quarter `q` of `fours[4 · g + r]` holds lane `4 · q + r` of the values of group `g`.
            const EVEN: i32 = 0b10_00_10_00;
            const ODD: i32 = 0b11_01_11_01;
            let mut transposed = [values[0]; LANES];
            for r in 0..4 {
                let [a, b, c, d] = [fours[r], fours[4 + r], fours[8 + r], fours[12 + r]];
                let even = (_mm512_shuffle_f32x4::<EVEN>(a, b), _mm512_shuffle_f32x4::<EVEN>(c, d));
                let odd = (_mm512_shuffle_f32x4::<ODD>(a, b), _mm512_shuffle_f32x4::<ODD>(c, d));
                transposed[r] = Avx512Lanes(_mm512_shuffle_f32x4::<EVEN>(even.0, even.1));
                transposed[4 + r] = Avx512Lanes(_mm512_shuffle_f32x4::<EVEN>(odd.0, odd.1));
                transposed[8 + r] = Avx512Lanes(_mm512_shuffle_f32x4::<ODD>(even.0, even.1));
                transposed[12 + r] = Avx512Lanes(_mm512_shuffle_f32x4::<ODD>(odd.0, odd.1));
            }
            transposed
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Avx512Lanes(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { Avx512Lanes(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Avx512Lanes(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn mul_add_scalar(value: f32, factor: f32, addend: f32) -> f32 {
        value.mul_add(factor, addend)
    }

    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        unsafe { Avx512Lanes(_mm512_min_ps(_mm512_max_ps(self.0, low.0), high.0)) }
    }

    #[inline(always)]
    unsafe fn keep_above(self, bound: Self) -> Self {
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(_mm512_abs_ps(self.0), bound.0);
            Avx512Lanes(_mm512_maskz_mov_ps(above, self.0))
        }
    }

    #[inline(always)]
    unsafe fn insert(self, lanes: LaneMask, from: &[u32; LANES], source: Self) -> Self {
        unsafe {
            let from = _mm512_loadu_epi32(from.as_ptr().cast());
            Avx512Lanes(_mm512_mask_permutexvar_ps(self.0, lanes, from, source.0))
        }
    }

    #[inline(always)]
    unsafe fn keep_lanes(self, lanes: LaneMask) -> Self {
        unsafe { Avx512Lanes(_mm512_maskz_mov_ps(lanes, self.0)) }
    }

    #[inline(always)]
    unsafe fn nonzero(self) -> LaneMask {
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps()) }
    }
}
