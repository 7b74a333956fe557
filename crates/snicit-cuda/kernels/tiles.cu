// XY-2021's general product for wide layers and many columns: a block keeps a few columns of all inputs, or of
// a chunk of them, in shared memory, where each connection of each output finds its activations. A stream is the
// connections of an output, in fours; the streams that a warp takes together are a group. A lane takes eight
// columns (two quads) of a stream. Which inputs the lanes of a quarter of a warp read at the same time was
// arranged when the layer was prepared: as far as possible they lie in different banks. To that end, half of the
// lanes read their second quad first.
#include "async_copies.cuh"
#include "columns.cuh"

struct TilesLayer {
    const u32* fours;      // fours of chunk c of group g, of range r: from place (r * chunks + c) * groups of a
                           // range + g; one entry more. All groups are one range if there is one chunk.
    const uint2* inputs;   // four by four connections, stream by stream: 16-bit places in the tile
    const float4* weights; // as `inputs`; 0 where a stream has fewer connections
    const u32* outputs;    // of each stream of each group; NONE for none
    const float* bias;     // one an output neuron; null for none
    u32 groups;
    u32 chunks;
    u32 chunk_rows;        // inputs a chunk, a multiple of 4; rows of zeros follow
    u32 at_least;          // with fewer columns, the kernel of gather.cu does the work
    u32 bits;              // whether the columns are bits
    float low, high;
};

struct TilesArguments {
    TilesLayer layer;
    RowsArguments rows;
};

constexpr u32 WARPS = 16;    // of a block
constexpr u32 HELD = 8;      // groups whose sums a warp holds through all chunks
constexpr u32 RANGE = WARPS * HELD; // groups of a range
constexpr u32 ZERO_ROWS = 4; // behind each chunk, for streams that have no connection left

struct Four {
    uint2 inputs;
    float4 weights;
};

__device__ __forceinline__ void add(float4& sum, float w, const float4& y) {
    sum.x += w * y.x;
    sum.y += w * y.y;
    sum.z += w * y.z;
    sum.w += w * y.w;
}

// Where a lane stands: its stream in a group, and its quads of the tile.
template <u32 QUADS>
struct Lane {
    static constexpr u32 LANES_A_STREAM = QUADS / 2;
    static constexpr u32 STREAMS = WARP / LANES_A_STREAM;
    static constexpr u32 PARTNER = 4; // the lane that reads the other quad first

    __device__ static __forceinline__ u32 stream() { return lane_id() / LANES_A_STREAM; }
    __device__ static __forceinline__ bool second_first() { return lane_id() & PARTNER; }
    __device__ static __forceinline__ u32 first_quad() {
        return lane_id() % LANES_A_STREAM * 2 + (second_first() ? 1 : 0);
    }
    __device__ static __forceinline__ u32 second_quad() { return first_quad() ^ 1; }
};

struct Sums {
    float4 first, second; // of the lane's quads, in the order in which it reads them
};

// The fours of a warp, group after group as they lie in memory. Two are on their way while one is used, beyond
// the end of a group, too; the arrays are that much longer.
template <u32 QUADS>
struct Stream {
    const uint2* inputs;
    const float4* weights;
    u32 place; // of `now`
    Four now, next;

    __device__ __forceinline__ Stream(const TilesLayer& layer, u32 begin) {
        constexpr u32 STREAMS = Lane<QUADS>::STREAMS;
        const u64 first = u64(begin) * STREAMS + Lane<QUADS>::stream();
        inputs = layer.inputs + first;
        weights = layer.weights + first;
        place = begin;
        now = {inputs[0], weights[0]};
        next = {inputs[STREAMS], weights[STREAMS]};
    }

