// The persistent update of a single column through layers that are all alike, by one block: the activations stay in
// shared memory, and a barrier of the block separates the layers. Strips are whole and have INPUTS_AT_ONCE inputs,
// their weights are equal: the outputs of a strip have one sum, and each its bias.
//
// A layer takes some hundred cycles, about as many as a warp needs for the instructions that are here: what need not
// be decided in this loop is not.
#pragma once
#include "async_copies.cuh"
#include "flowing_layers.cuh"

constexpr u32 LANES_A_STRIP = 4;
constexpr u32 MAX_BLOCK_STRIPS = THREADS / LANES_A_STRIP;
constexpr u32 OUTPUTS_A_LANE = STRIP_OUTPUTS / LANES_A_STRIP;
static_assert(INPUTS_AT_ONCE / LANES_A_STRIP == 8 && OUTPUTS_A_LANE == 4, "loads and stores of 16 bytes");

constexpr u32 KEPT_LAYERS = 8; // whose inputs are in shared memory, each lane's for itself

// The only column left, as the layer `flow.step` reads it, by all threads of the block.
__device__ __forceinline__ void take_column(const PersistentUpdateArguments& a, const FlowingShared& shared,
                                            const Flow& flow, u32 neurons, float* to) {
    const u32 tag = flow.first_tag + flow.step, layer = flow.first_layer + flow.step;
    const u64* words = a.ring + flow.step % RING * (a.ring_neurons * a.ring_columns);
    const float* from = (layer % 2 == 0 ? a.from : a.other) + u64(shared.slot[0]) * neurons;
    for (u32 i = threadIdx.x; i < neurons; i += THREADS) {
        if (flow.step > 0) {
            u64 word;
            do word = load_word(words + i);
            while (u32(word >> 32) != tag);
            to[i] = __uint_as_float(u32(word));
        } else {
            to[i] = __uint_as_float(load_number(reinterpret_cast<const u32*>(from) + i));
        }
    }
}

// BIASES: in some layer they differ. By all threads of the block.
template <bool BIASES>
__device__ __noinline__ void flow_in_block(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                           const FlowingShared& shared, const Flow& flow, float* activations) {
    const u32 last_layer = a.layer_count - 1, first_layer = flow.first_layer + flow.step;
    const u32 strips = a.max_strips, neurons = strips * STRIP_OUTPUTS;
    float* const buffers[2] = {activations, activations + neurons};
    for (u32 l = max(first_layer, 1u) + threadIdx.x; l <= last_layer; l += THREADS) a.entered[l - 1] = 1;
    if (threadIdx.x == 0) {
        if (flow.step > 0) *a.last_tag = flow.first_tag + flow.step;
        write_lists(a, shared, flow.live);
    }
    take_column(a, shared, flow, neurons, buffers[0]);
    __syncthreads();
    // Warps without a strip leave.
    const u32 threads = (strips * LANES_A_STRIP + WARP - 1) / WARP * WARP;
    if (threadIdx.x >= threads) return;

    // Lanes beyond the last strip do as those of the last do.
    const u32 strip = min(threadIdx.x / LANES_A_STRIP, strips - 1);
    const u32 place = strip * STRIP_OUTPUTS + threadIdx.x % LANES_A_STRIP * OUTPUTS_A_LANE;
    // A layer takes less time than the second-level cache, and registers that a load has still to fill cannot be
    // handed on without waiting for it: so the inputs of the next layers are copied to shared memory.
    uint4* const kept = reinterpret_cast<uint4*>(activations + 2 * neurons) + threadIdx.x;
    auto keep = [&](u32 l) {
        // A strip has twice as many inputs as outputs.
        if (l <= last_layer) copy_later(kept + l % KEPT_LAYERS * THREADS, layers[l].inputs + place * 2 * sizeof(u16));
        end_copies();
    };
    uint4 inputs = make_uint4(0, 0, 0, 0); // eight numbers of 16 bits
    // In the order in which a warp waits least: activations first; while they come, what later layers need.
    auto step = [&](u32 l, const float* in, float* out) {
        const UpdateLayer& layer = layers[l];
        const u32 pairs[4] = {inputs.x, inputs.y, inputs.z, inputs.w};
        float y[8];
#pragma unroll
        for (u32 p = 0; p < 4; ++p) {
            y[2 * p] = in[pairs[p] & 0xffff];
            y[2 * p + 1] = in[pairs[p] >> 16];
        }
        const float low = layer.low, high = layer.high, weight = layer.weight, uniform_bias = layer.uniform_bias;
        float4 bias = make_float4(uniform_bias, uniform_bias, uniform_bias, uniform_bias);
        if (BIASES && layer.bias) bias = __ldg(reinterpret_cast<const float4*>(layer.bias + place));
        await_copies<KEPT_LAYERS - 3>();
        inputs = kept[(l + 1) % KEPT_LAYERS * THREADS];
        keep(l + KEPT_LAYERS - 1);
        float z = ((y[0] + y[1]) + (y[2] + y[3])) + ((y[4] + y[5]) + (y[6] + y[7]));
#pragma unroll
        for (u32 lanes = 1; lanes < LANES_A_STRIP; lanes *= 2) z += __shfl_xor_sync(ALL_LANES, z, lanes);
        z *= weight;
        *reinterpret_cast<float4*>(out + place) =
            make_float4(clamp(z + bias.x, low, high), clamp(z + bias.y, low, high),
                        clamp(z + bias.z, low, high), clamp(z + bias.w, low, high));
        barrier_of_first(threads);
    };
    u32* const progress = &a.progress->layer;
    for (u32 k = 0; k + 1 < KEPT_LAYERS; ++k) keep(first_layer + k);
    await_copies<KEPT_LAYERS - 2>();
    inputs = kept[first_layer % KEPT_LAYERS * THREADS];
    for (u32 l = first_layer; l <= last_layer; l += 2) {
        step(l, buffers[0], buffers[1]);
        if (threadIdx.x == 0) store_number(progress, l);
        if (l == last_layer) break;
        step(l + 1, buffers[1], buffers[0]);
    }
    const float* result = buffers[(last_layer - first_layer + 1) % 2];
    float* to = (last_layer % 2 == 0 ? a.other : a.from) + u64(shared.column[0]) * neurons;
    for (u32 i = threadIdx.x; i < neurons; i += threads) to[layers[last_layer].output(i)] = result[i];
}
