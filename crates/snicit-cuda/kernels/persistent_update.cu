// SNICIT, stage 3, many layers in one launch: the load-reduced product and the update of post_convergence.cu
// in one step, strip by strip, by a grid whose blocks are all resident.
//
// A chain of dependent layers with a column or a few costs what handing the activations on costs. So there
// is no barrier between layers: each activation travels with a tag, the number of its layer, in one 64-bit
// word, and whoever needs it reads until the tag is right ("flowing" layers). The words of a layer are kept
// in one of the slots of a ring; a slot is used again when all blocks have gone past its layer, which they
// say once an epoch of some layers. With more columns than the ring has room for, layers are separated by
// barriers of the grid, until few enough are left ("synchronised" layers).
//
// A warp takes a strip: sixteen outputs with one set of inputs, or four outputs that each have their own. Its
// lanes are eight groups of inputs times four groups of four outputs, or times four outputs.
#include "common.cuh"

constexpr u32 WARPS = 16;
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
constexpr u32 PREFETCHED_AHEAD = 8;     // layers
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
    const u8* outputs;    // output neurons, strip by strip
    const float* bias;    // in the order of `outputs`; null: all are `uniform_bias`
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
    __device__ __forceinline__ u32 input_bytes() const { return narrow & NARROW_INPUTS ? sizeof(u16) : sizeof(u32); }
    __device__ __forceinline__ u32 output_bytes() const { return narrow & NARROW_OUTPUTS ? sizeof(u16) : sizeof(u32); }
};

// Zero at the beginning of a launch.
struct Progress {
    u64 alive[MAX_EPOCHS];   // residues that are not empty behind an epoch, a bit each
    u32 arrived[MAX_EPOCHS]; // blocks that have gone past an epoch
    u32 before_last;         // blocks that have gone past the last layer but one
    u32 barrier;             // arrivals at the barriers of synchronised layers
    u32 count;               // columns left
    u32 unused;
};

// ALIKE: all layers of a launch have as many neurons as the first has inputs, 16-bit numbers for them, a uniform
// bias each, and no list of strips: as many strips, of sixteen outputs and as many inputs, at most
// INPUTS_AT_ONCE.
constexpr u32 ALIKE = 1, ALIKE_EQUAL_WEIGHTS = 2;

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
    u32 alike;               // ALIKE, ALIKE_EQUAL_WEIGHTS or 0
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

__device__ __forceinline__ void prefetch(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

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
    u32 index[INPUTS_A_LANE];
    float4 weights[INPUTS_A_LANE];
    u32 output; // the lane's output neuron; NONE if it writes none
    float bias;
};

// Inputs from the strip's first input number `start` on.
__device__ __forceinline__ void load_inputs(const UpdateLayer& layer, StripData& d, u32 start) {
    const u32 mine = start + lane_id() / 4 * INPUTS_A_LANE;
    if (mine >= d.inputs) {
#pragma unroll
        for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
            d.index[t] = 0;
            d.weights[t] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        }
        return;
    }
    u64 first = u64(d.first_input) + mine;
    if (layer.has_rows()) first += lane_id() % 4 * layer.stored_inputs(d.inputs);
    if (layer.narrow & NARROW_INPUTS) {
        const uint2 pairs = *reinterpret_cast<const uint2*>(layer.inputs + first * sizeof(u16));
        d.index[0] = pairs.x & 0xffff, d.index[1] = pairs.x >> 16;
        d.index[2] = pairs.y & 0xffff, d.index[3] = pairs.y >> 16;
    } else {
        const uint4 four = *reinterpret_cast<const uint4*>(layer.inputs + first * sizeof(u32));
        d.index[0] = four.x, d.index[1] = four.y, d.index[2] = four.z, d.index[3] = four.w;
    }
