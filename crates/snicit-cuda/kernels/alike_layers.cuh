// The persistent update of a single column through layers that are all alike, the Graph Challenge's.
#pragma once
#include "flowing_layers.cuh"

// A layer for the only column left, by all warps.
__device__ __noinline__ void update_layer(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                          const FlowingShared& shared, Flow flow) {
    const UpdateLayer& layer = layers[flow.first_layer + flow.step];
    for (u32 s = spread_warp_id(); s < layer.strip_count; s += gridDim.x * WARPS) {
        update_one(a, layer, shared, flow, load_strip(layer, s));
    }
}

// What a lane needs of a strip in layers that are all alike: see PersistentUpdateArguments::alike.
struct AlikeStrip {
    uint2 inputs;    // four numbers of 16 bits
    u32 output;
    float4 weights[INPUTS_A_LANE];
};

// The only column left, through layers that are all alike, each warp with the same STRIPS strips at most in each
// of them. It is flow_on<true> without what such layers need not decide: the chain from the words of one layer to
// those of the next is short, and so are the steps between.
template <bool EQUAL_WEIGHTS, u32 STRIPS>
__device__ __forceinline__ void flow_alike(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                           FlowingShared& shared, Flow flow) {
    const u32 warps = gridDim.x * WARPS, first_strip = spread_warp_id();
    const u32 last_layer = a.layer_count - 1;
    u32 l = flow.first_layer + flow.step;
    if (flow.keeps_books) {
        for (u32 entered = max(l, 1u); entered <= last_layer; ++entered) a.entered[entered - 1] = 1;
    }
    if (flow.step == 0 && l < last_layer) {
        update_layer(a, layers, shared, flow);
        ++l;
        ++flow.step;
    }

    const u32 inputs = layers[0].strip_inputs, stored = layers[0].stored_inputs(inputs), neurons = layers[0].neurons_out;
    const u32 mine = lane_id() / 4 * INPUTS_A_LANE, o = output_of_lane();
    auto load = [&](const UpdateLayer& layer, u32 s, AlikeStrip& d) {
        d.inputs = make_uint2(0, 0);
        if (mine < inputs) d.inputs = __ldg(reinterpret_cast<const uint2*>(layer.inputs + (u64(s) * stored + mine) * sizeof(u16)));
        d.output = NONE;
        if (writes_output() && s * STRIP_OUTPUTS + o < neurons) {
            d.output = __ldg(reinterpret_cast<const u16*>(layer.outputs) + s * STRIP_OUTPUTS + o);
        }
        if constexpr (!EQUAL_WEIGHTS) {
            const float4* rows = reinterpret_cast<const float4*>(layer.weights) + (u64(s) * stored + mine) * (STRIP_OUTPUTS / 4);
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                d.weights[t] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                if (mine < inputs) d.weights[t] = __ldg(rows + t * (STRIP_OUTPUTS / 4) + lane_id() % 4);
            }
        }
    };
    AlikeStrip next[STRIPS];
#pragma unroll
    for (u32 i = 0; i < STRIPS; ++i) {
        if (first_strip + i * warps < a.max_strips) load(layers[l], first_strip + i * warps, next[i]);
    }

    const u64 slot_words = a.ring_neurons * a.ring_columns;
    u32 slot = flow.step % RING, arrived_early = 0;
    for (; l < last_layer; ++l, ++flow.step) {
        const u32 epoch = flow.step / EPOCH;
        if (flow.step % EPOCH == 0 && epoch >= 2 && arrived_early < flow.blocks) {
            while (load_acquire(&a.progress->arrived[epoch - 2]) < flow.blocks) {}
        }
        const bool ends_epoch = flow.step % EPOCH == EPOCH - 1;
        if (ends_epoch && epoch >= 1) arrived_early = load_number(&a.progress->arrived[epoch - 1]);
        const u32 tag = flow.first_tag + flow.step;
        const u64* in = a.ring + slot * slot_words;
        slot = slot + 1 == RING ? 0 : slot + 1;
        u64* out = a.ring + slot * slot_words;

        // All words are asked for at once; then, while they come, what does not depend on them.
        u64 word[STRIPS][INPUTS_A_LANE];
        AlikeStrip now[STRIPS];
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            now[i] = next[i];
            u32 index[INPUTS_A_LANE];
            unpack(now[i].inputs.x, now[i].inputs.y, index);
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                word[i][t] = u64(tag) << 32;
                if (first_strip + i * warps < a.max_strips && mine + t < inputs) word[i][t] = load_word(in + index[t]);
            }
        }
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            const u32 s = first_strip + i * warps;
            if (s >= a.max_strips) break;
            load(layers[l + 1], s, next[i]);
        }
        const UpdateLayer& layer = layers[l];
        const float low = layer.low, high = layer.high, bias = layer.uniform_bias;
        // Equal weights or not, every output adds up its own sum: the compiler is not to see that they are equal.
        float weight[4];
#pragma unroll
        for (u32 q = 0; q < 4; ++q) weight[q] = *(const volatile float*)&layer.weight;

#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            if (first_strip + i * warps >= a.max_strips) break;
            u32 index[INPUTS_A_LANE];
            unpack(now[i].inputs.x, now[i].inputs.y, index);
            for (;;) {
                bool here = true;
#pragma unroll
                for (u32 t = 0; t < INPUTS_A_LANE; ++t) here &= u32(word[i][t] >> 32) == tag;
                if (here) break;
#pragma unroll
                for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                    if (u32(word[i][t] >> 32) != tag) word[i][t] = load_word(in + index[t]);
                }
            }
            __syncwarp();
            float sums[4] = {};
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                const float y = __uint_as_float(u32(word[i][t]));
                if constexpr (EQUAL_WEIGHTS) {
#pragma unroll
                    for (u32 q = 0; q < 4; ++q) sums[q] += weight[q] * y;
                } else {
                    sums[0] += now[i].weights[t].x * y;
                    sums[1] += now[i].weights[t].y * y;
                    sums[2] += now[i].weights[t].z * y;
                    sums[3] += now[i].weights[t].w * y;
                }
            }
            const float y = clamp(add_up(sums) + bias, low, high);
            if (now[i].output != NONE) store_word(out + now[i].output, u64(tag + 1) << 32 | __float_as_uint(y));
        }
        if (ends_epoch) arrive(&shared.done[epoch], &a.progress->arrived[epoch], flow.warps_of_block, false);
    }
    if (flow.step > 0) finish(a, shared, flow);
    if (flow.keeps_books) write_lists(a, shared, flow.live);
    update_layer(a, layers, shared, flow);
}