    // Adds the products of all fours before `end`.
    __device__ __forceinline__ void accumulate(Sums& sums, u32 end, const float4* tile) {
        constexpr u32 STREAMS = Lane<QUADS>::STREAMS;
        const float4* first = tile + Lane<QUADS>::first_quad();
        const float4* second = tile + Lane<QUADS>::second_quad();
#pragma unroll 1
        for (; place < end; ++place) {
            inputs += STREAMS;
            weights += STREAMS;
            const Four later = {inputs[STREAMS], weights[STREAMS]};
            const u32 rows[4] = {now.inputs.x & 0xffff, now.inputs.x >> 16, now.inputs.y & 0xffff,
                                 now.inputs.y >> 16};
            const float w[4] = {now.weights.x, now.weights.y, now.weights.z, now.weights.w};
#pragma unroll
            for (u32 k = 0; k < 4; ++k) {
                add(sums.first, w[k], first[rows[k]]);
                add(sums.second, w[k], second[rows[k]]);
            }
            now = next;
            next = later;
        }
    }
};

// Four columns of a tile, and where they are read; the last column again where there are fewer.
struct Columns {
    u32 first;
    u32 count;    // of all columns
    u32 slots[4];
    bool aligned; // whether the four lie side by side at a multiple of 16 bytes

    __device__ __forceinline__ Columns(const RowsArguments& a, u64 first_of_tile, u32 quad, u32 all) {
        first = u32(first_of_tile + 4 * quad);
        count = all;
        for (u32 c = 0; c < 4; ++c) slots[c] = slot_of(a.slots, min(first + c, count - 1));
        aligned = slots[0] % 4 == 0;
        for (u32 c = 1; c < 4; ++c) aligned &= slots[c] == slots[0] + c;
    }
};

constexpr u32 AHEAD = 4; // rows on their way to a thread

// Brings rows into the tile, each thread those of its quad; `read` gives four columns of a row. Several are on
// their way at a time.
template <u32 QUADS, class Read>
__device__ __forceinline__ void load_rows(float4* tile, u32 rows, const Read& read) {
    const u32 quad = threadIdx.x % QUADS, step = blockDim.x / QUADS;
    for (u32 r = threadIdx.x / QUADS; r < rows; r += AHEAD * step) {
        float4 y[AHEAD];
#pragma unroll
        for (u32 t = 0; t < AHEAD; ++t) y[t] = r + t * step < rows ? read(r + t * step) : float4();
#pragma unroll
        for (u32 t = 0; t < AHEAD; ++t) {
            if (r + t * step < rows) tile[(r + t * step) * QUADS + quad] = y[t];
        }
    }
}

// Brings the chunk's rows of the columns into shared memory.
template <u32 QUADS>
__device__ __forceinline__ void load(float4* tile, const TilesLayer& layer, const RowsArguments& a,
                                     u64 first_of_tile, u32 count, u32 chunk) {
    const u32 begin = chunk * layer.chunk_rows;
    const u32 rows = min(layer.chunk_rows, a.neurons_in - begin);
    const u32 quad = threadIdx.x % QUADS;
    const Columns columns(a, first_of_tile, quad, count);
    if (layer.bits) {
        const BitRows from = bit_rows(a);
        load_rows<QUADS>(tile, rows, [&](u32 r) {
            return make_float4(from.at(columns.slots[0], begin + r), from.at(columns.slots[1], begin + r),
                               from.at(columns.slots[2], begin + r), from.at(columns.slots[3], begin + r));
        });
        return;
    }
    const FloatRows from = float_rows(a);
    const float* at[4];
    for (u32 c = 0; c < 4; ++c) at[c] = from.column(columns.slots[c]) + u64(begin) * PANEL;
    if (!columns.aligned) {
        load_rows<QUADS>(tile, rows, [&](u32 r) {
            const u64 place = u64(r) * PANEL;
            return make_float4(at[0][place], at[1][place], at[2][place], at[3][place]);
        });
        return;
    }
#if __CUDA_ARCH__ >= 800
    // Copied past the registers, all at once.
    for (u32 r = threadIdx.x / QUADS; r < rows; r += blockDim.x / QUADS) {
        copy_later(&tile[r * QUADS + quad], at[0] + u64(r) * PANEL);
    }
    asm volatile("cp.async.wait_all;" ::: "memory");
#else
    load_rows<QUADS>(tile, rows, [&](u32 r) {
        return *reinterpret_cast<const float4*>(at[0] + u64(r) * PANEL);
    });
#endif
}