#pragma unroll
    for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
        d.weights[t] = make_float4(layer.weight, layer.weight, layer.weight, layer.weight);
    }
    if (layer.weights && !layer.has_rows()) {
        const float4* rows = reinterpret_cast<const float4*>(layer.weights) + first * (STRIP_OUTPUTS / 4);
#pragma unroll
        for (u32 t = 0; t < INPUTS_A_LANE; ++t) d.weights[t] = rows[t * (STRIP_OUTPUTS / 4) + lane_id() % 4];
    } else if (layer.weights) {
        const float4 of_inputs = *reinterpret_cast<const float4*>(layer.weights + first);
        d.weights[0].x = of_inputs.x, d.weights[1].x = of_inputs.y;
        d.weights[2].x = of_inputs.z, d.weights[3].x = of_inputs.w;
    }
}

__device__ __forceinline__ StripData load_strip(const UpdateLayer& layer, u32 strip) {
    Strip s;
    if (layer.strips) {
        s = layer.strips[strip];
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
        if (layer.bias) d.bias = layer.bias[place];
        if (writes_output()) {
            d.output = layer.narrow & NARROW_OUTPUTS ? reinterpret_cast<const u16*>(layer.outputs)[place]
                                                     : reinterpret_cast<const u32*>(layer.outputs)[place];
        }
    }
    load_inputs(layer, d, 0);
    return d;
}

// Brings what a strip of a later layer needs into the second-level cache, as far as a warp can at once.
__device__ __forceinline__ void prefetch_strip(const UpdateLayer& layer, u32 strip) {
    if (layer.strips || strip >= layer.strip_count) return;
    constexpr u32 LINE = 128;
    const u32 stored = layer.stored_inputs(layer.strip_inputs) * (layer.has_rows() ? ROWS : 1);
    const u32 weight_bytes = stored * (layer.has_rows() ? 1 : STRIP_OUTPUTS) * sizeof(float);
    const u64 first = u64(strip) * stored;
    const u32 lane = lane_id();
    if (lane < 8) {
        if (lane * LINE < stored * layer.input_bytes()) prefetch(layer.inputs + first * layer.input_bytes() + lane * LINE);
    } else if (lane == 8) {
        prefetch(layer.outputs + u64(strip) * layer.strip_outputs * layer.output_bytes());
    } else if (lane == 9) {
        if (layer.bias) prefetch(layer.bias + u64(strip) * layer.strip_outputs);
    } else if (lane >= 16 && layer.weights && (lane - 16) * LINE < weight_bytes) {
        prefetch(reinterpret_cast<const u8*>(layer.weights) + u64(strip) * weight_bytes + (lane - 16) * LINE);
    }
}

