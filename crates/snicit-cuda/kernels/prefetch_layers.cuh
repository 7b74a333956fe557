// The layers of the persistent update that come next, brought into the second-level cache by a warp of each block
// that has nothing else to do: a prefetch holds a warp up for hundreds of cycles.
#pragma once
#include "update_state.cuh"

constexpr u64 BYTES_AHEAD = 8 << 20; // of layers, unless they are very small or very large
constexpr u32 MIN_LAYERS_AHEAD = 2, MAX_LAYERS_AHEAD = 64;

// By all warps from `first_warp` on that are the last of their blocks.
__device__ __forceinline__ void prefetch_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                                u32 first_layer, u32 first_warp) {
    constexpr u32 LINE = 128;
    first_warp = max(first_warp, gridDim.x * (WARPS - 1));
    if (spread_warp_id() < first_warp) return;
    const u32 warps = gridDim.x * WARPS - first_warp, mine = spread_warp_id() - first_warp;
    u32 begun = first_layer, first_of_layer = 0;
    for (u32 l = first_layer; l < a.layer_count; ++l) {
        const u64 bytes = layers[l].bytes;
        const u32 ahead = min(max(u32(BYTES_AHEAD / max(bytes, u64(1))), MIN_LAYERS_AHEAD), MAX_LAYERS_AHEAD);
        while (begun + ahead < l) {
            begun = load_number(&a.progress->layer);
            if (begun + ahead < l) __nanosleep(500);
        }
        // Small layers begin at different warps, so that all prefetch.
        u32 place = mine + warps - first_of_layer;
        if (place >= warps) place -= warps;
        for (u64 at = u64(place * WARP + lane_id()) * LINE; at < bytes; at += u64(warps) * WARP * LINE) {
            prefetch(layers[l].all + at);
        }
        first_of_layer = u32((first_of_layer + (bytes + WARP * LINE - 1) / (WARP * LINE)) % warps);
    }
}
