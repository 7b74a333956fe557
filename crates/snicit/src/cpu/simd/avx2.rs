use std::arch::x86_64::*;

use super::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow};

/// Lanes on two 256-bit registers; needs AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx2Lanes(__m256, __m256);

// The safety contract of every function is the trait's: the processor has AVX2 and FMA.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Lanes for Avx2Lanes {
    // Sixteen registers: two an accumulator, some left for the operands.
    const ACCUMULATORS: usize = 4;

    #[inline(always)]
    fn prefetch(row: *const LaneRow) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        let half = unsafe { _mm256_set1_ps(value) };
        Avx2Lanes(half, half)
    }

    #[inline(always)]
    unsafe fn load(row: &LaneRow) -> Self {
        let values = row.0.as_ptr();
        unsafe { Avx2Lanes(_mm256_load_ps(values), _mm256_load_ps(values.add(8))) }
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut LaneRow) {
        let values = row.0.as_mut_ptr();
        unsafe {
            _mm256_store_ps(values, self.0);
            _mm256_store_ps(values.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn load_values(values: &[f32; LANES]) -> Self {
        let values = values.as_ptr();
        unsafe { Avx2Lanes(_mm256_loadu_ps(values), _mm256_loadu_ps(values.add(8))) }
    }

    #[inline(always)]
    unsafe fn store_values(self, values: &mut [f32; LANES]) {
        let values = values.as_mut_ptr();
        unsafe {
            _mm256_storeu_ps(values, self.0);
            _mm256_storeu_ps(values.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn transpose(values: [Self; LANES]) -> [Self; LANES] {
        // Four squares of eight; those off the diagonal change places.
        unsafe {
            let top_left = transpose_eight(std::array::from_fn(|i| values[i].0));
            let top_right = transpose_eight(std::array::from_fn(|i| values[i].1));
            let bottom_left = transpose_eight(std::array::from_fn(|i| values[8 + i].0));
            let bottom_right = transpose_eight(std::array::from_fn(|i| values[8 + i].1));
            std::array::from_fn(|i| {
                if i < 8 {
                    Avx2Lanes(top_left[i], bottom_left[i])
                } else {
                    Avx2Lanes(top_right[i - 8], bottom_right[i - 8])
                }
            })
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Avx2Lanes(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { Avx2Lanes(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe {
            Avx2Lanes(
                _mm256_fmadd_ps(self.0, factor.0, addend.0),
                _mm256_fmadd_ps(self.1, factor.1, addend.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn mul_add_scalar(value: f32, factor: f32, addend: f32) -> f32 {
        value.mul_add(factor, addend)
    }

    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        unsafe {
            Avx2Lanes(
                _mm256_min_ps(_mm256_max_ps(self.0, low.0), high.0),
                _mm256_min_ps(_mm256_max_ps(self.1, low.1), high.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn keep_above(self, bound: Self) -> Self {
        let half = |value, bound| unsafe {
            let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), value);
            _mm256_and_ps(value, _mm256_cmp_ps::<_CMP_GT_OQ>(magnitude, bound))
        };
        Avx2Lanes(half(self.0, bound.0), half(self.1, bound.1))
    }

    #[inline(always)]
    unsafe fn insert(self, lanes: LaneMask, from: &[u32; LANES], source: Self) -> Self {
        let (first, second) = from.split_at(8);
        let half = |kept, lanes: LaneMask, from: &[u32]| unsafe {
            let from = _mm256_loadu_si256(from.as_ptr().cast());
            // The permutation looks at three bits of an index; the fourth says which half.
            let low = _mm256_permutevar8x32_ps(source.0, from);
            let high = _mm256_permutevar8x32_ps(source.1, from);
            let is_high = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(from));
            _mm256_blendv_ps(kept, _mm256_blendv_ps(low, high, is_high), expand(lanes))
        };
        Avx2Lanes(half(self.0, lanes, first), half(self.1, lanes >> 8, second))
    }

    #[inline(always)]
    unsafe fn keep_lanes(self, lanes: LaneMask) -> Self {
        unsafe {
            let (low, high) = (expand(lanes), expand(lanes >> 8));
            Avx2Lanes(_mm256_and_ps(self.0, low), _mm256_and_ps(self.1, high))
        }
    }

    #[inline(always)]
    unsafe fn nonzero(self) -> LaneMask {
        let half = |value| unsafe {
            let nonzero = _mm256_cmp_ps::<_CMP_NEQ_UQ>(value, _mm256_setzero_ps());
            _mm256_movemask_ps(nonzero) as LaneMask
        };
        half(self.0) | half(self.1) << 8
    }
}

/// All ones in the lanes that are set in the lower eight bits of `lanes`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks)]
unsafe fn expand(lanes: LaneMask) -> __m256 {
    unsafe {
        let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let set = _mm256_and_si256(_mm256_set1_epi32(i32::from(lanes)), bits);
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bits))
    }
}

/// Transposes eight values of eight lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn transpose_eight(values: [__m256; 8]) -> [__m256; 8] {
    // SAFETY: the caller's contract is this function's.
    unsafe {
        // Pairs of values, then fours, within each half of a register.
        let pairs: [__m256d; 8] = std::array::from_fn(|i| {
            let (a, b) = (values[i & !1], values[i | 1]);
            let pair = if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) };
            _mm256_castps_pd(pair)
        });
        let fours: [__m256; 8] = std::array::from_fn(|i| {
            let first = i / 4 * 4 + i % 4 / 2;
            let (a, b) = (pairs[first], pairs[first + 2]);
            let four = if i % 2 == 0 { _mm256_unpacklo_pd(a, b) } else { _mm256_unpackhi_pd(a, b) };
            _mm256_castpd_ps(four)
        });
        std::array::from_fn(|i| {
            let (a, b) = (fours[i % 4], fours[4 + i % 4]);
            if i < 4 {
                _mm256_permute2f128_ps::<0x20>(a, b)
            } else {
                _mm256_permute2f128_ps::<0x31>(a, b)
            }
        })
    }
}