// Bias and bounds of four values.
__device__ __forceinline__ float4 activation(const TilesLayer& layer, float4 sum, float bias) {
    return make_float4(clamp(sum.x + bias, layer.low, layer.high), clamp(sum.y + bias, layer.low, layer.high),
                       clamp(sum.z + bias, layer.low, layer.high), clamp(sum.w + bias, layer.low, layer.high));
}

// In one piece; written as an assignment, it becomes four stores.
__device__ __forceinline__ void store(float* to, const float4& y) {
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to), "f"(y.x), "f"(y.y), "f"(y.z), "f"(y.w)
                 : "memory");
}

// Number by number: a choice between addresses would keep the sums in memory.
__device__ __forceinline__ float4 choose(bool a, float4 x, float4 y) {
    return make_float4(a ? x.x : y.x, a ? x.y : y.y, a ? x.z : y.z, a ? x.w : y.w);
}

// Finished sums on their way out. Partners exchange quads, so that together they write whole sectors: each
// writes the quad that it reads first, of its own output and of its partner's.
template <u32 QUADS>
struct Results {
    const TilesLayer& layer;
    const RowsArguments& a;
    u32 first;    // column
    u32 count;
    u32 live = 0; // a bit a column that was not zero

    __device__ __forceinline__ Results(const TilesArguments& arguments, u64 first_of_tile, u32 all)
        : layer(arguments.layer), a(arguments.rows),
          first(u32(first_of_tile + 4 * Lane<QUADS>::first_quad())), count(all) {}

    __device__ __forceinline__ void write(const Sums& sums, u32 group) {
        constexpr u32 PARTNER = Lane<QUADS>::PARTNER;
        const u32 mine = layer.outputs[group * Lane<QUADS>::STREAMS + Lane<QUADS>::stream()];
        const u32 partners = __shfl_xor_sync(ALL_LANES, mine, PARTNER);
        const float4 of_partner = make_float4(__shfl_xor_sync(ALL_LANES, sums.second.x, PARTNER),
                                              __shfl_xor_sync(ALL_LANES, sums.second.y, PARTNER),
                                              __shfl_xor_sync(ALL_LANES, sums.second.z, PARTNER),
                                              __shfl_xor_sync(ALL_LANES, sums.second.w, PARTNER));
        // Partners write to the same output at the same time.
        const bool swaps = Lane<QUADS>::second_first();
        write_quad(choose(swaps, of_partner, sums.first), swaps ? partners : mine);
        write_quad(choose(swaps, sums.first, of_partner), swaps ? mine : partners);
    }

    // Columns behind the last are written, too: a panel has room for them.
    __device__ __forceinline__ void write_quad(const float4& sum, u32 output) {
        if (output == NONE || first >= count) return;
        const float4 y = activation(layer, sum, layer.bias ? layer.bias[output] : 0.0f);
        float* to = a.to + panel_offset(first, a.neurons_out) + u64(output) * PANEL;
        store(to, y);
        live |= u32(y.x != 0.0f) | u32(y.y != 0.0f) << 1 | u32(y.z != 0.0f) << 2 | u32(y.w != 0.0f) << 3;
    }

    __device__ __forceinline__ void mark() const {
        if (!a.marks.flags) return;
        for (u32 c = 0; c < 4; ++c) {
            if ((live >> c & 1) && first + c < count) a.marks.mark(first + c);
        }
    }
};

template <u32 QUADS>
__device__ __forceinline__ void clear_zero_rows(float4* tile, const TilesLayer& layer) {
    if (threadIdx.x < ZERO_ROWS * QUADS) tile[layer.chunk_rows * QUADS + threadIdx.x] = float4();
}

