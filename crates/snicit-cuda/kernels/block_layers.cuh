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
    uint2 first, second;
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
            const float4 y = four_outputs(layer, make_float4(z, z, z, z), bias[i]);
            *reinterpret_cast<float4*>(out + strip[i] * STRIP_OUTPUTS + quarter * RUN) = y;
        }
    };

    // A layer of few strips takes less time than the second-level cache: they are loaded two layers ahead.
    constexpr u32 AHEAD = TASKS <= 4 ? 2 : 1;
    BlockStrip upcoming[AHEAD][TASKS];
#pragma unroll
    for (u32 k = 0; k < AHEAD; ++k) load(layers[min(first_layer + k, last_layer)], upcoming[k]);
    auto step = [&](u32 l, BlockStrip (&d)[TASKS], const float* in, float* out) {
        BlockStrip now[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) now[i] = d[i];
        load(layers[min(l + AHEAD, last_layer)], d);
        update(layers[l], now, in, out);
        barrier_of_first(threads);
    };
    for (u32 l = first_layer; l <= last_layer; l += 2) {
        step(l, upcoming[0], column.layers[0], column.layers[1]);
        if (threadIdx.x == 0) store_number(&a.progress->layer, l);
        if (l == last_layer) break;
        step(l + 1, upcoming[AHEAD - 1], column.layers[1], column.layers[0]);
    }
    const float* result = column.layers[(last_layer - first_layer + 1) % 2];
    float* to = result_of(a, shared, neurons);
    for (u32 place = threadIdx.x; place < neurons; place += threads) to[layers[last_layer].output(place)] = result[place];
}
