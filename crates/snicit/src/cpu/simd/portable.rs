use super::Lanes;
use crate::cpu::tile::{LANES, LaneMask, LaneRow};

/// Lanes in plain Rust, for any processor; the compiler vectorises them with what the target has.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct PortableLanes([f32; LANES]);

impl PortableLanes {
    #[inline(always)]
    fn map2(self, other: Self, of: impl Fn(f32, f32) -> f32) -> Self {
        PortableLanes(std::array::from_fn(|i| of(self.0[i], other.0[i])))
    }
}

impl Lanes for PortableLanes {
    const ACCUMULATORS: usize = 2;

    #[inline(always)]
    fn prefetch(_row: *const LaneRow) {}

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        PortableLanes([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(row: &LaneRow) -> Self {
        PortableLanes(row.0)
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut LaneRow) {
        row.0 = self.0;
    }

    #[inline(always)]
    unsafe fn load_values(values: &[f32; LANES]) -> Self {
        PortableLanes(*values)
    }

    #[inline(always)]
    unsafe fn store_values(self, values: &mut [f32; LANES]) {
        *values = self.0;
    }

    #[inline(always)]
    unsafe fn transpose(values: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|i| PortableLanes(std::array::from_fn(|j| values[j].0[i])))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.map2(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.map2(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not `f32::mul_add`: without a fused instruction that is a slow library call.
        PortableLanes(std::array::from_fn(|i| self.0[i] * factor.0[i] + addend.0[i]))
    }

    #[inline(always)]
    unsafe fn mul_add_scalar(value: f32, factor: f32, addend: f32) -> f32 {
        value * factor + addend
    }

    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        self.map2(low, f32::max).map2(high, f32::min)
    }

    #[inline(always)]
    unsafe fn keep_above(self, bound: Self) -> Self {
        self.map2(bound, |a, bound| if a.abs() > bound { a } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn insert(self, lanes: LaneMask, from: &[u32; LANES], source: Self) -> Self {
        let lane = |i: usize| {
            if lanes >> i & 1 == 1 { source.0[from[i] as usize % LANES] } else { self.0[i] }
        };
        PortableLanes(std::array::from_fn(lane))
    }

    #[inline(always)]
    unsafe fn keep_lanes(self, lanes: LaneMask) -> Self {
        let lane = |i: usize| if lanes >> i & 1 == 1 { self.0[i] } else { 0.0 };
        PortableLanes(std::array::from_fn(lane))
    }

    #[inline(always)]
    unsafe fn nonzero(self) -> LaneMask {
        self.0.iter().enumerate().fold(0, |mask, (i, &a)| mask | LaneMask::from(a != 0.0) << i)
    }
}
