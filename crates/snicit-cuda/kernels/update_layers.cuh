// The layers of the persistent update: their form, and what a lane needs of a strip besides activations.
#pragma once
#include "common.cuh"

constexpr u32 WARPS = 16;
constexpr u32 THREADS = WARPS * WARP;
constexpr u32 STRIP_OUTPUTS = 16; // of a strip with one set of inputs
constexpr u32 ROWS = 4;           // of a strip whose outputs have their own
constexpr u32 INPUTS_A_LANE = 4;
constexpr u32 INPUTS_AT_ONCE = WARP / 4 * INPUTS_A_LANE;
constexpr u32 GROUP = 3;         // columns that a warp takes at once
constexpr u32 KEPT = 32;         // centroids whose sums are kept for their residues; layers flow with no more
constexpr u32 RING_COLUMNS = 64; // at most: they are bits of a word
constexpr u32 EPOCH = 4;         // layers between reports of a block
constexpr u32 RING = 2 * EPOCH + 1;
constexpr u32 MAX_LAYERS = 512;
constexpr u32 MAX_EPOCHS = MAX_LAYERS / EPOCH;
constexpr u32 LAYERS_BETWEEN_DROPS = 4; // of synchronised layers
constexpr u32 NARROW_INPUTS = 1, NARROW_OUTPUTS = 2;

struct Strip {
    u32 first_input;  // of its inputs in `inputs`, a multiple of 4
    u32 inputs;       // of each output
    u32 outputs;      // at most strip_outputs
    u32 first_output; // of its outputs in `outputs`
};

// The inputs of a strip are filled up to a multiple of 4. With one set of inputs, `weights` has a row of
// STRIP_OUTPUTS for each entry of `inputs`. Otherwise the inputs of one output follow those of the other, as
// many for each, and `weights` has one for each entry.
struct UpdateLayer {
    const Strip* strips;  // null: strip s has `strip_inputs` inputs, and `strip_outputs` unless it is the last
    const u8* inputs;     // input neurons, strip by strip
    const float* weights; // null: all are `weight`
    const u8* outputs;    // output neurons, strip by strip; null: they are called by their places in this order
    const float* bias;    // in this order; null: all are `uniform_bias`
    const u8* all;        // where all of these lie
    u64 bytes;
    u32 strip_count;
    u32 strip_inputs;
    u32 strip_outputs;    // STRIP_OUTPUTS or ROWS
    u32 neurons_in;
    u32 neurons_out;
    u32 narrow;           // NARROW_INPUTS, NARROW_OUTPUTS: neurons are numbers of 16 bits
    float low, high;
    float weight;
    float uniform_bias;

    __device__ __forceinline__ u32 stored_inputs(u32 inputs) const {
        return (inputs + INPUTS_A_LANE - 1) / INPUTS_A_LANE * INPUTS_A_LANE;
    }
    __device__ __forceinline__ bool has_rows() const { return strip_outputs == ROWS; }

    // The output neuron at a place in the order of the strips.
    __device__ __forceinline__ u32 output(u64 place) const {
        if (!outputs) return u32(place);
        if (narrow & NARROW_OUTPUTS) return __ldg(reinterpret_cast<const u16*>(outputs) + place);
        return __ldg(reinterpret_cast<const u32*>(outputs) + place);
    }
};

// Which output of a strip a lane has when the sums have been added up; two lanes have the same.
__device__ __forceinline__ u32 output_of_lane() {
    const u32 lane = lane_id();
    return lane % 4 * 4 + (lane & 16) / 8 + (lane & 8) / 8;
}
__device__ __forceinline__ bool writes_output() { return (lane_id() & 4) == 0; }

// What a lane needs of a strip besides activations: up to 32 inputs of it.
struct StripData {
    u32 first_input;
    u32 inputs;
    uint4 numbers;  // of the inputs, as they are stored: to take them apart is to wait for them
    bool narrow;
    float4 weights[INPUTS_A_LANE];
    u32 output; // the lane's output neuron; NONE if it writes none
    float bias;
};

