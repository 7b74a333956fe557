// The persistent update of a single column through layers that are all alike, with equal weights in each, by one
// block: the activations stay in shared memory, and a barrier of the block separates the layers. Outputs of a
// strip have one sum; each has its bias.
#pragma once
#include "flowing_layers.cuh"

constexpr u32 LANES_A_STRIP = 4;
constexpr u32 STRIPS_AT_ONCE = THREADS / LANES_A_STRIP;
constexpr u32 RUN = 4; // inputs that a lane reads at once where inputs are runs; outputs that it writes
constexpr u32 RUNS_A_LANE = INPUTS_AT_ONCE / LANES_A_STRIP / RUN;

// What a lane needs of a strip besides activations. It has runs number `lane % 4` and `lane % 4 + 4`: where they
// are parts of other strips' outputs, neighbouring lanes read neighbouring banks.
struct BlockStrip {
    uint2 inputs[RUNS_A_LANE]; // four numbers of 16 bits
};

// Floats of a layer's activations in shared memory: whole strips, and a run of zeros.
__device__ __forceinline__ u32 zeros_at(u32 strips) { return strips * STRIP_OUTPUTS; }
__device__ __forceinline__ u32 floats_of_layer(u32 strips) { return zeros_at(strips) + RUN; }

// A warp takes as many as TASKS times eight strips. The block has `flow.step` from all its warps.
template <u32 TASKS>
__device__ __noinline__ void flow_in_block(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                           const FlowingShared& shared, const Flow& flow, float* activations) {
    const u32 last_layer = a.layer_count - 1, first_layer = flow.first_layer + flow.step;
    const u32 strips = a.max_strips, neurons = layers[0].neurons_out, inputs = layers[0].strip_inputs;
    const u32 stored = layers[0].stored_inputs(inputs), zeros = zeros_at(strips);
    float* const buffers[2] = {activations, activations + floats_of_layer(strips)};
    {
        const u32 tag = flow.first_tag + flow.step;
        const u64* words = a.ring + flow.step % RING * (a.ring_neurons * a.ring_columns);
        const float* from = (first_layer % 2 == 0 ? a.from : a.other) + u64(shared.slot[0]) * neurons;
        for (u32 i = threadIdx.x; i < neurons; i += THREADS) {
            if (flow.step > 0) {
                u64 word;
                do word = load_word(words + i);
                while (u32(word >> 32) != tag);
                buffers[0][i] = __uint_as_float(u32(word));
            } else {
                buffers[0][i] = __uint_as_float(load_number(reinterpret_cast<const u32*>(from) + i));
            }
        }
        if (threadIdx.x < 2 * RUN) buffers[threadIdx.x / RUN][zeros + threadIdx.x % RUN] = 0.0f;
        for (u32 l = max(first_layer, 1u) + threadIdx.x; l <= last_layer; l += THREADS) a.entered[l - 1] = 1;
        if (threadIdx.x == 0) {
            if (flow.step > 0) *a.last_tag = flow.first_tag + flow.step;
            write_lists(a, shared, flow.live);
        }
    }
    __syncthreads();
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
#pragma unroll
            for (u32 r = 0; r < RUNS_A_LANE; ++r) {
                const u32 mine = (r * LANES_A_STRIP + quarter) * RUN;
                uint2& four = d[i].inputs[r];
                four = make_uint2(zeros | zeros << 16, zeros | zeros << 16);
                if (mine < stored) four = __ldg(reinterpret_cast<const uint2*>(layer.inputs + (u64(strip[i]) * stored + mine) * sizeof(u16)));
                if (inputs % RUN && mine < inputs && mine + RUN > inputs) {
                    // Inputs that only fill the four up.
                    four.y = (four.y & 0xffff) | zeros << 16;
                    if (inputs % RUN < 3) four.y = zeros | zeros << 16;
                    if (inputs % RUN < 2) four.x = (four.x & 0xffff) | zeros << 16;
                }
            }
        }
    };
    auto update = [&](const UpdateLayer& layer, const BlockStrip (&d)[TASKS], const float* in, float* out) {
        float4 bias[TASKS];
        float sum[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const u32 place = strip[i] * STRIP_OUTPUTS + quarter * RUN;
            bias[i] = make_float4(layer.uniform_bias, layer.uniform_bias, layer.uniform_bias, layer.uniform_bias);
            // What lies behind the last bias is read but not used: arrays are whole 16 bytes.
            if (layer.bias && place < neurons) bias[i] = __ldg(reinterpret_cast<const float4*>(layer.bias + place));
        }
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            float of_run[RUNS_A_LANE];
            if (layer.flags & RUNS) {
#pragma unroll
                for (u32 r = 0; r < RUNS_A_LANE; ++r) {
                    const float4 y = *reinterpret_cast<const float4*>(in + (d[i].inputs[r].x & 0xffff));
                    of_run[r] = (y.x + y.y) + (y.z + y.w);
                }
            } else {
#pragma unroll
                for (u32 r = 0; r < RUNS_A_LANE; ++r) {
                    u32 index[RUN];
                    unpack(d[i].inputs[r].x, d[i].inputs[r].y, index);
                    of_run[r] = (in[index[0]] + in[index[1]]) + (in[index[2]] + in[index[3]]);
                }
            }
            sum[i] = of_run[0] + of_run[1];
        }
#pragma unroll
        for (u32 step = 1; step < LANES_A_STRIP; step *= 2) {
#pragma unroll
            for (u32 i = 0; i < TASKS; ++i) sum[i] += __shfl_xor_sync(ALL_LANES, sum[i], step);
        }
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const float z = layer.weight * sum[i];
            const float4 b = bias[i];
            const float4 y = make_float4(clamp(z + b.x, layer.low, layer.high), clamp(z + b.y, layer.low, layer.high),
                                         clamp(z + b.z, layer.low, layer.high), clamp(z + b.w, layer.low, layer.high));
            *reinterpret_cast<float4*>(out + strip[i] * STRIP_OUTPUTS + quarter * RUN) = y;
        }
    };

    // A layer of few strips takes less time than the second-level cache: they are loaded two layers ahead.
    constexpr u32 AHEAD = TASKS <= 4 ? 2 : 1;
    BlockStrip upcoming[AHEAD][TASKS];
#pragma unroll
    for (u32 k = 0; k < AHEAD; ++k) load(layers[min(first_layer + k, last_layer)], upcoming[k]);
    auto step = [&](u32 l, BlockStrip (&d)[TASKS], const float* in, float* out) {
        const UpdateLayer& layer = layers[l];
        BlockStrip now[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) now[i] = d[i];
        load(layers[min(l + AHEAD, last_layer)], d);
        update(layer, now, in, out);
        barrier_of_first(threads);
    };
    u32 l = first_layer;
    for (; l <= last_layer; l += 2) {
        step(l, upcoming[0], buffers[0], buffers[1]);
        if (threadIdx.x == 0) store_number(&a.progress->layer, l);
        if (l == last_layer) break;
        step(l + 1, upcoming[AHEAD - 1], buffers[1], buffers[0]);
    }
    const float* result = buffers[(last_layer - first_layer + 1) % 2];
    float* to = (last_layer % 2 == 0 ? a.other : a.from) + u64(shared.column[0]) * neurons;
    for (u32 place = threadIdx.x; place < neurons; place += threads) to[layers[last_layer].output(place)] = result[place];
}
