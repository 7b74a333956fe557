// Layers of mini-blocks on tensor cores, for columns most of whose values are not zero: neuron-major, a warp
// takes a block of sixteen outputs and 32 columns, half a panel.
//
// In the product of a step (sixteen inputs of a block) rows are outputs, and its columns are eight columns of
// activations. With n = lane / 4 and t = lane % 4, a lane holds
//   activations  inputs 4t .. 4t + 3, columns 4n .. 4n + 3: loads of 16 bytes
//   sums         outputs n and n + 8, columns 8t .. 8t + 7: stores of 16 bytes
// of which product number i takes and gives the i-th of each four columns.
#include "panel_blocks.cuh"
#include "tensor_cores.cuh"

constexpr u32 COLUMNS = 32; // of a warp
constexpr u32 PRODUCTS = 4;

__device__ __forceinline__ float part_of(const float4& x, u32 i) { return i == 0 ? x.x : i == 1 ? x.y : i == 2 ? x.z : x.w; }

// What a lane takes of a step.
template <int PARTS>
struct StepOperands {
    float4 y[4];
    uint4 weights[PARTS];

    __device__ __forceinline__ void load(const PanelBlocksLayer& layer, u32 step, const float* from) {
        const uint4 four = reinterpret_cast<const uint4*>(layer.inputs)[step * 4 + lane_id() % 4];
        const u32 inputs[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
        for (u32 k = 0; k < 4; ++k) {
            y[k] = load_if(inputs[k] != NONE, reinterpret_cast<const float4*>(from + u64(inputs[k]) * PANEL));
        }
        load_weights(layer.weights, step, weights);
    }

    __device__ __forceinline__ void multiply(float (&sums)[PRODUCTS][4]) const {
#pragma unroll
        for (u32 i = 0; i < PRODUCTS; ++i) {
            u32 first[BF16_PARTS], second[BF16_PARTS];
            split_bf16(part_of(y[0], i), part_of(y[1], i), first);
            split_bf16(part_of(y[2], i), part_of(y[3], i), second);
            multiply_parts<PARTS>([&](int part, int of_weight) {
                multiply_add<BF16>(sums[i], weights[of_weight], first[part], second[part]);
            });
        }
    }
};

template <int PARTS>
__device__ __forceinline__ void panel_blocks(const PanelBlocksArguments& a) {
    const PanelBlocksLayer& layer = a.layer;
    const u32 count = *a.count, lane = lane_id(), n = lane / 4, t = lane % 4;
    const u64 items = (u64(count) + COLUMNS - 1) / COLUMNS * layer.blocks, warps = u64(gridDim.x) * PANEL_WARPS;
    // Blocks first: the columns stay in the cache while all blocks read them.
    for (u64 item = u64(blockIdx.x) * PANEL_WARPS + warp_id(); item < items; item += warps) {
        u32 block;
        const u32 first_column = u32(divide(item, layer.blocks, block)) * COLUMNS;
        const u32 first_step = layer.first_steps[block], end_step = layer.first_steps[block + 1];
        const float* from = a.from + panel_offset(first_column, a.neurons_in) + 4 * n;
        const float bias[2] = {layer.bias[block * GROUP + n], layer.bias[block * GROUP + n + 8]};
        const u32 outputs[2] = {layer.outputs[block * GROUP + n], layer.outputs[block * GROUP + n + 8]};
        float sums[PRODUCTS][4];
#pragma unroll
        for (u32 i = 0; i < PRODUCTS; ++i) {
            sums[i][0] = sums[i][1] = bias[0];
            sums[i][2] = sums[i][3] = bias[1];
        }
        // Two steps at a time: the second is on its way while the first is multiplied.
        for (u32 step = first_step; step < end_step; step += 2) {
            StepOperands<PARTS> operands[2];
            operands[0].load(layer, step, from);
            if (step + 1 < end_step) operands[1].load(layer, step + 1, from);
            operands[0].multiply(sums);
            if (step + 1 < end_step) operands[1].multiply(sums);
        }
        float* to = a.to + panel_offset(first_column, a.neurons_out) + 8 * t;
        u32 live = 0; // bits of the lane's eight columns
#pragma unroll
        for (u32 o = 0; o < 2; ++o) {
            if (outputs[o] == NONE) continue;
#pragma unroll
            for (u32 four = 0; four < 2; ++four) {
                float y[PRODUCTS];
#pragma unroll
                for (u32 i = 0; i < PRODUCTS; ++i) {
                    y[i] = clamp(sums[i][o * 2 + four], layer.low, layer.high);
                    if (y[i] != 0.0f) live |= 1u << (four * 4 + i);
                }
                *reinterpret_cast<float4*>(to + u64(outputs[o]) * PANEL + four * 4) = {y[0], y[1], y[2], y[3]};
            }
        }
        live = warp_or(live << 8 * t);
        if (count - first_column < COLUMNS) live &= (1u << (count - first_column)) - 1;
        if (live && lane == 0) a.live.add(first_column / 32, live);
    }
}

extern "C" __global__ void __launch_bounds__(PANEL_WARPS * WARP, 5) panel_blocks_exact(PanelBlocksArguments a) { panel_blocks<1>(a); }
extern "C" __global__ void __launch_bounds__(PANEL_WARPS * WARP, 4) panel_blocks_split(PanelBlocksArguments a) { panel_blocks<3>(a); }
