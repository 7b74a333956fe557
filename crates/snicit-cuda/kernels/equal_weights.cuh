// Blocks whose weights are equal: the inputs are added up once for sixteen outputs, which differ by their bias at
// most. Four lanes take a column of a block: lane l the values 4 * (l % 4) .. + 3 of its chunks, and the outputs of
// the same numbers.
#pragma once
#include "masked_blocks.cuh"

constexpr u32 QUADS = WARP / 4;

// What a block has besides its inputs; `bias` is that of the lane's four outputs.
struct EqualWeights {
    float weight;
    float4 bias;

    __device__ __forceinline__ EqualWeights(const BlocksLayer& layer, u32 block)
        : weight(static_cast<const float*>(layer.weights)[block * layer.constants]),
          bias(reinterpret_cast<const float4*>(layer.bias)[block * layer.constants * 4 + lane_id() % 4]) {}

    // The lane's outputs before the activation.
    __device__ __forceinline__ float4 outputs(float sum) const {
        return {fmaf(weight, sum, bias.x), fmaf(weight, sum, bias.y), fmaf(weight, sum, bias.z), fmaf(weight, sum, bias.w)};
    }
};

__device__ __forceinline__ float sum_of(const float4& x) { return (x.x + x.y) + (x.z + x.w); }

// Which numbers of set bits give an output that is not zero, of the sixteen outputs of a block.
struct ActiveCounts {
    float weight, low, high;
    float largest_bias;
    const float* bias; // of all outputs

    __device__ __forceinline__ ActiveCounts(const BlocksLayer& layer, u32 block)
        : weight(static_cast<const float*>(layer.weights)[block * layer.constants]), low(layer.low), high(layer.high),
          bias(layer.bias + block * layer.constants * GROUP) {
        const float4* fours = reinterpret_cast<const float4*>(bias);
        largest_bias = largest(fours[0]);
#pragma unroll
        for (u32 q = 1; q < GROUP / 4; ++q) largest_bias = fmaxf(largest_bias, largest(fours[q]));
    }

    __device__ __forceinline__ bool has(u32 count) const {
        // A larger bias never gives a smaller sum, rounded or not.
        if (low == 0.0f && high > 0.0f) return fmaf(weight, float(count), largest_bias) > 0.0f;
        bool active = false;
        for (u32 o = 0; o < GROUP; ++o) active |= clamp(fmaf(weight, float(count), bias[o]), low, high) != 0.0f;
        return active;
    }

    static __device__ __forceinline__ float largest(const float4& x) { return fmaxf(fmaxf(x.x, x.y), fmaxf(x.z, x.w)); }
};
