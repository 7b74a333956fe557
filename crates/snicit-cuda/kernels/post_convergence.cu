// SNICIT, stage 3: what follows the load-reduced product Z = W * Y^ of a layer. With c the centroid of
// residue column k:
//   centroid  Y^'_k = f(Z_k + b)
//   residue   Y^'_k = f(Z_c + Z_k + b) - f(Z_c + b), small ones zero
// Centroids are the first columns, in their order.
#include "common.cuh"

struct UpdateArguments {
    const float* z;
    float* y;
    const u32* count;
    const u32* centers;        // of each column
    const u32* centroid_count;
    const float* bias;         // one an output
    u32 neurons;
    float low, high;
    float prune;
    LiveMarks marks;           // columns to keep; no marks are made if flags is null
    const u8* next_weights;    // of the next layer; null if there is none
    u64 next_bytes;
};

// Brings the next layer's weights into the second-level cache: its kernel has few columns to compute and
// would mostly wait for them.
__device__ __forceinline__ void prefetch_next(const UpdateArguments& a) {
    constexpr u32 LINE = 128;
    const u64 step = u64(gridDim.x) * blockDim.x * LINE;
    for (u64 at = (u64(blockIdx.x) * blockDim.x + threadIdx.x) * LINE; at < a.next_bytes; at += step) {
        prefetch(a.next_weights + at);
    }
}

__device__ __forceinline__ float update(const UpdateArguments& a, float z, float z_center, float bias,
                                        bool is_centroid) {
    const float center = clamp(z_center + bias, a.low, a.high);
    if (is_centroid) return center;
    const float residue = clamp(z_center + z + bias, a.low, a.high) - center;
    return fabsf(residue) > a.prune ? residue : 0.0f;
}

// Input-major: a block a piece of a column.
constexpr u32 PIECE = 1024;

extern "C" __global__ void update_input_major(UpdateArguments a) {
    prefetch_next(a);
    const u32 count = *a.count, centroids = *a.centroid_count;
    // A layer without neurons still has to mark its centroids.
    const u64 pieces = a.neurons ? (u64(a.neurons) + PIECE - 1) / PIECE : 1;
    for (u64 item = blockIdx.x; item < count * pieces; item += gridDim.x) {
        const u32 k = item / pieces, first = item % pieces * PIECE;
        const u32 end = min(first + PIECE, a.neurons);
        const float* z = a.z + u64(k) * a.neurons;
        const float* z_center = a.z + u64(a.centers[k]) * a.neurons;
        float* y = a.y + u64(k) * a.neurons;
        bool any = false;
        for (u32 i = first + threadIdx.x; i < end; i += blockDim.x) {
            y[i] = update(a, z[i], z_center[i], a.bias[i], k < centroids);
            any |= y[i] != 0.0f;
        }
        if (a.marks.flags) {
            any = __syncthreads_or(any);
            if (threadIdx.x == 0 && (any || k < centroids)) a.marks.mark(k);
        }
    }
}

// Neuron-major: a block takes as many rows at a time as its threads can fill with a panel's columns.
constexpr u32 ROWS_A_THREAD = 4;

extern "C" __global__ void update_neuron_major(UpdateArguments a) {
    prefetch_next(a);
    const u32 count = *a.count, centroids = *a.centroid_count;
    if (count == 0) return;
    u32 columns_at_once = 1;
    while (columns_at_once < count && columns_at_once < PANEL) columns_at_once *= 2;
    const u32 rows_at_once = blockDim.x / columns_at_once;
    const u32 row = threadIdx.x / columns_at_once, column = threadIdx.x % columns_at_once;
    // Blocks that share a panel take its rows in turn.
    const u64 panels = (u64(count) + PANEL - 1) / PANEL;
    const u32 rows_of_a_group = rows_at_once * ROWS_A_THREAD;
    // A layer without neurons still has to mark its centroids.
    const u64 row_groups = a.neurons ? (u64(a.neurons) + rows_of_a_group - 1) / rows_of_a_group : 1;
    for (u64 item = blockIdx.x; item < panels * row_groups; item += gridDim.x) {
        const u64 first_row = item % row_groups * rows_at_once * ROWS_A_THREAD + row;
        const u64 k = item / row_groups * PANEL + column;
        if (k >= count) continue;
        const u32 center = a.centers[k];
        const u64 mine = panel_offset(k, a.neurons);
        const u64 centers = panel_offset(center, a.neurons);
        bool any = false;
#pragma unroll
        for (u32 t = 0; t < ROWS_A_THREAD; ++t) {
            const u64 i = first_row + u64(t) * rows_at_once;
            if (i >= a.neurons) break;
            const float y = update(a, a.z[mine + i * PANEL], a.z[centers + i * PANEL], a.bias[i], k < centroids);
            a.y[mine + i * PANEL] = y;
            any |= y != 0.0f;
        }
        if (a.marks.flags && (any || k < centroids)) a.marks.mark(k);
    }
}
