// The layers of the persistent update that come next, brought into the second-level cache by a warp of each block
// that has nothing else to do: a prefetch holds a warp up for hundreds of cycles.
#pragma once
#include "update_state.cuh"

constexpr u32 BYTES_AHEAD = 8 << 20; // of layers, unless they are very small or very large
constexpr u32 MIN_LAYERS_AHEAD = 2, MAX_LAYERS_AHEAD = 64;

// By all warps from `first_warp` on that are the last of their blocks. They take turns, layer after layer, so that
// a small layer costs most of them next to nothing.
__device__ __forceinline__ void prefetch_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                                u32 first_layer, u32 first_warp) {
    constexpr u32 LINE = 128, CHUNK = WARP * LINE;
    first_warp = max(first_warp, gridDim.x * (WARPS - 1));
    if (spread_warp_id() < first_warp) return;
    const u32 warps = gridDim.x * WARPS - first_warp;
    const u32 layer_bytes = u32(min(layers[first_layer].bytes, u64(BYTES_AHEAD)));
    const u32 ahead = min(max(BYTES_AHEAD / max(layer_bytes, 1u), MIN_LAYERS_AHEAD), MAX_LAYERS_AHEAD);
    u32 begun = first_layer;
    u32 chunk = spread_warp_id() - first_warp; // the next of this warp, counted from the layer's first
    for (u32 l = first_layer; l < a.layer_count; ++l) {
        const u8* all = layers[l].all;
        const u64 bytes = layers[l].bytes;
        const u32 chunks = u32((bytes + CHUNK - 1) / CHUNK);
        for (; chunk < chunks; chunk += warps) {
            while (begun + ahead < l) {
                begun = load_number(&a.progress->layer);
                if (begun + ahead < l) __nanosleep(200);
            }
            const u64 at = u64(chunk) * CHUNK + lane_id() * LINE;
            if (at < bytes) prefetch(all + at);
        }
        chunk -= chunks;
    }
}
