// The persistent update of a single column through layers that are all alike, with equal weights in each, by one
// block: the activations stay in shared memory, and a barrier of the block separates the layers. Outputs of a
// strip have one sum; each has its bias.
#pragma once
#include "shared_column.cuh"

constexpr u32 LANES_A_STRIP = 4;
constexpr u32 STRIPS_AT_ONCE = THREADS / LANES_A_STRIP;

// What a lane needs of its strips besides activations. It has runs number `lane % 4` and `lane % 4 + 4` of a strip:
// neighbouring lanes then read neighbouring banks.
template <u32 TASKS>
struct BlockStrips {
    uint2 first[TASKS], second[TASKS]; // four inputs each, numbers of 16 bits
    uint2 outputs[TASKS];
    bool runs;
};

// A warp takes at most TASKS times eight strips. By all threads of a block.
template <u32 TASKS>
__device__ __noinline__ void flow_in_block(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                           const FlowingShared& shared, const Flow& flow, float* activations) {
    const u32 last_layer = a.layer_count - 1, first_layer = flow.first_layer + flow.step;
    const u32 strips = a.max_strips, neurons = layers[0].neurons_out, inputs = layers[0].strip_inputs;
    const u32 stored = layers[0].stored_inputs(inputs);
    const SharedColumn column(activations, strips);
    keep_books(a, shared, flow);
    take_column(a, shared, flow, neurons, column);
    // Warps without a strip leave.
    const u32 threads = min((strips * LANES_A_STRIP + WARP - 1) / WARP * WARP, THREADS);
    if (threadIdx.x >= threads) return;

    const u32 quarter = threadIdx.x % LANES_A_STRIP;
    // Lanes beyond the last strip do as those of the last do.
    u32 strip[TASKS];
#pragma unroll
    for (u32 i = 0; i < TASKS; ++i) strip[i] = min(i * STRIPS_AT_ONCE + threadIdx.x / LANES_A_STRIP, strips - 1);
    auto load = [&](const u8* of_inputs, const u8* of_outputs, u32 flags, BlockStrips<TASKS>& d) {
        d.runs = flags & RUNS;
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            d.first[i] = four_inputs(of_inputs, strip[i], stored, inputs, quarter * RUN, column.zeros);
            d.second[i] = four_inputs(of_inputs, strip[i], stored, inputs, (LANES_A_STRIP + quarter) * RUN, column.zeros);
            d.outputs[i] = four_outputs(of_outputs, strip[i] * STRIP_OUTPUTS + quarter * RUN, neurons);
        }
    };
    // The order is that in which a warp is to wait least: activations first; while they come, what is needed later.
    auto step = [&](u32 l, BlockStrips<TASKS>& d, const float* in, float* out) {
        const UpdateLayer& layer = layers[l];
        float4 y[TASKS], more[TASKS], bias[TASKS];
        u32 output[TASKS][RUN];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            y[i] = four_activations(in, d.first[i], d.runs);
            more[i] = four_activations(in, d.second[i], d.runs);
            unpack_outputs(d.outputs[i], strip[i] * STRIP_OUTPUTS + quarter * RUN, neurons, column.unused, output[i]);
        }
        const float weight = layer.weight, low = layer.low, high = layer.high, uniform_bias = layer.uniform_bias;
        const float* biases = layer.bias;
        // A layer takes less time than the second-level cache: two ahead.
        const UpdateLayer& ahead = layers[min(l + 2, last_layer)];
        const u8 *of_inputs = ahead.inputs, *of_outputs = ahead.outputs;
        const u32 flags = ahead.flags;
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            bias[i] = four_biases(biases, uniform_bias, strip[i] * STRIP_OUTPUTS + quarter * RUN, neurons);
        }
        load(of_inputs, of_outputs, flags, d);
        float sum[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            sum[i] = ((y[i].x + y[i].y) + (y[i].z + y[i].w)) + ((more[i].x + more[i].y) + (more[i].z + more[i].w));
        }
#pragma unroll
        for (u32 lanes = 1; lanes < LANES_A_STRIP; lanes *= 2) {
#pragma unroll
            for (u32 i = 0; i < TASKS; ++i) sum[i] += __shfl_xor_sync(ALL_LANES, sum[i], lanes);
        }
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const float z = weight * sum[i];
            const float of_output[RUN] = {bias[i].x, bias[i].y, bias[i].z, bias[i].w};
#pragma unroll
            for (u32 o = 0; o < RUN; ++o) out[output[i][o]] = clamp(z + of_output[o], low, high);
        }
        barrier_of_first(threads);
    };
    BlockStrips<TASKS> even, odd;
    const UpdateLayer &first = layers[first_layer], &second = layers[min(first_layer + 1, last_layer)];
    load(first.inputs, first.outputs, first.flags, even);
    load(second.inputs, second.outputs, second.flags, odd);
    for (u32 l = first_layer; l <= last_layer; l += 2) {
        step(l, even, column.layers[0], column.layers[1]);
        if (threadIdx.x == 0) store_number(&a.progress->layer, l);
        if (l == last_layer) break;
        step(l + 1, odd, column.layers[1], column.layers[0]);
    }
    const float* result = column.layers[(last_layer - first_layer + 1) % 2];
    float* to = result_of(a, shared, neurons);
    for (u32 i = threadIdx.x; i < neurons; i += threads) to[i] = result[i];
}
