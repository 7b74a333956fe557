// What the neuron-major kernels of XY-2021 read and write.
#pragma once
#include "common.cuh"

// A layer's input, as float32 or, before the first layer, as bits. A column is found once by its slot and
// then read neuron by neuron.
struct FloatRows {
    const float* values;
    u32 neurons;

    typedef const float* Column;
    __device__ __forceinline__ Column column(u32 slot) const { return values + panel_offset(slot, neurons); }
    __device__ __forceinline__ float at(Column column, u32 row) const { return column[u64(row) * PANEL]; }
};

// The same of columns that are input-major.
struct FloatColumns {
    const float* values;
    u32 neurons;

    typedef const float* Column;
    __device__ __forceinline__ Column column(u32 slot) const { return values + u64(slot) * neurons; }
    __device__ __forceinline__ float at(Column column, u32 row) const { return column[row]; }
};

struct BitRows {
    const u32* words; // column j of row i is bit j % 32 of word i * stride + j / 32
    u64 stride;

    typedef u32 Column;
    __device__ __forceinline__ Column column(u32 slot) const { return slot; }
    __device__ __forceinline__ float at(Column slot, u32 row) const {
        return float(words[row * stride + slot / 32] >> (slot % 32) & 1);
    }
};

struct RowsArguments {
    const void* from;
    u64 bit_stride;  // words a row if `from` are bits
    const u32* slots;
    const u32* count;
    float* to;       // column j goes to slot j
    u32 neurons_in;
    u32 neurons_out;
    LiveMarks marks; // no marks are made if flags is null
};

__device__ __forceinline__ FloatRows float_rows(const RowsArguments& a) {
    return {static_cast<const float*>(a.from), a.neurons_in};
}

__device__ __forceinline__ FloatColumns float_columns(const RowsArguments& a) {
    return {static_cast<const float*>(a.from), a.neurons_in};
}

__device__ __forceinline__ BitRows bit_rows(const RowsArguments& a) {
    return {static_cast<const u32*>(a.from), a.bit_stride};
}