// Four numbers of 16 bits.
__device__ __forceinline__ void unpack(u32 low, u32 high, u32 (&index)[INPUTS_A_LANE]) {
    index[0] = low & 0xffff, index[1] = low >> 16;
    index[2] = high & 0xffff, index[3] = high >> 16;
}

__device__ __forceinline__ void unpack(const StripData& d, u32 (&index)[INPUTS_A_LANE]) {
    if (d.narrow) {
        unpack(d.numbers.x, d.numbers.y, index);
    } else {
        index[0] = d.numbers.x, index[1] = d.numbers.y, index[2] = d.numbers.z, index[3] = d.numbers.w;
    }
}

// Inputs from the strip's first input number `start` on.
__device__ __forceinline__ void load_inputs(const UpdateLayer& layer, StripData& d, u32 start) {
    const u32 mine = start + lane_id() / 4 * INPUTS_A_LANE;
    d.numbers = make_uint4(0, 0, 0, 0);
    d.narrow = layer.narrow & NARROW_INPUTS;
    if (mine >= d.inputs) {
#pragma unroll
        for (u32 t = 0; t < INPUTS_A_LANE; ++t) d.weights[t] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        return;
    }
    u64 first = u64(d.first_input) + mine;
    if (layer.has_rows()) first += lane_id() % 4 * layer.stored_inputs(d.inputs);
    if (d.narrow) {
        const uint2 pairs = __ldg(reinterpret_cast<const uint2*>(layer.inputs + first * sizeof(u16)));
        d.numbers.x = pairs.x, d.numbers.y = pairs.y;
    } else {
        d.numbers = __ldg(reinterpret_cast<const uint4*>(layer.inputs + first * sizeof(u32)));
    }
#pragma unroll
    for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
        d.weights[t] = make_float4(layer.weight, layer.weight, layer.weight, layer.weight);
    }
    if (layer.weights && !layer.has_rows()) {
        const float4* rows = reinterpret_cast<const float4*>(layer.weights) + first * (STRIP_OUTPUTS / 4);
#pragma unroll
        for (u32 t = 0; t < INPUTS_A_LANE; ++t) d.weights[t] = __ldg(rows + t * (STRIP_OUTPUTS / 4) + lane_id() % 4);
    } else if (layer.weights) {
        const float4 of_inputs = __ldg(reinterpret_cast<const float4*>(layer.weights + first));
        d.weights[0].x = of_inputs.x, d.weights[1].x = of_inputs.y;
        d.weights[2].x = of_inputs.z, d.weights[3].x = of_inputs.w;
    }
}

__device__ __forceinline__ StripData load_strip(const UpdateLayer& layer, u32 strip) {
    Strip s;
    if (layer.strips) {
        const uint4 four = __ldg(reinterpret_cast<const uint4*>(layer.strips) + strip);
        s = {four.x, four.y, four.z, four.w};
    } else {
        s.first_input = strip * layer.stored_inputs(layer.strip_inputs) * (layer.has_rows() ? ROWS : 1);
        s.inputs = layer.strip_inputs;
        s.first_output = strip * layer.strip_outputs;
        s.outputs = min(layer.strip_outputs, layer.neurons_out - s.first_output);
    }
    StripData d;
    d.first_input = s.first_input;
    d.inputs = s.inputs;
    d.output = NONE;
    d.bias = layer.uniform_bias;
    u32 o = output_of_lane();
    // Only the first sum of a lane is of use if its inputs belong to one output.
    if (layer.has_rows()) o = o % 4 == 0 ? o / 4 : NONE;
    if (o < s.outputs) {
        const u64 place = u64(s.first_output) + o;
        if (layer.bias) d.bias = __ldg(layer.bias + place);
        if (writes_output()) d.output = layer.output(place);
    }
    load_inputs(layer, d, 0);
    return d;
}
