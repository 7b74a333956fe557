// What a launch of the persistent update works on, and how its blocks read and write what others do.
#pragma once
#include "update_layers.cuh"

// Zero at the beginning of a launch.
struct Progress {
    u64 alive[MAX_EPOCHS];   // residues that are not empty behind an epoch, a bit each
    u32 arrived[MAX_EPOCHS]; // blocks that have gone past an epoch
    u32 before_last;         // blocks that have gone past the last layer but one
    u32 barrier;             // arrivals at the barriers of synchronised layers
    u32 count;               // columns left
    u32 layer;               // where the launch is, roughly: for those who prefetch
};

// ALIKE: all layers of a launch have as many neurons as the first has inputs, 16-bit numbers for them, and no list
// of strips: as many strips, of sixteen outputs and as many inputs, at most INPUTS_AT_ONCE.
// ALIKE_EQUAL_WEIGHTS: and in each layer all weights are equal. ALIKE_IN_BLOCK: and strips are whole, of
// INPUTS_AT_ONCE inputs, and so few that one block takes them: see block_layers.cuh.
constexpr u32 ALIKE = 1, ALIKE_EQUAL_WEIGHTS = 2, ALIKE_IN_BLOCK = 3;

struct PersistentUpdateArguments {
    const UpdateLayer* layers;
    u32 layer_count;         // at most MAX_LAYERS
    u32 max_strips;          // of any of the layers
    float* from;             // the columns, input-major, in `slots`
    float* other;            // the other buffer; receives the result if layer_count is odd, else `from` does
    const u32* slots;
    const u32* inputs;       // what belongs to a column, see conversion.cu
    const u32* centers;
    const u32* count;
    const u32* centroid_count;
    u32* live_slots;         // of the result
    u32* live_inputs;
    u32* live_centers;
    u32* live_count;
    u32* entered;            // receives the count of columns for each layer but the first
    u32* flags;              // one a column, zero
    u64* ring;               // RING slots of ring_columns columns of ring_neurons words
    u64 ring_neurons;
    u32* last_tag;           // the largest tag ever used
    Progress* progress;
    u32 ring_columns;        // at most RING_COLUMNS
    float prune;
    u32 alike;               // one of ALIKE and so on, or 0
    u32 unused;
};

__device__ __forceinline__ u64 load_word(const u64* p) {
    u64 x;
    asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(x) : "l"(p));
    return x;
}

__device__ __forceinline__ void store_word(u64* p, u64 x) {
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(p), "l"(x));
}

__device__ __forceinline__ u32 load_number(const u32* p) {
    u32 x;
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(x) : "l"(p));
    return x;
}

__device__ __forceinline__ u32 load_acquire(const u32* p) {
    u32 x;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(x) : "l"(p) : "memory");
    return x;
}

__device__ __forceinline__ void store_number(u32* p, u32 x) {
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(x));
}

// A barrier of the first `threads` threads of a block, whole warps.
__device__ __forceinline__ void barrier_of_first(u32 threads) {
    asm volatile("bar.sync 1, %0;" ::"r"(threads) : "memory");
}

// Into how many parts the residues are cut so that all warps have work. Every part adds up the sums of the
// centroids, so that it should have at least as many residues.
__device__ __forceinline__ u32 residue_parts(u32 strips, u32 residues, u32 centroids) {
    const u32 useful = residues / max(centroids, GROUP);
    return max(1u, min(useful, gridDim.x * WARPS / max(strips, 1u)));
}

// Number of a warp such that few strips are spread over many multiprocessors.
__device__ __forceinline__ u32 spread_warp_id() { return warp_id() * gridDim.x + blockIdx.x; }

__device__ __forceinline__ bool may_flow(const PersistentUpdateArguments& a, u32 count, u32 centroids) {
    return count <= a.ring_columns && centroids <= KEPT;
}
