// The persistent update of a single column through layers that are all alike, with equal weights in each, by one
// block: the activations stay in shared memory, and a barrier of the block separates the layers. Outputs of a
// strip have one sum; each has its bias.
#pragma once
#include "shared_column.cuh"

constexpr u32 LANES_A_STRIP = 4;
constexpr u32 STRIPS_AT_ONCE = THREADS / LANES_A_STRIP;

// What a lane needs of a strip besides activations. It has runs number `lane % 4` and `lane % 4 + 4`: where they
// are parts of other strips' outputs, neighbouring lanes read neighbouring banks.
struct BlockStrip {
    uint2 first, second; // four inputs each, numbers of 16 bits
    uint2 outputs;
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
    auto load = [&](const UpdateLayer& layer, BlockStrip (&d)[TASKS]) {
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            d[i].first = four_inputs(layer, strip[i], stored, inputs, quarter * RUN, column.zeros);
            d[i].second = four_inputs(layer, strip[i], stored, inputs, (LANES_A_STRIP + quarter) * RUN, column.zeros);
            d[i].outputs = four_outputs(layer, strip[i] * STRIP_OUTPUTS + quarter * RUN, neurons, column.unused);
        }
    };
    auto update = [&](const UpdateLayer& layer, const BlockStrip (&d)[TASKS], const float* in, float* out) {
        const bool runs = layer.flags & RUNS;
        float4 bias[TASKS];
        float sum[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) bias[i] = four_biases(layer, strip[i] * STRIP_OUTPUTS + quarter * RUN, neurons);
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const float4 y = four_activations(in, d[i].first, runs), more = four_activations(in, d[i].second, runs);
            sum[i] = ((y.x + y.y) + (y.z + y.w)) + ((more.x + more.y) + (more.z + more.w));
        }
#pragma unroll
        for (u32 step = 1; step < LANES_A_STRIP; step *= 2) {
#pragma unroll
            for (u32 i = 0; i < TASKS; ++i) sum[i] += __shfl_xor_sync(ALL_LANES, sum[i], step);
        }
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const float z = layer.weight * sum[i];
            u32 output[RUN];
            unpack(d[i].outputs.x, d[i].outputs.y, output);
            const float of_output[RUN] = {bias[i].x, bias[i].y, bias[i].z, bias[i].w};
#pragma unroll
            for (u32 o = 0; o < RUN; ++o) out[output[o]] = clamp(z + of_output[o], layer.low, layer.high);
        }
    };

    // A layer takes less time than the second-level cache: they are loaded two layers ahead.
    BlockStrip even[TASKS], odd[TASKS];
    load(layers[first_layer], even);
    load(layers[min(first_layer + 1, last_layer)], odd);
    auto step = [&](u32 l, BlockStrip (&d)[TASKS], const float* in, float* out) {
        BlockStrip now[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) now[i] = d[i];
        load(layers[min(l + 2, last_layer)], d);
        update(layers[l], now, in, out);
        barrier_of_first(threads);
    };
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
