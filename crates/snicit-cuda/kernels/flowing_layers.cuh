// The persistent update without barriers: activations with tags, in a ring.
#pragma once
#include "update_strip.cuh"

struct FlowingShared {
    u32 column[RING_COLUMNS]; // its number
    u32 slot[RING_COLUMNS];   // where the first layer reads it
    u32 center[RING_COLUMNS];
    u32 done[MAX_EPOCHS];     // warps that have gone past an epoch
    u32 before_last;          // warps that have gone past the last layer but one
    u32 step;                 // where one block alone goes on, for its warps that have waited
};

// Warps that have work in a layer of so many strips, or parts of them: as many as possible, but none is to have
// more pieces than it would have anyway. At least one.
__device__ __forceinline__ u32 warps_with_work(u32 pieces) {
    const u32 warps = gridDim.x * WARPS, each = max(1u, (pieces + warps - 1) / warps);
    return max(1u, (pieces + each - 1) / each);
}

struct FlowingAccess {
    static constexpr bool ALL_KEPT = true;
    const FlowingShared& shared;
    const u64* words_in;   // null in the first layer
    u64* words_out;        // null in the last layer
    const float* from;     // in the first layer
    float* to;             // in the last layer
    u64 ring_neurons;
    u64 neurons_in, neurons_out;
    u32 tag;               // of what is written
    bool notes;
    u64 alive;

    __device__ __forceinline__ const void* source(u32 k) const {
        if (words_in) return words_in + k * ring_neurons;
        return from + shared.slot[k] * neurons_in;
    }
    __device__ __forceinline__ u32 center(u32 k) const { return shared.center[k]; }
    __device__ __forceinline__ void write(u32 k, u32 neuron, float y) const {
        if (words_out) store_word(words_out + k * ring_neurons + neuron, u64(tag) << 32 | __float_as_uint(y));
        else to[shared.column[k] * neurons_out + neuron] = y;
    }
    __device__ __forceinline__ void note(u32 k, bool is_alive) {
        if (notes && __any_sync(ALL_LANES, is_alive)) alive |= u64(1) << k;
    }
};

// The strips of a warp, layer by layer.
struct Cursor {
    u32 layer;
    u32 item; // strip and part of the residues, strips first
};

__device__ __forceinline__ u32 part_of(const Cursor& at, const UpdateLayer& layer) {
    return at.item < layer.strip_count ? 0 : at.item / layer.strip_count;
}

__device__ __forceinline__ void skip_empty(Cursor& at, const UpdateLayer* layers, u32 layer_count, u32 parts) {
    while (at.layer < layer_count && at.item >= layers[at.layer].strip_count * parts) {
        ++at.layer;
        at.item = spread_warp_id();
    }
}

__device__ __forceinline__ u64 first_bits(u32 count) { return count < 64 ? (u64(1) << count) - 1 : ~u64(0); }

__device__ __forceinline__ void write_lists(const PersistentUpdateArguments& a, const FlowingShared& shared, u64 live) {
    u32 place = 0;
    for (u64 rest = live; rest; rest &= rest - 1) {
        const u32 column = shared.column[__ffsll(rest) - 1];
        a.live_slots[place] = column;
        a.live_inputs[place] = a.inputs[column];
        a.live_centers[place] = a.centers[column];
        ++place;
    }
    *a.live_count = place;
}

// The columns whose residues `part` takes, with all centroids, of those in `live`.
__device__ __forceinline__ u64 columns_of_part(u64 live, u32 part, u32 parts, u32 centroids, u32 count) {
    if (parts == 1) return live;
    u64 columns = live & first_bits(centroids);
    for (u32 k = centroids + part; k < count; k += parts) columns |= live & u64(1) << k;
    return columns;
}

// Where flowing layers are and for whom. The same for all warps, but for the last two.
struct Flow {
    u32 first_layer;
    u32 step;       // from there
    u32 first_tag;
    u32 count;      // columns at the beginning
    u32 centroids;
    u64 live;       // of these columns, a bit each
    u32 parts;      // of the residues
    u32 workers;    // warps that have work
    u32 blocks;     // of these warps
    u32 warps_of_block;
    bool keeps_books;
};

// One thread says for its block that all its warps that have work have come here, when the last of them has.
// `visible`: what they have written must be seen by those who wait.
__device__ __forceinline__ void arrive(u32* of_block, u32* of_all, u32 warps_of_block, bool visible) {
    __syncwarp();
    if (lane_id() == 0) {
        if (visible) __threadfence();
        if (atomicAdd(of_block, 1) + 1 == warps_of_block) {
            if (visible) __threadfence();
            atomicAdd(of_all, 1);
        }
    }
    __syncwarp();
}

// Waits until the last layer may be written: its buffer may be the one that the first layer read.
__device__ __forceinline__ void finish(const PersistentUpdateArguments& a, FlowingShared& shared, const Flow& flow) {
    arrive(&shared.before_last, &a.progress->before_last, flow.warps_of_block, true);
    while (load_acquire(&a.progress->before_last) < flow.blocks) {}
    if (flow.keeps_books) *a.last_tag = flow.first_tag + flow.step;
}

