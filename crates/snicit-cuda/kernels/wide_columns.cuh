// What the tiles of the dense product of a layer with many outputs share: arguments, how operands lie, and what is
// done with sums.
#pragma once
#include "dense_columns.cuh"

struct WideArguments {
    const u8* base;
    const DenseLayer* layer;
    const uint4* operands; // of columns; see wide_dense.cu
    const float* unscales; // inverse scales of columns
    u32 plain;             // 1: neither bias nor bounds
    u32 at_least;          // with fewer columns, another kernel does the work
    RowsArguments rows;
};

// Weights and activations lie as matrices of 8 by 8 halves, 8 of 16 bytes each, of an output or column. Of a chunk,
// 8 outputs have four (two steps, of each the first 8 inputs and the others), 8 columns eight (two steps, of each the
// halves and the rests).
constexpr u32 MATRIX = 8;              // pieces of 16 bytes
constexpr u32 LINES = 4 * MATRIX;      // of 8 outputs
constexpr u32 OPERANDS = 8 * MATRIX;   // of a tile of 8 columns
constexpr u32 TOGETHER = 32;           // tiles of columns whose operands of a chunk lie together

extern __shared__ uint4 shared_memory[];

#if __CUDA_ARCH__ >= 800

// Where the operands of a tile of columns begin; those of its next chunk follow TOGETHER * OPERANDS behind.
__device__ __forceinline__ u64 operands_of(u32 tile, u32 chunks) {
    return (u64(tile / TOGETHER) * chunks * TOGETHER + tile % TOGETHER) * OPERANDS;
}

// Sums to activations: of an output's row and a column.
struct WideRow {
    float bias, unscale;

    __device__ __forceinline__ WideRow(const WideArguments& a, const DenseLayer& layer, u32 output) {
        const float2 row = reinterpret_cast<const float2*>(a.base + layer.rows)[output];
        bias = a.plain ? 0 : row.x;
        unscale = row.y;
    }
};

struct WideBounds {
    float low, high;

    __device__ __forceinline__ WideBounds(const WideArguments& a, const DenseLayer& layer)
        : low(a.plain ? -__int_as_float(0x7f800000) : layer.low),
          high(a.plain ? __int_as_float(0x7f800000) : layer.high) {}

    __device__ __forceinline__ void lift() {
        low = -__int_as_float(0x7f800000);
        high = __int_as_float(0x7f800000);
    }
};

// Adds the products of 16 outputs by 8 NT columns: of the weights' first parts with both parts of the activations, and
// of their second parts, if they have them, with the first.
template <u32 NT>
__device__ __forceinline__ void multiply_tiles(float (&acc)[NT][4], const uint4& high, const uint4& rest,
                                               bool two_parts, const uint4 (&columns)[NT]) {
#pragma unroll
    for (u32 n = 0; n < NT; ++n) multiply_add<HALVES>(acc[n], high, columns[n].x, columns[n].y);
#pragma unroll
    for (u32 n = 0; n < NT; ++n) multiply_add<HALVES>(acc[n], high, columns[n].z, columns[n].w);
    if (two_parts)
#pragma unroll
        for (u32 n = 0; n < NT; ++n) multiply_add<HALVES>(acc[n], rest, columns[n].x, columns[n].y);
}

// Sums of 16 outputs and 8 NT columns to activations in memory: of all inputs, or of a section of them. The first
// section begins sums in memory, and the last makes them activations.
template <u32 NT>
__device__ __forceinline__ void finish(const WideArguments& a, const DenseLayer& layer, const float (&acc)[NT][4],
                                       u32 row0, u32 column0, u32 count, bool begins, bool ends) {
    const u32 group = lane_id() / 4, first = column0 + lane_id() % 4 * 2;
    WideBounds bounds(a, layer);
    if (!ends) bounds.lift();
    u64 live = 0; // a bit a column of this lane
#pragma unroll
    for (u32 half = 0; half < 2; ++half) {
        const u32 output = row0 + half * 8 + group;
        if (output >= layer.outputs) continue;
        const WideRow row(a, layer, output);
#pragma unroll
        for (u32 n = 0; n < NT; ++n) {
            const u32 column = first + n * 8;
            if (column >= count) break;
            const float2 unscale = *reinterpret_cast<const float2*>(a.unscales + column);
            // A panel has room behind the last column.
            float2* to = reinterpret_cast<float2*>(a.rows.to + panel_offset(column, a.rows.neurons_out) +
                                                   u64(output) * PANEL);
            const float2 before = begins ? float2{row.bias, row.bias} : *to;
            const float2 y = {
                clamp(fmaf(acc[n][half * 2] * row.unscale, unscale.x, before.x), bounds.low, bounds.high),
                clamp(fmaf(acc[n][half * 2 + 1] * row.unscale, unscale.y, before.y), bounds.low, bounds.high)};
            *to = y;
            live |= u64(u32(y.x != 0) | u32(y.y != 0) << 1) << 2 * n;
        }
    }
    if (!ends || !a.rows.marks.flags) return;
    for (u32 step = 4; step < WARP; step *= 2) live |= __shfl_xor_sync(ALL_LANES, live, step);
    if (group != 0) return;
    for (u32 k = 0; k < 2 * NT; ++k) {
        const u32 column = first + k / 2 * 8 + k % 2;
        if ((live >> k & 1) && column < count) a.rows.marks.mark(column);
    }
}

#endif
