// A strip of the persistent update: the load-reduced product and the update for any number of columns.
#pragma once
#include "update_state.cuh"

// Activations of the lane's inputs for some columns; `left` inputs are left in the strip. Tagged ones are
// awaited.
template <bool TAGGED, u32 COLUMNS>
__device__ __forceinline__ void gather(const StripData& d, const void* const (&from)[COLUMNS], u32 left, u32 tag,
                                       float (&y)[COLUMNS][INPUTS_A_LANE]) {
    const u32 mine = lane_id() / 4 * INPUTS_A_LANE;
    u32 index[INPUTS_A_LANE];
    unpack(d, index);
    if constexpr (TAGGED) {
        u64 word[COLUMNS][INPUTS_A_LANE];
#pragma unroll
        for (u32 c = 0; c < COLUMNS; ++c) {
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                word[c][t] = u64(tag) << 32;
                if (mine + t < left) word[c][t] = load_word(static_cast<const u64*>(from[c]) + index[t]);
            }
        }
        bool early;
        do {
            early = false;
#pragma unroll
            for (u32 c = 0; c < COLUMNS; ++c) {
#pragma unroll
                for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                    if (u32(word[c][t] >> 32) != tag) {
                        word[c][t] = load_word(static_cast<const u64*>(from[c]) + index[t]);
                        early = true;
                    }
                }
            }
        } while (early);
        __syncwarp();
#pragma unroll
        for (u32 c = 0; c < COLUMNS; ++c) {
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) y[c][t] = __uint_as_float(u32(word[c][t]));
        }
    } else {
#pragma unroll
        for (u32 c = 0; c < COLUMNS; ++c) {
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                y[c][t] = 0.0f;
                if (mine + t < left) {
                    y[c][t] = __uint_as_float(load_number(static_cast<const u32*>(from[c]) + index[t]));
                }
            }
        }
    }
}

// Adds up the eight lanes that have sums of the same outputs; see output_of_lane.
__device__ __forceinline__ float add_up(const float (&sums)[4]) {
    const bool upper = lane_id() & 16, odd = lane_id() & 8;
    float a = upper ? sums[2] : sums[0], b = upper ? sums[3] : sums[1];
    a += __shfl_xor_sync(ALL_LANES, upper ? sums[0] : sums[2], 16);
    b += __shfl_xor_sync(ALL_LANES, upper ? sums[1] : sums[3], 16);
    float z = odd ? b : a;
    z += __shfl_xor_sync(ALL_LANES, odd ? a : b, 8);
    return z + __shfl_xor_sync(ALL_LANES, z, 4);
}

// Z = W * Y^ of a strip for some columns.
template <bool TAGGED, u32 COLUMNS>
__device__ __forceinline__ void product(const UpdateLayer& layer, const StripData& strip,
                                        const void* const (&from)[COLUMNS], u32 tag, float (&z)[COLUMNS]) {
    float sums[COLUMNS][4] = {};
    StripData d = strip;
    for (u32 start = 0;;) {
        float y[COLUMNS][INPUTS_A_LANE];
        gather<TAGGED>(d, from, d.inputs - start, tag, y);
#pragma unroll
        for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
#pragma unroll
            for (u32 c = 0; c < COLUMNS; ++c) {
                sums[c][0] += d.weights[t].x * y[c][t];
                sums[c][1] += d.weights[t].y * y[c][t];
                sums[c][2] += d.weights[t].z * y[c][t];
                sums[c][3] += d.weights[t].w * y[c][t];
            }
        }
        start += INPUTS_AT_ONCE;
        if (start >= d.inputs) break;
        load_inputs(layer, d, start);
    }
#pragma unroll
    for (u32 c = 0; c < COLUMNS; ++c) z[c] = add_up(sums[c]);
}

// One strip on its way: what all its columns share.
struct StripUpdate {
    const UpdateLayer& layer;
    const StripData& strip;
    u32 tag;
    u32 centroids;
    bool writes_centroids;
    float prune;
    float* kept; // sums of the centroids, 16 each
};

// Some columns of a strip. `column` are numbers that `access` understands, centroids the first.
template <bool TAGGED, u32 COLUMNS, class Access>
__device__ __forceinline__ void update(const StripUpdate& u, Access& access, const u32 (&column)[COLUMNS], u32 count) {
    const UpdateLayer& layer = u.layer;
    const void* from[COLUMNS];
#pragma unroll
    for (u32 c = 0; c < COLUMNS; ++c) from[c] = access.source(column[c]);
    float z[COLUMNS];
    product<TAGGED>(layer, u.strip, from, u.tag, z);
    const u32 o = output_of_lane();
    const bool writes = u.strip.output != NONE;
#pragma unroll
    for (u32 c = 0; c < COLUMNS; ++c) {
        if (c >= count) break;
        const u32 k = column[c];
        if (k < u.centroids) {
            if (writes && u.writes_centroids) {
                access.write(k, u.strip.output, clamp(z[c] + u.strip.bias, layer.low, layer.high));
            }
            if ((Access::ALL_KEPT || k < KEPT) && writes_output()) u.kept[k * STRIP_OUTPUTS + o] = z[c];
            continue;
        }
        __syncwarp();
        const u32 center = access.center(k);
        float z_center[1];
        if (Access::ALL_KEPT || center < KEPT) {
            z_center[0] = u.kept[center * STRIP_OUTPUTS + o];
        } else {
            const void* const of_center[1] = {access.source(center)};
            product<TAGGED>(layer, u.strip, of_center, u.tag, z_center);
        }
        const float y_center = clamp(z_center[0] + u.strip.bias, layer.low, layer.high);
        const float residue = clamp(z_center[0] + z[c] + u.strip.bias, layer.low, layer.high) - y_center;
        const float y = fabsf(residue) > u.prune ? residue : 0.0f;
        if (writes) access.write(k, u.strip.output, y);
        access.note(k, writes && y != 0.0f);
    }
}

// All columns of a strip that `next` names: it gives one more each time, or says no.
template <bool TAGGED, class Access, class Next>
__device__ __forceinline__ void update_strip(const StripUpdate& u, Access& access, u32 columns, Next next) {
    __syncwarp(); // `kept` was read for the strip before
    while (columns > 1) {
        u32 column[GROUP];
        const u32 count = min(columns, GROUP);
#pragma unroll
        for (u32 c = 0; c < GROUP; ++c) column[c] = c < count ? next() : column[0];
        update<TAGGED>(u, access, column, count);
        columns -= count;
    }
    if (columns) {
        const u32 column[1] = {next()};
        update<TAGGED>(u, access, column, 1);
    }
}