// All inputs fit: an item of work is a tile of columns, with all outputs. Each warp takes groups that follow one
// another.
template <u32 QUADS>
__device__ __forceinline__ void one_chunk(const TilesArguments& arguments, float4* tile) {
    const TilesLayer& layer = arguments.layer;
    const u32 count = *arguments.rows.count;
    if (count < layer.at_least) return;
    clear_zero_rows<QUADS>(tile, layer);
    const u32 warps = blockDim.x / WARP;
    const u32 first = u32(u64(layer.groups) * warp_id() / warps);
    const u32 end = u32(u64(layer.groups) * (warp_id() + 1) / warps);
    const u64 tiles = (u64(count) + 4 * QUADS - 1) / (4 * QUADS);
    for (u64 item = blockIdx.x; item < tiles; item += gridDim.x) {
        Stream<QUADS> stream(layer, layer.fours[first]);
        u32 end_of_group = layer.fours[min(first + 1, layer.groups)];
        __syncthreads();
        load<QUADS>(tile, layer, arguments.rows, item * 4 * QUADS, count, 0);
        __syncthreads();
        Results<QUADS> results(arguments, item * 4 * QUADS, count);
        for (u32 group = first; group < end; ++group) {
            const u32 end_of_next = layer.fours[min(group + 2, layer.groups)];
            Sums sums = {};
            stream.accumulate(sums, end_of_group, tile);
            results.write(sums, group);
            end_of_group = end_of_next;
        }
        results.mark();
    }
}

// Chunk after chunk of the inputs: an item of work is a tile of columns with a range of the outputs, as many as
// the block's registers hold sums for.
template <u32 QUADS>
__device__ __forceinline__ void many_chunks(const TilesArguments& arguments, float4* tile) {
    const TilesLayer& layer = arguments.layer;
    const u32 count = *arguments.rows.count;
    if (count < layer.at_least) return;
    clear_zero_rows<QUADS>(tile, layer);
    const u64 tiles = (u64(count) + 4 * QUADS - 1) / (4 * QUADS);
    const u32 ranges = (layer.groups + RANGE - 1) / RANGE;
    // The ranges of a tile side by side: they read the same columns, from the cache.
    for (u64 item = blockIdx.x; item < tiles * ranges; item += gridDim.x) {
        const u64 first_of_tile = item / ranges * 4 * QUADS;
        const u32 range = u32(item % ranges);
        Sums sums[HELD] = {};
        for (u32 chunk = 0; chunk < layer.chunks; ++chunk) {
            // A lane has the end of a group each.
            const u32* fours = layer.fours + (u64(range) * layer.chunks + chunk) * RANGE + warp_id() * HELD;
            const u32 ends = fours[min(lane_id(), HELD)];
            Stream<QUADS> stream(layer, __shfl_sync(ALL_LANES, ends, 0));
            __syncthreads();
            load<QUADS>(tile, layer, arguments.rows, first_of_tile, count, chunk);
            __syncthreads();
#pragma unroll
            for (u32 h = 0; h < HELD; ++h) {
                stream.accumulate(sums[h], __shfl_sync(ALL_LANES, ends, h + 1), tile);
            }
        }
        Results<QUADS> results(arguments, first_of_tile, count);
#pragma unroll
        for (u32 h = 0; h < HELD; ++h) {
            const u32 group = range * RANGE + warp_id() * HELD + h;
            if (group < layer.groups) results.write(sums[h], group);
        }
        results.mark();
    }
}

extern __shared__ float4 shared_tile[];

// Sixteen columns a tile.
extern "C" __global__ void __launch_bounds__(1024) tiles_layer_16(TilesArguments a) {
    one_chunk<4>(a, shared_tile);
}

// Eight columns a tile.
extern "C" __global__ void __launch_bounds__(1024) tiles_layer_8(TilesArguments a) {
    one_chunk<2>(a, shared_tile);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 1) tiles_layer_chunks(TilesArguments a) {
    many_chunks<2>(a, shared_tile);
}
