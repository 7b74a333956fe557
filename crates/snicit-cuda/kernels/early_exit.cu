// Early exit: layers that provably keep saturated columns saturated and zero ones zero are left out when all
// columns are saturated. The host has sent those layers already; they find no column to compute.
#include "common.cuh"

constexpr u32 PIECE = 1024; // neurons of a column that a block takes at once

// Where the neurons of the column in slot `slot` begin, and how far apart they are.
__device__ __forceinline__ u64 first_of(u32 slot, u32 neurons, u32 neuron_major) {
    return neuron_major ? panel_offset(slot, neurons) : u64(slot) * neurons;
}
__device__ __forceinline__ u64 stride_of(u32 neuron_major) { return neuron_major ? PANEL : 1; }

struct CheckSaturationArguments {
    const float* values;  // of column j in slot slots[j]
    const u32* slots;
    const u32* count;
    u32 neurons;
    u32 neuron_major;
    float bound;          // what a saturated column has in every neuron
    u32* left;            // zero before; receives *count if a column is not saturated
};

extern "C" __global__ void check_saturation(CheckSaturationArguments a) {
    const u32 count = *a.count;
    // Lanes lie along columns where those lie side by side, else along neurons.
    const u32 columns_at_once = a.neuron_major ? PANEL : 1, rows_at_once = blockDim.x / columns_at_once;
    const u32 row = threadIdx.x / columns_at_once, column = threadIdx.x % columns_at_once;
    const u32 pieces = (a.neurons + PIECE - 1) / PIECE;
    const u64 items = u64((count + columns_at_once - 1) / columns_at_once) * pieces;
    for (u64 item = blockIdx.x; item < items; item += gridDim.x) {
        if (*(volatile u32*)a.left) return;
        u32 piece;
        const u64 j = divide(item, pieces, piece) * columns_at_once + column;
        if (j >= count) continue;
        const float* values = a.values + first_of(slot_of(a.slots, u32(j)), a.neurons, a.neuron_major);
        const u32 end = min((piece + 1) * PIECE, a.neurons);
        bool saturated = true;
        for (u32 i = piece * PIECE + row; i < end; i += rows_at_once) {
            saturated &= values[i * stride_of(a.neuron_major)] == a.bound;
        }
        if (!saturated) *a.left = count;
    }
}

struct FillSaturatedArguments {
    const u32* left;      // not zero: layers were computed, and there is nothing to do
    const u32* count;     // columns that were saturated
    const u32* inputs;    // which input each belongs to; null: column j to input j
    u32 neurons;          // of the last layer
    u32 neuron_major;
    float bound;          // of the last layer
    float* values;        // column j to slot j
    u32* live_slots;
    u32* live_inputs;     // may be `inputs`
    u32* live_count;
};

// What the layers that were left out would have made of the columns.
extern "C" __global__ void fill_saturated(FillSaturatedArguments a) {
    if (*a.left) return;
    const u32 count = *a.count;
    const u32 thread = blockIdx.x * blockDim.x + threadIdx.x;
    for (u32 j = thread; j < count; j += gridDim.x * blockDim.x) {
        a.live_slots[j] = j;
        a.live_inputs[j] = a.inputs ? a.inputs[j] : j;
    }
    if (thread == 0) *a.live_count = count;
    const u32 pieces = (a.neurons + PIECE - 1) / PIECE;
    for (u64 item = blockIdx.x; item < u64(count) * pieces; item += gridDim.x) {
        u32 piece;
        const u32 j = u32(divide(item, pieces, piece));
        float* values = a.values + first_of(j, a.neurons, a.neuron_major);
        const u32 end = min((piece + 1) * PIECE, a.neurons);
        for (u32 i = piece * PIECE + threadIdx.x; i < end; i += blockDim.x) {
            values[i * stride_of(a.neuron_major)] = a.bound;
        }
    }
}
