// Products on the matrix units in float32's precision: a float32 is the exact sum of three bf16 numbers,
// its upper, middle and lower eight bits of mantissa. Where the weights are bf16 numbers, three products give
// all of activation times weight; else six do, and what is left out is below 2^-24 of the product. Sums are
// float32, but cut off rather than rounded.
#pragma once
#include "common.cuh"

constexpr u32 ACTIVATION_PARTS = 3;

// The upper halves of two float32 as a pair of bf16, the first in the lower half.
__device__ __forceinline__ u32 upper_halves(float first, float second) {
    return __byte_perm(__float_as_uint(first), __float_as_uint(second), 0x7632);
}

__device__ __forceinline__ float upper_part(float x) { return __uint_as_float(__float_as_uint(x) & 0xffff0000u); }

// Splits two values into pairs of bf16, the largest part first.
__device__ __forceinline__ void split(float x, float y, u32 (&parts)[ACTIVATION_PARTS]) {
    parts[0] = upper_halves(x, y);
    x -= upper_part(x);
    y -= upper_part(y);
    parts[1] = upper_halves(x, y);
    x -= upper_part(x);
    y -= upper_part(y);
    parts[2] = upper_halves(x, y);
}

// result = a * b + sums: a is 16 x 16 by rows, b 16 x 8 by columns, both bf16.
__device__ __forceinline__ void multiply_add(float (&result)[4], const u32 (&a)[4], u32 b0, u32 b1,
                                             const float (&sums)[4]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
        : "=f"(result[0]), "=f"(result[1]), "=f"(result[2]), "=f"(result[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(sums[0]), "f"(sums[1]), "f"(sums[2]),
          "f"(sums[3]));
#else
    __trap(); // not chosen for such devices
#endif
}

__device__ __forceinline__ void multiply_add(float (&sums)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    multiply_add(sums, a, b0, b1, sums);
}
