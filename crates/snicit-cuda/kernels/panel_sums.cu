// Layers of mini-blocks whose weights are equal within a block, for columns most of whose values are not zero:
// neuron-major. The inputs of a block are added up once for its sixteen outputs. Half a warp takes a block and
// a panel of 64 columns, a lane four of them. Sums are float32.
#include "panel_blocks.cuh"

constexpr u32 LANES = WARP / 2;      // of a block
constexpr u32 COLUMNS = PANEL / LANES; // of a lane

extern "C" __global__ void __launch_bounds__(PANEL_WARPS * WARP, 8) panel_sums(PanelBlocksArguments a) {
    const PanelBlocksLayer& layer = a.layer;
    const u32 count = *a.count, lane = lane_id() % LANES, pairs = (layer.blocks + 1) / 2;
    const u64 items = (u64(count) + PANEL - 1) / PANEL * pairs, warps = u64(gridDim.x) * PANEL_WARPS;
    // Blocks first: the columns stay in the cache while all blocks read them.
    for (u64 item = u64(blockIdx.x) * PANEL_WARPS + warp_id(); item < items; item += warps) {
        u32 pair;
        const u32 first_column = u32(divide(item, pairs, pair)) * PANEL;
        const u32 block = pair * 2 + lane_id() / LANES;
        u32 live = 0; // bits of the lane's columns
        if (block < layer.blocks) {
            const float* from = a.from + u64(first_column) * a.neurons_in + lane * COLUMNS;
            float4 sums = {0.0f, 0.0f, 0.0f, 0.0f};
            const u32 end = layer.first_steps[block + 1];
            for (u32 step = layer.first_steps[block]; step < end; ++step) {
                const uint4* inputs = reinterpret_cast<const uint4*>(layer.inputs + u64(step) * GROUP);
#pragma unroll
                for (u32 half = 0; half < 2; ++half) {
                    const uint4 first = inputs[half * 2], second = inputs[half * 2 + 1];
                    const u32 of[8] = {first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w};
                    float4 y[8];
#pragma unroll
                    for (u32 k = 0; k < 8; ++k) {
                        y[k] = load_if(of[k] != NONE, reinterpret_cast<const float4*>(from + u64(of[k]) * PANEL));
                    }
#pragma unroll
                    for (u32 k = 0; k < 8; ++k) {
                        sums.x += y[k].x;
                        sums.y += y[k].y;
                        sums.z += y[k].z;
                        sums.w += y[k].w;
                    }
                }
            }
            const float weight = static_cast<const float*>(layer.weights)[block];
            float* to = a.to + u64(first_column) * a.neurons_out + lane * COLUMNS;
            const uint4* outputs = reinterpret_cast<const uint4*>(layer.outputs + u64(block) * GROUP);
            const float4* biases = reinterpret_cast<const float4*>(layer.bias + u64(block) * GROUP);
#pragma unroll
            for (u32 four = 0; four < GROUP / 4; ++four) {
                const uint4 numbers = outputs[four];
                const float4 bias = biases[four];
                const u32 of[4] = {numbers.x, numbers.y, numbers.z, numbers.w};
                const float b[4] = {bias.x, bias.y, bias.z, bias.w};
#pragma unroll
                for (u32 k = 0; k < 4; ++k) {
                    if (of[k] == NONE) continue;
                    const float4 y = {clamp(fmaf(weight, sums.x, b[k]), layer.low, layer.high),
                                      clamp(fmaf(weight, sums.y, b[k]), layer.low, layer.high),
                                      clamp(fmaf(weight, sums.z, b[k]), layer.low, layer.high),
                                      clamp(fmaf(weight, sums.w, b[k]), layer.low, layer.high)};
                    live |= (y.x != 0.0f) | (y.y != 0.0f) << 1 | (y.z != 0.0f) << 2 | (y.w != 0.0f) << 3;
                    *reinterpret_cast<float4*>(to + u64(of[k]) * PANEL) = y;
                }
            }
        }
        // Eight lanes have the columns of a word.
        live <<= lane % 8 * COLUMNS;
#pragma unroll
        for (u32 step = 1; step < 8; step *= 2) live |= __shfl_xor_sync(ALL_LANES, live, step);
        const u32 first = first_column + lane / 8 * 32;
        if (first < count && count - first < 32) live &= (1u << (count - first)) - 1;
        if (live && lane % 8 == 0 && first < count) a.live.add(first / 32, live);
    }
}
