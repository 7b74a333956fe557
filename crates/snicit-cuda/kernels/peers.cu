// What the libraries that we are compared with need around their products. Their activations are dense
// matrices in one of two orders: by columns, value of neuron i of column j at j * neurons + i, or by rows, at
// i * columns + j. In the kernels a line is what is contiguous: a column or a row.
#include "common.cuh"

struct PeerEpilogueArguments {
    float* values;
    const float* bias; // one a neuron
    u32 lines;
    u32 length;        // of a line
    u32 by_rows;
    float low, high;
    u32* live;         // set to 1 for columns that are not all zero; null if nobody asks
};

// Bias and bounds of a layer, in place; a block takes pieces of lines.
extern "C" __global__ void peer_epilogue(PeerEpilogueArguments a) {
    constexpr u32 AHEAD = 4; // values on their way
    const u64 piece = u64(blockDim.x) * AHEAD * 4;
    const u64 pieces = (a.length + piece - 1) / piece;
    for (u64 item = blockIdx.x; item < pieces * a.lines; item += gridDim.x) {
        const u64 line = item / pieces, begin = item % pieces * piece;
        float* values = a.values + line * a.length;
        const float line_bias = a.by_rows ? a.bias[line] : 0.0f;
        bool any = false;
        if (a.length % 4 == 0) {
            float4 y[AHEAD];
#pragma unroll
            for (u32 t = 0; t < AHEAD; ++t) {
                const u64 k = begin + (u64(t) * blockDim.x + threadIdx.x) * 4;
                if (k < a.length) y[t] = *reinterpret_cast<const float4*>(values + k);
            }
#pragma unroll
            for (u32 t = 0; t < AHEAD; ++t) {
                const u64 k = begin + (u64(t) * blockDim.x + threadIdx.x) * 4;
                if (k >= a.length) continue;
                float4 bias = make_float4(line_bias, line_bias, line_bias, line_bias);
                if (!a.by_rows) bias = *reinterpret_cast<const float4*>(a.bias + k);
                y[t].x = clamp(y[t].x + bias.x, a.low, a.high);
                y[t].y = clamp(y[t].y + bias.y, a.low, a.high);
                y[t].z = clamp(y[t].z + bias.z, a.low, a.high);
                y[t].w = clamp(y[t].w + bias.w, a.low, a.high);
                *reinterpret_cast<float4*>(values + k) = y[t];
                if (a.live && a.by_rows) {
                    if (y[t].x != 0.0f) a.live[k] = 1;
                    if (y[t].y != 0.0f) a.live[k + 1] = 1;
                    if (y[t].z != 0.0f) a.live[k + 2] = 1;
                    if (y[t].w != 0.0f) a.live[k + 3] = 1;
                }
                any |= y[t].x != 0.0f || y[t].y != 0.0f || y[t].z != 0.0f || y[t].w != 0.0f;
            }
        } else {
            const u64 end = min(begin + piece, u64(a.length));
            for (u64 k = begin + threadIdx.x; k < end; k += blockDim.x) {
                const float y = clamp(values[k] + (a.by_rows ? line_bias : a.bias[k]), a.low, a.high);
                values[k] = y;
                if (a.live && a.by_rows && y != 0.0f) a.live[k] = 1;
                any |= y != 0.0f;
            }
        }
        if (a.live && !a.by_rows && any) a.live[line] = 1;
    }
}

struct PeerTurnArguments {
    const float* from; // `lines` lines of `length` values
    u32 lines;
    u32 length;
    float* to;         // the other order
};

// From one order to the other; blocks of 32 x 8 threads.
extern "C" __global__ void peer_turn(PeerTurnArguments a) {
    constexpr u32 TILE = 32;
    __shared__ float tile[TILE][TILE + 1];
    const u64 across = (u64(a.length) + TILE - 1) / TILE, down = (u64(a.lines) + TILE - 1) / TILE;
    for (u64 item = blockIdx.x; item < across * down; item += gridDim.x) {
        const u64 line0 = item / across * TILE, k0 = item % across * TILE;
        for (u32 t = threadIdx.y; t < TILE; t += blockDim.y) {
            const u64 line = line0 + t, k = k0 + threadIdx.x;
            if (line < a.lines && k < a.length) tile[t][threadIdx.x] = a.from[line * a.length + k];
        }
        __syncthreads();
        for (u32 t = threadIdx.y; t < TILE; t += blockDim.y) {
            const u64 k = k0 + t, line = line0 + threadIdx.x;
            if (line < a.lines && k < a.length) a.to[k * a.lines + line] = tile[threadIdx.x][t];
        }
        __syncthreads();
    }
}
