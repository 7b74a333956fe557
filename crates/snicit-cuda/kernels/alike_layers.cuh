// The persistent update of a single column through layers that are all alike, the Graph Challenge's, by all blocks.
#pragma once
#include "flowing_layers.cuh"

// A layer for the only column left, by all warps.
__device__ __noinline__ void update_layer(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                          const FlowingShared& shared, Flow flow) {
    const UpdateLayer& layer = layers[flow.first_layer + flow.step];
    for (u32 s = spread_warp_id(); s < layer.strip_count; s += flow.workers) {
        update_one(a, layer, shared, flow, load_strip(layer, s));
    }
}

// What a lane needs of a strip in layers that are all alike: see PersistentUpdateArguments::alike.
struct AlikeStrip {
    u32 input; // the lane's, one of up to 32
    float bias;
    float4 weights[INPUTS_A_LANE];
};

// The sum of one output's products; without EQUAL_WEIGHTS that of output_of_lane(), with them all outputs' own.
template <bool EQUAL_WEIGHTS>
__device__ __forceinline__ float sum_of_strip(const AlikeStrip& d, float weight, float y) {
    if constexpr (EQUAL_WEIGHTS) {
        return weight * warp_sum(y);
    } else {
        float sums[4] = {};
#pragma unroll
        for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
            const float of_input = __shfl_sync(ALL_LANES, y, lane_id() / 4 * INPUTS_A_LANE + t);
            sums[0] += d.weights[t].x * of_input;
            sums[1] += d.weights[t].y * of_input;
            sums[2] += d.weights[t].z * of_input;
            sums[3] += d.weights[t].w * of_input;
        }
        return add_up(sums);
    }
}

// The only column left, through layers that are all alike, each warp with the same STRIPS strips at most in each
// of them. It is flow_on<true> without what such layers need not decide: the chain from the words of one layer to
// those of the next is short. A lane has one input. Where all weights are equal there is one sum for all outputs.
template <bool EQUAL_WEIGHTS, u32 STRIPS>
__device__ __forceinline__ void flow_alike(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                           FlowingShared& shared, Flow flow) {
    const u32 warps = flow.workers, first_strip = spread_warp_id();
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
    const u32 lane = lane_id(), o = EQUAL_WEIGHTS ? lane % STRIP_OUTPUTS : output_of_lane();
    const bool has_input = lane < inputs, writes = EQUAL_WEIGHTS ? lane < STRIP_OUTPUTS : writes_output();
    auto load = [&](const UpdateLayer& layer, u32 s, AlikeStrip& d) {
        d.input = 0;
        if (has_input) d.input = __ldg(reinterpret_cast<const u16*>(layer.inputs) + u64(s) * stored + lane);
        d.bias = layer.uniform_bias;
        if (layer.bias && s * STRIP_OUTPUTS + o < neurons) d.bias = __ldg(layer.bias + s * STRIP_OUTPUTS + o);
        if constexpr (!EQUAL_WEIGHTS) {
            const u32 mine = lane / 4 * INPUTS_A_LANE;
            const float4* rows = reinterpret_cast<const float4*>(layer.weights) + (u64(s) * stored + mine) * (STRIP_OUTPUTS / 4);
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                d.weights[t] = make_float4(layer.weight, layer.weight, layer.weight, layer.weight);
                if (layer.weights && mine < stored) d.weights[t] = __ldg(rows + t * (STRIP_OUTPUTS / 4) + lane % 4);
            }
        }
    };
    AlikeStrip next[STRIPS];
#pragma unroll
    for (u32 i = 0; i < STRIPS; ++i) {
        next[i] = {};
        if (first_strip + i * warps < a.max_strips) load(layers[l], first_strip + i * warps, next[i]);
    }

    const u64 slot_words = a.ring_neurons * a.ring_columns;
    const u32 begun = flow.step;
    u32 slot = flow.step % RING, arrived_early = 0;
    for (; l < last_layer; ++l, ++flow.step) {
        const u32 epoch = flow.step / EPOCH;
        if (flow.step % EPOCH == 0 && epoch >= 2 && arrived_early < flow.blocks) {
            while (load_acquire(&a.progress->arrived[epoch - 2]) < flow.blocks) {}
        }
        const u32 tag = flow.first_tag + flow.step;
        const u64* in = a.ring + slot * slot_words;
        slot = slot + 1 == RING ? 0 : slot + 1;
        u64* out = a.ring + slot * slot_words;

        // The words are asked for at once; then, while they come, what does not depend on them.
        AlikeStrip now[STRIPS];
        u64 word[STRIPS];
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            now[i] = next[i];
            const bool needs = has_input && first_strip + i * warps < a.max_strips;
            word[i] = needs ? 0 : u64(tag) << 32;
        }
        auto here = [&](u32 i) { return u32(word[i] >> 32) == tag; };
        auto ask = [&] {
#pragma unroll
            for (u32 i = 0; i < STRIPS; ++i) {
                if (!here(i)) word[i] = load_word(in + now[i].input);
            }
        };
        auto all_here = [&] {
            bool all = true;
#pragma unroll
            for (u32 i = 0; i < STRIPS; ++i) all &= here(i);
            return __all_sync(ALL_LANES, all);
        };
        ask();
        if (flow.step % EPOCH == 0 && flow.step > begun) {
            // What the epoch before has read has been used.
            arrive(&shared.done[epoch - 1], &a.progress->arrived[epoch - 1], flow.warps_of_block, false);
        }
        if (flow.keeps_books) store_number(&a.progress->layer, l);
        if (flow.step % EPOCH == EPOCH - 1 && epoch >= 1) arrived_early = load_number(&a.progress->arrived[epoch - 1]);
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            if (first_strip + i * warps < a.max_strips) load(layers[l + 1], first_strip + i * warps, next[i]);
        }
        const UpdateLayer& layer = layers[l];
        const float low = layer.low, high = layer.high, weight = layer.weight;
        while (!all_here()) ask();
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            const float z = sum_of_strip<EQUAL_WEIGHTS>(now[i], weight, __uint_as_float(u32(word[i])));
            const float y = clamp(z + now[i].bias, low, high);
            // Only the last layer of a network calls its outputs otherwise.
            const u32 place = (first_strip + i * warps) * STRIP_OUTPUTS + o;
            if (writes && place < neurons) store_word(out + place, u64(tag + 1) << 32 | __float_as_uint(y));
        }
    }
    if (flow.step > 0) finish(a, shared, flow);
    if (flow.keeps_books) {
        store_number(&a.progress->layer, l);
        write_lists(a, shared, flow.live);
    }
    update_layer(a, layers, shared, flow);
}