// Activations of the lane's inputs for some columns; `left` inputs are left in the strip. Tagged ones are
// awaited.
template <bool TAGGED, u32 COLUMNS>
__device__ __forceinline__ void gather(const StripData& d, const void* const (&from)[COLUMNS], u32 left, u32 tag,
                                       float (&y)[COLUMNS][INPUTS_A_LANE]) {
    const u32 mine = lane_id() / 4 * INPUTS_A_LANE;
    if constexpr (TAGGED) {
        u64 word[COLUMNS][INPUTS_A_LANE];
#pragma unroll
        for (u32 c = 0; c < COLUMNS; ++c) {
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                word[c][t] = u64(tag) << 32;
                if (mine + t < left) word[c][t] = load_word(static_cast<const u64*>(from[c]) + d.index[t]);
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
                        word[c][t] = load_word(static_cast<const u64*>(from[c]) + d.index[t]);
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
                    y[c][t] = __uint_as_float(load_number(static_cast<const u32*>(from[c]) + d.index[t]));
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

// ---- Synchronised layers ----

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
    for (u32 first = 0; first < count; first += WARPS * WARP) {
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
        if (live) a.live_slots[before + __popc(ballot & ((1u << lane_id()) - 1))] = column;
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

// ---- Flowing layers ----

struct FlowingShared {
    u32 column[RING_COLUMNS]; // its number
    u32 slot[RING_COLUMNS];   // where the first layer reads it
    u32 center[RING_COLUMNS];
    u32 done[MAX_EPOCHS];     // warps that have gone past an epoch
    u32 before_last;          // warps that have gone past the last layer but one
};

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
    u32 blocks;     // that have work
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
    const u32 warps = gridDim.x * WARPS;
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
        if (l > 0 && flow.keeps_books) a.entered[l - 1] = ONE ? 1 : __popcll(flow.live);
        if (l + 1 == a.layer_count) {
            if (flow.step > 0) finish(a, shared, flow);
            if (flow.keeps_books) write_lists(a, shared, flow.live);
        }

        const UpdateLayer& layer = layers[l];
        u64 alive = 0;
        while (next.layer == l) {
            const u32 part = ONE ? 0 : part_of(next, layer), strip_of_layer = next.item - part * layer.strip_count;
            next.item += warps;
            if (part == 0 && l + PREFETCHED_AHEAD < a.layer_count) {
                prefetch_strip(layers[l + PREFETCHED_AHEAD], strip_of_layer);
            }
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

// What a lane needs of a strip in layers that are all alike: see PersistentUpdateArguments::alike.
struct AlikeStrip {
    uint2 inputs;    // four numbers of 16 bits
    u32 output;
    float4 weights[INPUTS_A_LANE];
};

// The only column left, through layers that are all alike, each warp with the same STRIPS strips at most in each
// of them. It is flow_on<true> without what such layers need not decide: the chain from the words of one layer to
// those of the next is short, and so are the steps between.
template <bool EQUAL_WEIGHTS, u32 STRIPS>
__device__ __forceinline__ void flow_alike(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                           FlowingShared& shared, Flow flow) {
    const u32 warps = gridDim.x * WARPS, first_strip = spread_warp_id();
    const u32 last_layer = a.layer_count - 1;
    u32 l = flow.first_layer + flow.step;
    if (flow.keeps_books) {
        for (u32 entered = max(l, 1u); entered <= last_layer; ++entered) a.entered[entered - 1] = 1;
    }
    auto update_layer = [&] {
        for (u32 s = first_strip; s < a.max_strips; s += warps) {
            update_one(a, layers[l], shared, flow, load_strip(layers[l], s));
        }
    };
    if (flow.step == 0 && l < last_layer) {
        update_layer();
        ++l;
        ++flow.step;
    }

    const u32 inputs = layers[0].strip_inputs, stored = layers[0].stored_inputs(inputs), neurons = layers[0].neurons_out;
    const u32 mine = lane_id() / 4 * INPUTS_A_LANE, o = output_of_lane();
    auto load = [&](const UpdateLayer& layer, u32 s, AlikeStrip& d) {
        d.inputs = make_uint2(0, 0);
        if (mine < inputs) d.inputs = *reinterpret_cast<const uint2*>(layer.inputs + (u64(s) * stored + mine) * sizeof(u16));
        d.output = NONE;
        if (writes_output() && s * STRIP_OUTPUTS + o < neurons) {
            d.output = reinterpret_cast<const u16*>(layer.outputs)[s * STRIP_OUTPUTS + o];
        }
        if constexpr (!EQUAL_WEIGHTS) {
            const float4* rows = reinterpret_cast<const float4*>(layer.weights) + (u64(s) * stored + mine) * (STRIP_OUTPUTS / 4);
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                d.weights[t] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                if (mine < inputs) d.weights[t] = rows[t * (STRIP_OUTPUTS / 4) + lane_id() % 4];
            }
        }
    };
    AlikeStrip next[STRIPS];
#pragma unroll
    for (u32 i = 0; i < STRIPS; ++i) {
        if (first_strip + i * warps < a.max_strips) load(layers[l], first_strip + i * warps, next[i]);
    }

    const u64 slot_words = a.ring_neurons * a.ring_columns;
    u32 slot = flow.step % RING, arrived_early = 0;
    for (; l < last_layer; ++l, ++flow.step) {
        const u32 epoch = flow.step / EPOCH;
        if (flow.step % EPOCH == 0 && epoch >= 2 && arrived_early < flow.blocks) {
            while (load_acquire(&a.progress->arrived[epoch - 2]) < flow.blocks) {}
        }
        const bool ends_epoch = flow.step % EPOCH == EPOCH - 1;
        if (ends_epoch && epoch >= 1) arrived_early = load_number(&a.progress->arrived[epoch - 1]);
        const u32 tag = flow.first_tag + flow.step;
        const u64* in = a.ring + slot * slot_words;
        slot = slot + 1 == RING ? 0 : slot + 1;
        u64* out = a.ring + slot * slot_words;

        // All words are asked for at once; then, while they come, what does not depend on them.
        u64 word[STRIPS][INPUTS_A_LANE];
        AlikeStrip now[STRIPS];
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            now[i] = next[i];
            const u32 index[4] = {now[i].inputs.x & 0xffff, now[i].inputs.x >> 16, now[i].inputs.y & 0xffff,
                                  now[i].inputs.y >> 16};
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                word[i][t] = u64(tag) << 32;
                if (first_strip + i * warps < a.max_strips && mine + t < inputs) word[i][t] = load_word(in + index[t]);
            }
        }
#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            const u32 s = first_strip + i * warps;
            if (s >= a.max_strips) break;
            load(layers[l + 1], s, next[i]);
            if (l + PREFETCHED_AHEAD <= last_layer) {
                const UpdateLayer& ahead = layers[l + PREFETCHED_AHEAD];
                constexpr u32 LINE = 128;
                if (lane_id() == 0) prefetch(ahead.inputs + u64(s) * stored * sizeof(u16));
                if (lane_id() == 1) prefetch(ahead.outputs + u64(s) * STRIP_OUTPUTS * sizeof(u16));
                if (!EQUAL_WEIGHTS && lane_id() < stored * STRIP_OUTPUTS * sizeof(float) / LINE) {
                    prefetch(ahead.weights + u64(s) * stored * STRIP_OUTPUTS + lane_id() * (LINE / sizeof(float)));
                }
            }
        }
        const UpdateLayer& layer = layers[l];
        const float low = layer.low, high = layer.high, bias = layer.uniform_bias;
        float weight[4] = {layer.weight, layer.weight, layer.weight, layer.weight};
        // Equal weights or not, every output adds up its own sum: the compiler is not to see that they are equal.
#pragma unroll
        for (u32 q = 0; q < 4; ++q) asm("" : "+f"(weight[q]));

#pragma unroll
        for (u32 i = 0; i < STRIPS; ++i) {
            if (first_strip + i * warps >= a.max_strips) break;
            bool early;
            do {
                early = false;
                const u32 index[4] = {now[i].inputs.x & 0xffff, now[i].inputs.x >> 16, now[i].inputs.y & 0xffff,
                                      now[i].inputs.y >> 16};
#pragma unroll
                for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                    if (u32(word[i][t] >> 32) != tag) {
                        word[i][t] = load_word(in + index[t]);
                        early = true;
                    }
                }
            } while (early);
            __syncwarp();
            float sums[4] = {};
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                const float y = __uint_as_float(u32(word[i][t]));
                if constexpr (EQUAL_WEIGHTS) {
#pragma unroll
                    for (u32 q = 0; q < 4; ++q) sums[q] += weight[q] * y;
                } else {
                    sums[0] += now[i].weights[t].x * y;
                    sums[1] += now[i].weights[t].y * y;
                    sums[2] += now[i].weights[t].z * y;
                    sums[3] += now[i].weights[t].w * y;
                }
            }
            const float y = clamp(add_up(sums) + bias, low, high);
            if (now[i].output != NONE) store_word(out + now[i].output, u64(tag + 1) << 32 | __float_as_uint(y));
        }
        if (ends_epoch) arrive(&shared.done[epoch], &a.progress->arrived[epoch], flow.warps_of_block, false);
    }
    if (flow.step > 0) finish(a, shared, flow);
    if (flow.keeps_books) write_lists(a, shared, flow.live);
    update_layer();
}

