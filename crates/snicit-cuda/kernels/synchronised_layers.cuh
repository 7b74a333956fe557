// The persistent update with more columns than the ring has room for: barriers of the grid separate the layers.
#pragma once
#include "update_strip.cuh"

__device__ void grid_barrier(u32* arrivals, u32 target) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(arrivals, 1);
        while (load_acquire(arrivals) < target) {}
        __threadfence();
    }
    __syncthreads();
}

struct SynchronisedAccess {
    static constexpr bool ALL_KEPT = false;
    const u32* list;    // numbers of columns; null: all
    const u32* slots;   // null: column k in slot k
    const u32* centers;
    const float* from;
    float* to;
    u64 neurons_in, neurons_out;
    u32* flags;         // null: not asked for

    __device__ __forceinline__ u32 number(u32 k) const { return list ? load_number(list + k) : k; }
    __device__ __forceinline__ const void* source(u32 k) const {
        return from + slot_of(slots, number(k)) * neurons_in;
    }
    __device__ __forceinline__ u32 center(u32 k) const { return centers[number(k)]; }
    __device__ __forceinline__ void write(u32 k, u32 neuron, float y) const { to[number(k) * neurons_out + neuron] = y; }
    __device__ __forceinline__ void note(u32 k, bool alive) const {
        if (!flags) return;
        const bool any = __any_sync(ALL_LANES, alive);
        if (any && lane_id() == 0) *(volatile u32*)&flags[number(k)] = 1;
    }
};

// Drops residues without flag from the list of columns, clears the flags. By one block.
__device__ void drop_empty(const PersistentUpdateArguments& a, u32 count, u32 centroids, bool listed) {
    __shared__ u32 live_of_warp[WARPS];
    u32 place = 0;
    for (u32 first = 0; first < count; first += THREADS) {
        const u32 k = first + threadIdx.x;
        u32 column = 0;
        bool live = false;
        if (k < count) {
            column = listed ? load_number(a.live_slots + k) : k;
            live = k < centroids || load_number(a.flags + column);
            a.flags[column] = 0;
        }
        const u32 ballot = __ballot_sync(ALL_LANES, live);
        if (lane_id() == 0) live_of_warp[warp_id()] = __popc(ballot);
        __syncthreads();
        u32 before = place;
        for (u32 w = 0; w < WARPS; ++w) {
            if (w < warp_id()) before += live_of_warp[w];
            place += live_of_warp[w];
        }
        if (live) a.live_slots[before + lanes_before(ballot)] = column;
        __syncthreads();
    }
    if (threadIdx.x == 0) a.progress->count = place;
}

// Layers from the first on, until few enough columns for the ring are left. `count` is kept up to date;
// gives the next layer.
__device__ __noinline__ u32 synchronised_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers, float* kept,
                                   u32& count, u32 centroids) {
    const u32 warps = gridDim.x * WARPS;
    u32 barriers = 0;
    bool listed = false;
    for (u32 l = 0; l < a.layer_count; ++l) {
        if (l > 0 && blockIdx.x == 0 && threadIdx.x == 0) a.entered[l - 1] = count;
        const UpdateLayer& layer = layers[l];
        const u32 residues = count - centroids;
        const u32 parts = residue_parts(layer.strip_count, residues, centroids);
        const u32 residues_a_part = (residues + parts - 1) / parts;
        const bool drops = l % LAYERS_BETWEEN_DROPS == LAYERS_BETWEEN_DROPS - 1 || l + 1 == a.layer_count;
        SynchronisedAccess access;
        access.list = listed ? a.live_slots : nullptr;
        access.slots = l == 0 ? a.slots : nullptr;
        access.centers = a.centers;
        access.from = l % 2 == 0 ? a.from : a.other;
        access.to = l % 2 == 0 ? a.other : a.from;
        access.neurons_in = layer.neurons_in;
        access.neurons_out = layer.neurons_out;
        access.flags = drops ? a.flags : nullptr;
        const u32 items = layer.strip_count * parts;
        for (u32 item = spread_warp_id(); item < items; item += warps) {
            const u32 part = item / layer.strip_count;
            const u32 begin = min(part * residues_a_part, residues);
            const u32 of_part = min(residues_a_part, residues - begin);
            if (part && of_part == 0) continue;
            const StripData strip = load_strip(layer, item % layer.strip_count);
            const StripUpdate u = {layer, strip, 0, centroids, part == 0, a.prune, kept};
            u32 given = 0;
            update_strip<false>(u, access, centroids + of_part, [&] {
                const u32 k = given++;
                return k < centroids ? k : k + begin;
            });
        }
        grid_barrier(&a.progress->barrier, ++barriers * gridDim.x);
        if (!drops) continue;
        if (blockIdx.x == 0) drop_empty(a, count, centroids, listed);
        grid_barrier(&a.progress->barrier, ++barriers * gridDim.x);
        listed = true;
        count = load_number(&a.progress->count);
        if (may_flow(a, count, centroids)) return l + 1;
    }
    return a.layer_count;
}
