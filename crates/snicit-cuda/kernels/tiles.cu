// XY-2021's general product for wide layers and many columns: a block keeps a few columns of all inputs, or of
// a chunk of them, in shared memory, where each connection of each output finds its activations. A lane takes
// four columns (a quad) of an output, so that it loads 16 bytes at once. Which inputs the lanes of a quarter of
// a warp read at the same time was arranged when the layer was prepared: as far as possible they lie in
// different banks.
#include "columns.cuh"

struct TilesLayer {
    const u32* fours;      // group g and chunk c: its fours begin at fours[g * chunks + c]; one entry more
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

constexpr u32 CHUNK_WARPS = 16; // of a block that takes chunk after chunk
constexpr u32 HELD = 16;      // outputs whose sums a lane holds through all chunks
constexpr u32 ZERO_ROWS = 4;  // behind each chunk, for streams that have no connection left

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

// Adds the products of one output's connections `begin` to `end` (in fours) in the chunk at hand; `tile`
// begins at the lane's quad.
template <u32 QUADS>
__device__ __forceinline__ void accumulate(float4& sum, const TilesLayer& layer, u32 begin, u32 end,
                                           const float4* tile) {
    constexpr u32 STREAMS = WARP / QUADS;
    const u64 first = u64(begin) * STREAMS + lane_id() / QUADS;
    const uint2* inputs = layer.inputs + first;
    const float4* weights = layer.weights + first;
    // Two fours on their way while one is used; the arrays are that much longer.
    Four now = {inputs[0], weights[0]}, next = {inputs[STREAMS], weights[STREAMS]};
#pragma unroll 3
    for (u32 four = begin; four < end; ++four) {
        inputs += STREAMS;
        weights += STREAMS;
        const Four later = {inputs[STREAMS], weights[STREAMS]};
        const float4 y0 = tile[now.inputs.x & 0xffff], y1 = tile[now.inputs.x >> 16];
        const float4 y2 = tile[now.inputs.y & 0xffff], y3 = tile[now.inputs.y >> 16];
        add(sum, now.weights.x, y0);
        add(sum, now.weights.y, y1);
        add(sum, now.weights.z, y2);
        add(sum, now.weights.w, y3);
        now = next;
        next = later;
    }
}

// The columns of a tile: where a lane's quad is read and written.
template <u32 QUADS>
struct Columns {
    u32 first;    // of the quad
    u32 count;    // of all columns
    u32 slots[4]; // where they are read; the last column again where there are fewer
    bool aligned; // whether the four lie side by side at a multiple of 16 bytes