// Not inlined: the usual case, one column from the beginning, is to have the registers for itself.
__device__ __noinline__ Flow flow_with_several(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                               FlowingShared& shared, float* kept, Flow flow) {
    return flow_on<false>(a, layers, shared, kept, flow);
}

// All layers from `first_layer` on, for `count` columns: those in the list of live slots, or, from the first
// layer of all on, all.
__device__ __forceinline__ void flowing_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                               float* kept, FlowingShared& shared, u32 first_layer, u32 count,
                                               u32 centroids) {
    for (u32 k = threadIdx.x; k < count; k += blockDim.x) {
        const u32 column = first_layer ? load_number(a.live_slots + k) : k;
        shared.column[k] = column;
        shared.slot[k] = first_layer ? column : slot_of(a.slots, column);
        shared.center[k] = a.centers[column];
    }
    for (u32 e = threadIdx.x; e < MAX_EPOCHS; e += blockDim.x) shared.done[e] = 0;
    if (threadIdx.x == 0) shared.before_last = 0;
    __syncthreads();

    // Warps without work in any layer leave; one stays in any case, to keep the books.
    Flow flow;
    flow.first_layer = first_layer;
    flow.step = 0;
    flow.first_tag = load_number(a.last_tag);
    flow.count = count;
    flow.centroids = centroids;
    flow.live = first_bits(count);
    flow.parts = residue_parts(a.max_strips, count - centroids, centroids);
    const u32 workers = max(1u, min(a.max_strips * flow.parts, gridDim.x * WARPS));
    if (spread_warp_id() >= workers) return;
    flow.blocks = min(workers, gridDim.x);
    flow.warps_of_block = (workers - blockIdx.x - 1) / gridDim.x + 1;
    flow.keeps_books = spread_warp_id() == 0 && lane_id() == 0;
    if (flow.live != 1) flow = flow_with_several(a, layers, shared, kept, flow);
    if (first_layer + flow.step == a.layer_count) return;
    const u32 all_warps = gridDim.x * WARPS;
    if (a.alike == ALIKE_EQUAL_WEIGHTS && a.max_strips <= all_warps) flow_alike<true, 1>(a, layers, shared, flow);
    else if (a.alike == ALIKE_EQUAL_WEIGHTS && a.max_strips <= 2 * all_warps) flow_alike<true, 2>(a, layers, shared, flow);
    else if (a.alike == ALIKE && a.max_strips <= all_warps) flow_alike<false, 1>(a, layers, shared, flow);
    else flow_on<true>(a, layers, shared, kept, flow);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 1) persistent_update(
    const __grid_constant__ PersistentUpdateArguments a) {
    extern __shared__ uint4 table[];
    __shared__ float kept[WARPS][KEPT * STRIP_OUTPUTS];
    __shared__ FlowingShared shared;
    const u32 words = a.layer_count * (sizeof(UpdateLayer) / sizeof(uint4));
    for (u32 w = threadIdx.x; w < words; w += blockDim.x) table[w] = reinterpret_cast<const uint4*>(a.layers)[w];
    __syncthreads();
    const UpdateLayer* layers = reinterpret_cast<const UpdateLayer*>(table);

    u32 count = *a.count;
    const u32 centroids = *a.centroid_count;
    if (count == 0) {
        if (blockIdx.x == 0) {
            for (u32 l = 1 + threadIdx.x; l < a.layer_count; l += blockDim.x) a.entered[l - 1] = 0;
            if (threadIdx.x == 0) *a.live_count = 0;
        }
        return;
    }
    u32 layer = 0;
    if (!may_flow(a, count, centroids)) layer = synchronised_layers(a, layers, kept[warp_id()], count, centroids);
    if (layer < a.layer_count) {
        flowing_layers(a, layers, kept[warp_id()], shared, layer, count, centroids);
    } else if (blockIdx.x == 0) {
        // The list of slots is there; what belongs to the columns follows.
        for (u32 k = threadIdx.x; k < count; k += blockDim.x) {
            const u32 column = load_number(a.live_slots + k);
            a.live_inputs[k] = a.inputs[column];
            a.live_centers[k] = a.centers[column];
        }
        if (threadIdx.x == 0) *a.live_count = count;
    }
}
