// What the dense product does with tensor cores: the instructions, and numbers in halves.
//
// Tensor cores multiply 11-bit numbers (half precision) and add in float32. A float32 activation therefore
// goes in two parts, the nearest half and the rest, times a power of two that fills the range of halves; a
// weight in one part where that is exact, else in two. What is lost is at most 2^-23 of each activation, or
// 2^-40 of the largest of its column, and, with two parts, 2^-21 of each product; sums are cut, not rounded,
// sixteen products at a time.
#pragma once
#include "columns.cuh"

constexpr int TOP = 14; // scaled numbers are below 2^(TOP + 1)

#if __CUDA_ARCH__ >= 800

// acc += A * B
__device__ __forceinline__ void multiply(float (&acc)[4], const uint4& a, u32 b0, u32 b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

// Four matrices of 8 by 8 halves from shared memory, of which a lane gives the address of a line each and gets a word
// each.
__device__ __forceinline__ uint4 load_matrices(const uint4* line) {
    uint4 r;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w)
                 : "r"(u32(__cvta_generic_to_shared(line))));
    return r;
}

__device__ __forceinline__ void copy_later(void* to, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(u32(__cvta_generic_to_shared(to))), "l"(from)
                 : "memory");
}

__device__ __forceinline__ void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int LATER>
__device__ __forceinline__ void await_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(LATER) : "memory");
}

// Two numbers, the first in the lower half: the nearest halves, and those nearest to the rests.
__device__ __forceinline__ void split(float x0, float x1, u32& high, u32& rest) {
    float y0, y1;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(high) : "f"(x1), "f"(x0));
    asm("{ .reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h; }"
        : "=f"(y0), "=f"(y1)
        : "r"(high));
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(rest) : "f"(x1 - y1), "f"(x0 - y0));
}

// Four activations of a column as operands.
__device__ __forceinline__ uint4 operands(const float (&y)[4], float scale) {
    uint4 v;
    split(y[0] * scale, y[1] * scale, v.x, v.z);
    split(y[2] * scale, y[3] * scale, v.y, v.w);
    return v;
}

// Which of a chunk's 32 neurons lane `l` of step `step` has as its operand `s`.
__device__ __forceinline__ u32 neuron_of(u32 step, u32 l, u32 s) {
    return s / 2 * 16 + s % 2 * 8 + step * 4 + l % 4;
}

// Where lane `l` has its operands: shuffled so that neither reading nor writing meets in a bank.
__device__ __forceinline__ u32 place_of(u32 l) { return l ^ (l >> 3 << 1); }

// The power of two that brings numbers up to `largest` (its bits) below 2^(TOP + 1), and its inverse.
__device__ __forceinline__ float scale_for(u32 largest) {
    return __uint_as_float((254 + TOP - max(largest >> 23, 20u)) << 23);
}
__device__ __forceinline__ float inverse(float power_of_two) {
    return __uint_as_float((254u << 23) - __float_as_uint(power_of_two));
}

#endif