    __device__ __forceinline__ Columns(const RowsArguments& a, u64 tile, u32 quad, u32 all) {
        first = u32(tile * 4 * QUADS + 4 * quad);
        count = all;
        for (u32 c = 0; c < 4; ++c) slots[c] = slot_of(a.slots, min(first + c, count - 1));
        aligned = slots[0] % 4 == 0;
        for (u32 c = 1; c < 4; ++c) aligned &= slots[c] == slots[0] + c;
    }
};

// Brings the chunk's rows of the columns into shared memory. A thread keeps to one quad.
template <u32 QUADS>
__device__ __forceinline__ void load(float4* tile, const TilesLayer& layer, const RowsArguments& a,
                                     const Columns<QUADS>& columns, u32 chunk) {
    const u32 begin = chunk * layer.chunk_rows;
    const u32 rows = min(layer.chunk_rows, a.neurons_in - begin);
    const u32 quad = threadIdx.x % QUADS;
    if (layer.bits) {
        const BitRows from = bit_rows(a);
        for (u32 r = threadIdx.x / QUADS; r < rows; r += blockDim.x / QUADS) {
            const u32 row = begin + r;
            tile[r * QUADS + quad] = make_float4(from.at(columns.slots[0], row), from.at(columns.slots[1], row),
                                                 from.at(columns.slots[2], row), from.at(columns.slots[3], row));
        }
        return;
    }
    const FloatRows from = float_rows(a);
    const float* at[4];
    for (u32 c = 0; c < 4; ++c) at[c] = from.column(columns.slots[c]) + u64(begin) * PANEL;
    if (columns.aligned) {
#pragma unroll 8
        for (u32 r = threadIdx.x / QUADS; r < rows; r += blockDim.x / QUADS) {
            tile[r * QUADS + quad] = *reinterpret_cast<const float4*>(at[0] + u64(r) * PANEL);
        }
        return;
    }
#pragma unroll 4
    for (u32 r = threadIdx.x / QUADS; r < rows; r += blockDim.x / QUADS) {
        const u64 place = u64(r) * PANEL;
        tile[r * QUADS + quad] = make_float4(at[0][place], at[1][place], at[2][place], at[3][place]);
    }
}

// Bias, bounds and the place of a finished sum. `live` has a bit a column that was not zero.
template <u32 QUADS>
__device__ __forceinline__ void finish(float4 sum, const TilesLayer& layer, const RowsArguments& a,
                                       const Columns<QUADS>& columns, u32 group, u32& live) {
    constexpr u32 STREAMS = WARP / QUADS;
    const u32 output = layer.outputs[group * STREAMS + lane_id() / QUADS];
    if (output == NONE || columns.first >= columns.count) return;
    const float bias = layer.bias ? layer.bias[output] : 0.0f;
    const float y[4] = {
        clamp(sum.x + bias, layer.low, layer.high), clamp(sum.y + bias, layer.low, layer.high),
        clamp(sum.z + bias, layer.low, layer.high), clamp(sum.w + bias, layer.low, layer.high)};
    float* to = a.to + panel_offset(columns.first, a.neurons_out) + u64(output) * PANEL;
    if (columns.first + 4 <= columns.count) {
        *reinterpret_cast<float4*>(to) = make_float4(y[0], y[1], y[2], y[3]);
    } else {
        for (u32 c = 0; c < 4 && columns.first + c < columns.count; ++c) to[c] = y[c];
    }
#pragma unroll
    for (u32 c = 0; c < 4; ++c) live |= u32(y[c] != 0.0f) << c;
}

template <u32 QUADS>
__device__ __forceinline__ void mark(const RowsArguments& a, const Columns<QUADS>& columns, u32 live) {
    if (!a.marks.flags) return;
    for (u32 c = 0; c < 4; ++c) {
        if ((live >> c & 1) && columns.first + c < columns.count) a.marks.mark(columns.first + c);
    }
}

template <u32 QUADS>
__device__ __forceinline__ void clear_zero_rows(float4* tile, const TilesLayer& layer) {
    if (threadIdx.x < ZERO_ROWS * QUADS) tile[layer.chunk_rows * QUADS + threadIdx.x] = float4();
}

// All inputs fit: an item of work is a tile of columns, with all outputs.
template <u32 QUADS>
__device__ __forceinline__ void one_chunk(const TilesArguments& arguments, float4* tile) {
    const TilesLayer& layer = arguments.layer;
    const RowsArguments& a = arguments.rows;
    const u32 count = *a.count, quad = threadIdx.x % QUADS;
    if (count < layer.at_least) return;
    clear_zero_rows<QUADS>(tile, layer);
    const u64 tiles = (u64(count) + 4 * QUADS - 1) / (4 * QUADS);
    for (u64 item = blockIdx.x; item < tiles; item += gridDim.x) {
        const Columns<QUADS> columns(a, item, quad, count);
        __syncthreads();
        load<QUADS>(tile, layer, a, columns, 0);
        __syncthreads();
        u32 live = 0;
        for (u32 group = warp_id(); group < layer.groups; group += blockDim.x / WARP) {
            float4 sum = {};
            accumulate<QUADS>(sum, layer, layer.fours[group], layer.fours[group + 1], tile + quad);
            finish<QUADS>(sum, layer, a, columns, group, live);
        }
        mark<QUADS>(a, columns, live);
    }
}

// Chunk after chunk of the inputs: an item of work is a tile of columns with as many outputs as the block's
// registers hold sums for.
template <u32 QUADS>
__device__ __forceinline__ void many_chunks(const TilesArguments& arguments, float4* tile) {
    const TilesLayer& layer = arguments.layer;
    const RowsArguments& a = arguments.rows;
    const u32 count = *a.count, quad = threadIdx.x % QUADS;
    if (count < layer.at_least) return;
    clear_zero_rows<QUADS>(tile, layer);
    const u64 tiles = (u64(count) + 4 * QUADS - 1) / (4 * QUADS);
    const u32 ranges = (layer.groups + CHUNK_WARPS * HELD - 1) / (CHUNK_WARPS * HELD);
    // The ranges of a tile side by side: they read the same columns, from the cache.
    for (u64 item = blockIdx.x; item < tiles * ranges; item += gridDim.x) {
        const Columns<QUADS> columns(a, item / ranges, quad, count);
        const u32 first_group = u32(item % ranges) * CHUNK_WARPS * HELD + warp_id();
        float4 sums[HELD] = {};
        for (u32 chunk = 0; chunk < layer.chunks; ++chunk) {
            __syncthreads();
            load<QUADS>(tile, layer, a, columns, chunk);
            __syncthreads();
#pragma unroll
            for (u32 h = 0; h < HELD; ++h) {
                const u32 group = first_group + h * CHUNK_WARPS;
                if (group < layer.groups) {
                    const u32* fours = layer.fours + group * layer.chunks + chunk;
                    accumulate<QUADS>(sums[h], layer, fours[0], fours[1], tile + quad);
                }
            }
        }
        u32 live = 0;
#pragma unroll
        for (u32 h = 0; h < HELD; ++h) {
            const u32 group = first_group + h * CHUNK_WARPS;
            if (group < layer.groups) finish<QUADS>(sums[h], layer, a, columns, group, live);
        }
        mark<QUADS>(a, columns, live);
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

extern "C" __global__ void __launch_bounds__(CHUNK_WARPS * WARP, 1) tiles_layer_chunks(TilesArguments a) {
    many_chunks<2>(a, shared_tile);
}
