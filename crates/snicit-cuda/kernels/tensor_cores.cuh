// Products on tensor cores, whose sums are float32, but cut off rather than rounded, sixteen products at a time. What
// they multiply is shorter than float32, so a number goes in parts, whose products are added up:
//   bf16     8 bits of mantissa. Activations in three parts, which are exact; weights in one where that is exact, else
//            in three. For mini-blocks, in float32's precision.
//   halves   11 bits, and a narrow range of exponents: numbers are multiplied by a power of two that fills it.
//            Activations in two parts, the nearest half and the rest; weights in one where that is exact, else in two.
//            For the dense product: it loses at most 2^-23 of each activation, or 2^-40 of the largest of its column,
//            and, with two parts of the weights, 2^-21 of each product.
#pragma once
#include "common.cuh"

// ---- Instructions

enum Numbers : u32 { BF16, HALVES };

// sums += a * b: a is 16 x 16 by rows, b 16 x 8 by columns.
template <Numbers NUMBERS>
__device__ __forceinline__ void multiply_add(float (&sums)[4], const uint4& a, u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
#define MULTIPLY_ADD(numbers)                                                       \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." numbers "." numbers ".f32 "        \
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                     \
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                \
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1))
    if constexpr (NUMBERS == BF16) MULTIPLY_ADD("bf16");
    else MULTIPLY_ADD("f16");
#undef MULTIPLY_ADD
#else
    __trap(); // not chosen for such devices
#endif
}

#if __CUDA_ARCH__ >= 800

// Four matrices of 8 by 8 halves from shared memory, of which a lane gives the address of a line each and gets a word
// each.
__device__ __forceinline__ uint4 load_matrices(const uint4* line) {
    uint4 r;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w)
                 : "r"(u32(__cvta_generic_to_shared(line))));
    return r;
}

#endif

// ---- bf16

// A float32 is the exact sum of three: its upper, middle and lower eight bits of mantissa.
constexpr int BF16_PARTS = 3;

// The upper halves of two float32 as a pair of bf16, the first in the lower half.
__device__ __forceinline__ u32 upper_halves(float first, float second) {
    return __byte_perm(__float_as_uint(first), __float_as_uint(second), 0x7632);
}

__device__ __forceinline__ float upper_part(float x) { return __uint_as_float(__float_as_uint(x) & 0xffff0000u); }

// Splits two numbers into pairs of bf16, the largest part first.
__device__ __forceinline__ void split_bf16(float x, float y, u32 (&parts)[BF16_PARTS]) {
    parts[0] = upper_halves(x, y);
    x -= upper_part(x);
    y -= upper_part(y);
    parts[1] = upper_halves(x, y);
    x -= upper_part(x);
    y -= upper_part(y);
    parts[2] = upper_halves(x, y);
}

// Calls `multiply` with each part of an activation and of a weight whose product counts; what is left out is below
// 2^-24 of the whole product. Small products first: less is cut off.
template <int WEIGHT_PARTS, class Multiply>
__device__ __forceinline__ void multiply_parts(const Multiply& multiply) {
#pragma unroll
    for (int part = BF16_PARTS - 1; part >= 0; --part) {
#pragma unroll
        for (int of_weight = WEIGHT_PARTS - 1; of_weight >= 0; --of_weight) {
            if (part + of_weight < BF16_PARTS) multiply(part, of_weight);
        }
    }
}

// What a lane needs of the weights of a step, sixteen inputs of a block; see mini_blocks/matrices.rs.
template <int PARTS>
__device__ __forceinline__ void load_weights(const void* weights, u32 step, uint4 (&parts)[PARTS]) {
#pragma unroll
    for (int part = 0; part < PARTS; ++part) {
        parts[part] = static_cast<const uint4*>(weights)[(u64(step) * PARTS + part) * WARP + lane_id()];
    }
}

// ---- Halves

#if __CUDA_ARCH__ >= 800

// Two numbers, the first in the lower half: the nearest halves, and those nearest to the rests.
__device__ __forceinline__ void split_halves(float x0, float x1, u32& high, u32& rest) {
    float y0, y1;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(high) : "f"(x1), "f"(x0));
    asm("{ .reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h; }"
        : "=f"(y0), "=f"(y1)
        : "r"(high));
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(rest) : "f"(x1 - y1), "f"(x0 - y0));
}

constexpr int TOP = 14; // scaled numbers are below 2^(TOP + 1)

// The power of two that brings numbers up to `largest` (its bits) below 2^(TOP + 1), and its inverse.
__device__ __forceinline__ float scale_for(u32 largest) {
    return __uint_as_float((254 + TOP - max(largest >> 23, 20u)) << 23);
}
__device__ __forceinline__ float inverse(float power_of_two) {
    return __uint_as_float((254u << 23) - __float_as_uint(power_of_two));
}

#endif