// A strip with any number of columns; gives the residues that are not empty, if `notes` asks for them.
__device__ __forceinline__ u64 update_columns(const PersistentUpdateArguments& a, const UpdateLayer& layer,
                                              const FlowingShared& shared, float* kept, const Flow& flow,
                                              u32 strip_of_layer, u32 part, bool notes, u64 columns) {
    const u32 l = flow.first_layer + flow.step;
    const u64 slot_words = a.ring_neurons * a.ring_columns;
    FlowingAccess access = {shared,
                            flow.step > 0 ? a.ring + flow.step % RING * slot_words : nullptr,
                            l + 1 < a.layer_count ? a.ring + (flow.step + 1) % RING * slot_words : nullptr,
                            l % 2 == 0 ? a.from : a.other,
                            l % 2 == 0 ? a.other : a.from,
                            a.ring_neurons,
                            layer.neurons_in,
                            layer.neurons_out,
                            flow.first_tag + flow.step + 1,
                            notes,
                            0};
    const StripData strip = load_strip(layer, strip_of_layer);
    const StripUpdate u = {layer, strip, flow.first_tag + flow.step, flow.centroids, part == 0, a.prune, kept};
    const u32 count = __popcll(columns);
    auto next = [&] {
        const u32 k = __ffsll(columns) - 1;
        columns &= columns - 1;
        return k;
    };
    if (flow.step > 0) update_strip<true>(u, access, count, next);
    else update_strip<false>(u, access, count, next);
    return access.alive;
}

// The only column left.
__device__ __forceinline__ void update_one(const PersistentUpdateArguments& a, const UpdateLayer& layer,
                                           const FlowingShared& shared, const Flow& flow, const StripData& strip) {
    const u32 l = flow.first_layer + flow.step;
    const u64 slot_words = a.ring_neurons * a.ring_columns;
    const u32 tag = flow.first_tag + flow.step;
    float z[1];
    if (flow.step > 0) {
        const void* const from[1] = {a.ring + flow.step % RING * slot_words};
        product<true>(layer, strip, from, tag, z);
    } else {
        const float* buffer = l % 2 == 0 ? a.from : a.other;
        const void* const from[1] = {buffer + u64(shared.slot[0]) * layer.neurons_in};
        product<false>(layer, strip, from, tag, z);
    }
    const float y = clamp(z[0] + strip.bias, layer.low, layer.high);
    if (strip.output == NONE) return;
    if (l + 1 < a.layer_count) {
        u64* to = a.ring + (flow.step + 1) % RING * slot_words;
        store_word(to + strip.output, u64(tag + 1) << 32 | __float_as_uint(y));
    } else {
        float* to = l % 2 == 0 ? a.other : a.from;
        to[u64(shared.column[0]) * layer.neurons_out + strip.output] = y;
    }
}

// Layers from where `flow` is: to the end, or until one column is left, unless ONE says that this is so.
template <bool ONE>
__device__ __forceinline__ Flow flow_on(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                     FlowingShared& shared, float* kept, Flow flow) {
    const u32 parts = ONE ? 1 : flow.parts;
    const u64 of_centroids = first_bits(flow.centroids);
    u32 arrived_early = 0;
    Cursor next = {flow.first_layer + flow.step, spread_warp_id()};
    StripData next_strip;
    auto load_next = [&] {
        skip_empty(next, layers, a.layer_count, parts);
        if (ONE && next.layer < a.layer_count) next_strip = load_strip(layers[next.layer], next.item);
    };
    load_next();

    for (;; ++flow.step) {
        const u32 l = flow.first_layer + flow.step;
        if (l >= a.layer_count) break;
        const u32 epoch = flow.step / EPOCH;
        const bool has_residues = !ONE && (flow.live & ~of_centroids);
        if (flow.step % EPOCH == 0 && epoch >= 2) {
            // The slots of the ring that this epoch writes were read in epochs before the last.
            if (has_residues || arrived_early < flow.blocks) {
                while (load_acquire(&a.progress->arrived[epoch - 2]) < flow.blocks) {}
            }
            if (has_residues) flow.live &= of_centroids | load_word(&a.progress->alive[epoch - 2]);
        }
        if (!ONE && flow.live == 1) break;
        const bool ends_epoch = flow.step % EPOCH == EPOCH - 1;
        const bool notes = ends_epoch && has_residues;
        if (ends_epoch && epoch >= 1) arrived_early = load_number(&a.progress->arrived[epoch - 1]);
        if (flow.keeps_books) {
            store_number(&a.progress->layer, l);
            if (l > 0) a.entered[l - 1] = ONE ? 1 : __popcll(flow.live);
        }
        if (l + 1 == a.layer_count) {
            if (flow.step > 0) finish(a, shared, flow);
            if (flow.keeps_books) write_lists(a, shared, flow.live);
        }

        const UpdateLayer& layer = layers[l];
        u64 alive = 0;
        while (next.layer == l) {
            const u32 part = ONE ? 0 : part_of(next, layer), strip_of_layer = next.item - part * layer.strip_count;
            next.item += flow.workers;
            if constexpr (ONE) {
                // What does not depend on activations is loaded ahead.
                const StripData strip = next_strip;
                load_next();
                update_one(a, layer, shared, flow, strip);
            } else {
                load_next();
                const u64 columns = columns_of_part(flow.live, part, parts, flow.centroids, flow.count);
                if (part && columns == of_centroids) continue;
                alive |= update_columns(a, layer, shared, kept, flow, strip_of_layer, part, notes, columns);
            }
        }
        if (ends_epoch) {
            if (alive && lane_id() == 0) atomicOr(&a.progress->alive[epoch], alive);
            // The others wait for this only to write where this warp has read. It has: it has used the values.
            // Nothing has to be made visible unless there are notes.
            arrive(&shared.done[epoch], &a.progress->arrived[epoch], flow.warps_of_block, notes);
        }
    }
    return flow;
}
