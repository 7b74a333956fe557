// The only column left, in the shared memory of a block that takes it through layers that are all alike: how it
// comes there, and how a lane reads and writes four activations.
#pragma once
#include "flowing_layers.cuh"

constexpr u32 RUN = 4; // inputs that a lane reads at once where inputs are runs; outputs that it writes

// The activations of two layers, by turns, each with a run of zeros for inputs that only fill up, and one for
// outputs that only fill up.
struct SharedColumn {
    float* layers[2];
    u32 zeros;  // where they begin, in each
    u32 unused; // the others, likewise

    __device__ __forceinline__ SharedColumn(float* activations, u32 strips) {
        zeros = strips * STRIP_OUTPUTS;
        layers[0] = activations;
        unused = zeros + RUN;
        layers[1] = activations + unused + RUN;
    }
};

// By all threads of a block: the column as the layer `flow.step` reads it.
__device__ __forceinline__ void take_column(const PersistentUpdateArguments& a, const FlowingShared& shared,
                                            const Flow& flow, u32 neurons, const SharedColumn& to) {
    const u32 tag = flow.first_tag + flow.step, layer = flow.first_layer + flow.step;
    const u64* words = a.ring + flow.step % RING * (a.ring_neurons * a.ring_columns);
    const float* from = (layer % 2 == 0 ? a.from : a.other) + u64(shared.slot[0]) * neurons;
    for (u32 i = threadIdx.x; i < neurons; i += THREADS) {
        if (flow.step > 0) {
            u64 word;
            do word = load_word(words + i);
            while (u32(word >> 32) != tag);
            to.layers[0][i] = __uint_as_float(u32(word));
        } else {
            to.layers[0][i] = __uint_as_float(load_number(reinterpret_cast<const u32*>(from) + i));
        }
    }
    if (threadIdx.x < 2 * RUN) to.layers[threadIdx.x / RUN][to.zeros + threadIdx.x % RUN] = 0.0f;
    __syncthreads();
}

// By all threads of one block: what the host is told.
__device__ __forceinline__ void keep_books(const PersistentUpdateArguments& a, const FlowingShared& shared,
                                           const Flow& flow) {
    const u32 first_layer = flow.first_layer + flow.step;
    for (u32 l = max(first_layer, 1u) + threadIdx.x; l < a.layer_count; l += THREADS) a.entered[l - 1] = 1;
    if (threadIdx.x != 0) return;
    if (flow.step > 0) *a.last_tag = flow.first_tag + flow.step;
    write_lists(a, shared, flow.live);
}

// The strip's inputs from its input `first` on, a multiple of four, of the layer's `numbers`, of 16 bits each. Those
// that only fill up are zeros. A strip has `stored` inputs with, and `inputs` without these.
__device__ __forceinline__ uint2 four_inputs(const u8* numbers, u32 strip, u32 stored, u32 inputs, u32 first,
                                             u32 zeros) {
    uint2 four = make_uint2(zeros | zeros << 16, zeros | zeros << 16);
    if (first >= stored) return four;
    four = __ldg(reinterpret_cast<const uint2*>(numbers + (u64(strip) * stored + first) * sizeof(u16)));
    if (first + RUN > inputs) {
        four.y = (four.y & 0xffff) | zeros << 16;
        if (inputs % RUN < 3) four.y = zeros | zeros << 16;
        if (inputs % RUN < 2) four.x = (four.x & 0xffff) | zeros << 16;
    }
    return four;
}

// The activations of four inputs.
__device__ __forceinline__ float4 four_activations(const float* in, uint2 four, bool runs) {
    if (runs) return *reinterpret_cast<const float4*>(in + (four.x & 0xffff));
    u32 index[RUN];
    unpack(four.x, four.y, index);
    return make_float4(in[index[0]], in[index[1]], in[index[2]], in[index[3]]);
}

// Four outputs of a strip from `place` in the order of the strips on, a multiple of four, likewise; null numbers are
// 0, 1, 2, … What lies behind the last is read but not used: arrays are whole 16 bytes.
__device__ __forceinline__ uint2 four_outputs(const u8* numbers, u32 place, u32 neurons) {
    if (numbers && place < neurons) return __ldg(reinterpret_cast<const uint2*>(numbers + place * sizeof(u16)));
    return make_uint2(place | (place + 1) << 16, (place + 2) | (place + 3) << 16);
}

// Takes them apart. To do so as soon as they were asked for would be to wait for them.
__device__ __forceinline__ void unpack_outputs(uint2 four, u32 place, u32 neurons, u32 unused, u32 (&output)[RUN]) {
    unpack(four.x, four.y, output);
    if (place + RUN <= neurons) return;
#pragma unroll
    for (u32 o = 0; o < RUN; ++o) {
        if (place + o >= neurons) output[o] = unused;
    }
}

// Their biases, likewise; null: all are `uniform`.
__device__ __forceinline__ float4 four_biases(const float* biases, float uniform, u32 place, u32 neurons) {
    float4 four = make_float4(uniform, uniform, uniform, uniform);
    if (biases && place < neurons) four = __ldg(reinterpret_cast<const float4*>(biases + place));
    return four;
}

// Where the last layer is written to.
__device__ __forceinline__ float* result_of(const PersistentUpdateArguments& a, const FlowingShared& shared, u32 neurons) {
    return (a.layer_count % 2 == 1 ? a.other : a.from) + u64(shared.column[0]) * neurons;
}
