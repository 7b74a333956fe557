// What the neuron-major kernels of XY-2021 read and write.
#pragma once
#include "common.cuh"

// A layer's input, as float32 or, before the first layer, as bits.
struct FloatRows {
    const float* values;
    u64 stride;
    __device__ __forceinline__ float at(u32 row, u32 slot) const { return values[row * stride + slot]; }
};

struct BitRows {
    const u32* words; // column j of row i is bit j % 32 of word i * stride + j / 32
    u64 stride;
    __device__ __forceinline__ float at(u32 row, u32 slot) const {
        return float(words[row * stride + slot / 32] >> (slot % 32) & 1);
    }
};

struct RowsArguments {
    const void* from;
    u64 bit_stride;    // words a row if `from` are bits
    const u32* stored; // columns stored in `from`
    const u32* slots;
    const u32* count;
    float* to;         // column j goes to slot j of *count
    LiveMarks marks;   // no marks are made if flags is null
};

__device__ __forceinline__ FloatRows float_rows(const RowsArguments& a) {
    return {static_cast<const float*>(a.from), row_stride(*a.stored)};
}

__device__ __forceinline__ BitRows bit_rows(const RowsArguments& a) {
    return {static_cast<const u32*>(a.from), a.bit_stride};
}
