// What the kernels of the dense product share: layers, arguments, and how activations come in.
#pragma once
#include "async_copies.cuh"
#include "columns.cuh"
#include "tensor_cores.cuh"

struct DenseLayer {
    u64 weights;  // bytes from `base`: chunks, each pairs of tiles of outputs; see layout/dense.rs
    u64 rows;     // bytes from `base`: bias and inverse scale of the weights, one pair an output
    u32 inputs;
    u32 outputs;
    u32 parts;    // of a weight: 1 or 2
    float low, high;
    float scale;  // of the activations behind it; 0 if each column has its own
};

enum Source : u32 { INPUT_MAJOR, NEURON_MAJOR, BITS };

struct DenseArguments {
    const u8* base;
    const DenseLayer* layers;
    u32 layer_count;
    u32 plain;         // 1: neither bias nor bounds
    u32 source;        // how `rows.from` lies
    u32 narrow;        // 1: no layer has more than 128 outputs
    u32 largest_tile;  // columns that shared memory allows
    float input_scale; // as `scale`, of what comes in
    RowsArguments rows;
};

constexpr u32 MAX_LAYERS = 32;
constexpr u32 CHUNK = 32; // inputs
constexpr u32 THREADS = 256;
constexpr u32 MAX_ROWS = 256; // outputs whose weights lie together

#if __CUDA_ARCH__ >= 800

// Which of a chunk's 32 neurons lane `l` of step `step` has as its operand `s`.
__device__ __forceinline__ u32 neuron_of(u32 step, u32 l, u32 s) {
    return s / 2 * 16 + s % 2 * 8 + step * 4 + l % 4;
}

// Four activations of a column as operands.
__device__ __forceinline__ uint4 operands(const float (&y)[4], float scale) {
    uint4 v;
    split_halves(y[0] * scale, y[1] * scale, v.x, v.z);
    split_halves(y[2] * scale, y[3] * scale, v.y, v.w);
    return v;
}

// Bytes of weights before those of output `row`, the first of its block.
__device__ __forceinline__ u64 weights_before(const DenseLayer& layer, u32 row) {
    return u64(row) * CHUNK * 2 * layer.parts * ((layer.inputs + CHUNK - 1) / CHUNK);
}

// Outputs of the block that begins with `row`, up to whole pairs of tiles.
__device__ __forceinline__ u32 rows_from(const DenseLayer& layer, u32 row) {
    return min(MAX_ROWS, (layer.outputs - row + 31) / 32 * 32);
}

// Where column `j` begins in what comes in; for bits its slot.
__device__ __forceinline__ u64 find_column(const RowsArguments& a, u32 source, u32 j, u32 count) {
    const u32 slot = j < count ? slot_of(a.slots, j) : 0;
    return source == INPUT_MAJOR    ? u64(slot) * a.neurons_in
           : source == NEURON_MAJOR ? panel_offset(slot, a.neurons_in)
                                    : slot;
}

// The four activations of a column that lane `l` has in step `step` of a chunk; 0 where there is none.
__device__ __forceinline__ void read_column(const RowsArguments& a, u32 source, u64 offset, bool exists, u32 chunk,
                                            u32 step, u32 l, float (&y)[4]) {
    const u32 limit = exists ? a.neurons_in : 0;
    const u32 neuron = chunk * CHUNK + neuron_of(step, l, 0);
    if (source == BITS) {
#pragma unroll
        for (u32 s = 0; s < 4; ++s) {
            const u32 row = neuron + neuron_of(0, 0, s);
            y[s] = row < limit ? bit_rows(a).at(u32(offset), row) : 0;
        }
        return;
    }
    const u32 stride = source == INPUT_MAJOR ? 1 : PANEL;
    const float* from = static_cast<const float*>(a.from) + offset + u64(neuron) * stride;
#pragma unroll
    for (u32 s = 0; s < 4; ++s) {
        const u32 over = neuron_of(0, 0, s);
        y[s] = neuron + over < limit ? from[over * stride] : 0;
    }
}

__device__ __forceinline__ float largest_of(const float (&y)[4], float most) {
#pragma unroll
    for (u32 s = 0; s < 4; ++s) most = fmaxf(most, fabsf(y[s]));
    return most;
}

#endif
