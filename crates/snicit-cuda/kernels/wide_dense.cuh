// Tiles of the dense product of a layer with many outputs.
#pragma once
#include "dense_columns.cuh"

struct WideArguments {
    const u8* base;
    const DenseLayer* layer;
    const uint4* operands; // of columns; see wide_dense.cu
    const float* unscales; // inverse scales of columns
    u32 plain;             // 1: neither bias nor bounds
    u32 at_least;          // with fewer columns, another kernel does the work
    RowsArguments rows;
};

constexpr u32 OPERANDS = 2 * WARP; // of a chunk of a tile of 8 columns, 16 bytes each
constexpr u32 WIDE_STAGES = 3;

extern __shared__ uint4 shared_memory[];

#if __CUDA_ARCH__ >= 800

// Sums to activations: of an output's row and a column.
struct WideRow {
    float bias, unscale;

    __device__ __forceinline__ WideRow(const WideArguments& a, const DenseLayer& layer, u32 output) {
        const float2 row = reinterpret_cast<const float2*>(a.base + layer.rows)[output];
        bias = a.plain ? 0 : row.x;
        unscale = row.y;
    }
};

struct WideBounds {
    float low, high;

    __device__ __forceinline__ WideBounds(const WideArguments& a, const DenseLayer& layer)
        : low(a.plain ? -__int_as_float(0x7f800000) : layer.low),
          high(a.plain ? __int_as_float(0x7f800000) : layer.high) {}
};

// A block multiplies 256 outputs by 16 NT columns: four by two warps, each 64 outputs by 8 NT columns.
template <u32 NT>
struct Wide {
    static constexpr u32 MT = 4, WM = 4, WN = 2;
    static constexpr u32 STAGES = WIDE_STAGES;
    static constexpr u32 TILES = WN * NT;
    static constexpr u32 COLUMNS = TILES * 8;
    static constexpr u32 WEIGHTS = MAX_ROWS * CHUNK * 2 * 2 / 16; // pieces of 16 bytes
    static constexpr u32 STAGE = WEIGHTS + TILES * OPERANDS;
    static_assert(WM * WN * WARP == THREADS && WM * MT * 16 == MAX_ROWS, "threads");
    static_assert(TILES * OPERANDS % THREADS == 0, "copies");

    const WideArguments& a;
    const DenseLayer& layer;
    u32 count, chunks, blocks;
    u64 items;
    // What is fetched next: a chunk of these weights and these tiles of columns.
    u64 next_item;
    u32 next_chunk, next_stage, next_pieces, next_tile;
    const uint4* next_weights;

    __device__ __forceinline__ u32 row_of(u64 item) const { return u32(item % blocks) * MAX_ROWS; }
    __device__ __forceinline__ u32 tile_of(u64 item) const { return u32(item / blocks) * TILES; }

    __device__ __forceinline__ void begin_item(u64 item) {
        const u32 row = row_of(item);
        next_item = item;
        next_chunk = 0;
        next_pieces = rows_from(layer, row) * (CHUNK * 2 / 16) * layer.parts;
        next_weights = reinterpret_cast<const uint4*>(a.base + layer.weights + weights_before(layer, row));
        next_tile = tile_of(item);
    }

    __device__ __forceinline__ void fetch() {
        if (next_item < items) {
            uint4* to = shared_memory + next_stage * STAGE;
            for (u32 i = threadIdx.x; i < next_pieces; i += THREADS) copy_later(to + i, next_weights + i);
            to += WEIGHTS;
            const u32 last = (count - 1) / 8;
#pragma unroll
            for (u32 k = 0; k < TILES * OPERANDS / THREADS; ++k) {
                const u32 i = k * THREADS + threadIdx.x;
                // Behind the last column it is the last tile again; what comes of it is not written.
                const u64 from = u64(min(next_tile + i / OPERANDS, last)) * chunks + next_chunk;
                copy_later(to + i, a.operands + from * OPERANDS + i % OPERANDS);
            }
            next_weights += next_pieces;
            next_stage = next_stage + 1 == STAGES ? 0 : next_stage + 1;
            if (++next_chunk == chunks) begin_item(next_item + gridDim.x);
        }
        end_copies();
    }

    // Adds a chunk's products.
    template <bool TWO_PARTS>
    __device__ __forceinline__ void compute(float (&acc)[MT][NT][4], u32 stage, u32 rows, u32 wm, u32 wn) const {
        const uint4* w = shared_memory + stage * STAGE + wm * MT * 2 * WARP + lane_id();
        const uint4* y = shared_memory + stage * STAGE + WEIGHTS + wn * NT * OPERANDS + lane_id();
        const u32 part = rows * (CHUNK * 2 / 16);
#pragma unroll
        for (u32 step = 0; step < 2; ++step) {
            uint4 b[NT];
#pragma unroll
            for (u32 n = 0; n < NT; ++n) b[n] = y[n * OPERANDS + step * WARP];
#pragma unroll
            for (u32 m = 0; m < MT; ++m) {
                const uint4 high = w[(m * 2 + step) * WARP];
                uint4 rest;
                if (TWO_PARTS) rest = w[part + (m * 2 + step) * WARP];
#pragma unroll
                for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], high, b[n].x, b[n].y);
#pragma unroll
                for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], high, b[n].z, b[n].w);
                if (TWO_PARTS)
#pragma unroll
                    for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], rest, b[n].x, b[n].y);
            }
        }
    }

    // Sums to activations in memory.
    __device__ __forceinline__ void finish(const float (&acc)[MT][NT][4], u64 item, u32 wm, u32 wn) const {
        const u32 group = lane_id() / 4, t = lane_id() % 4;
        const WideBounds bounds(a, layer);
        const u32 first = (tile_of(item) + wn * NT) * 8 + t * 2;
        const u32 row0 = row_of(item) + wm * MT * 16 + group;
        u32 live = 0; // a bit a column of this lane
#pragma unroll
        for (u32 m = 0; m < MT; ++m)
#pragma unroll
            for (u32 half = 0; half < 2; ++half) {
                const u32 output = row0 + m * 16 + half * 8;
                if (output >= layer.outputs) continue;
                const WideRow row(a, layer, output);
#pragma unroll
                for (u32 n = 0; n < NT; ++n) {
                    const u32 column = first + n * 8;
                    if (column >= count) break;
                    const float2 unscale = *reinterpret_cast<const float2*>(a.unscales + column);
                    const float2 y = {
                        clamp(fmaf(acc[m][n][half * 2] * row.unscale, unscale.x, row.bias), bounds.low, bounds.high),
                        clamp(fmaf(acc[m][n][half * 2 + 1] * row.unscale, unscale.y, row.bias), bounds.low,
                              bounds.high)};
                    // A panel has room behind the last column.
                    *reinterpret_cast<float2*>(a.rows.to + panel_offset(column, a.rows.neurons_out) +
                                               u64(output) * PANEL) = y;
                    live |= (u32(y.x != 0) | u32(y.y != 0) << 1) << 2 * n;
                }
            }
        if (!a.rows.marks.flags) return;
        for (u32 step = 4; step < WARP; step *= 2) live |= __shfl_xor_sync(ALL_LANES, live, step);
        if (group != 0) return;
        for (u32 k = 0; k < 2 * NT; ++k) {
            const u32 column = first + k / 2 * 8 + k % 2;
            if ((live >> k & 1) && column < count) a.rows.marks.mark(column);
        }
    }

    __device__ __forceinline__ void work() {
        const u32 wm = warp_id() % WM, wn = warp_id() / WM;
        next_stage = 0;
        begin_item(blockIdx.x);
        for (u32 s = 0; s + 1 < STAGES; ++s) fetch();
        u32 stage = 0;
        for (u64 item = blockIdx.x; item < items; item += gridDim.x) {
            const u32 rows = rows_from(layer, row_of(item));
            float acc[MT][NT][4] = {};
#pragma unroll 1
            for (u32 chunk = 0; chunk < chunks; ++chunk) {
                await_copies<STAGES - 2>();
                __syncthreads();
                fetch();
                if (wm * MT * 16 < rows) {
                    if (layer.parts == 2) compute<true>(acc, stage, rows, wm, wn);
                    else compute<false>(acc, stage, rows, wm, wn);
                }
                stage = stage + 1 == STAGES ? 0 : stage + 1;
            }
            finish(acc, item, wm, wn);
        }
    }

    __device__ static void run(const WideArguments& a, const DenseLayer& layer, u32 count) {
        const u32 chunks = (layer.inputs + CHUNK - 1) / CHUNK;
        const u32 blocks = (layer.outputs + MAX_ROWS - 1) / MAX_ROWS;
        Wide wide{a, layer, count, chunks, blocks, u64((count + COLUMNS - 1) / COLUMNS) * blocks};
        wide.work();
    }
};

// With few columns, a block multiplies 32 outputs by 8 NT columns, and its warps share the inputs: nothing is
// used twice, so all comes from memory straight into registers.
template <u32 NT>
struct Few {
    static constexpr u32 WARPS = THREADS / WARP;
    static constexpr u32 COLUMNS = NT * 8;
    static constexpr u32 SUMS = 32 * COLUMNS; // of a warp

    __device__ static __forceinline__ void multiply_chunk(float (&acc)[2][NT][4], const uint4* w, u32 part,
                                                          u32 parts, const uint4* const (&y)[NT], u64 chunk) {
        uint4 b[2][NT], high[2][2], rest[2][2];
#pragma unroll
        for (u32 m = 0; m < 2; ++m)
#pragma unroll
            for (u32 step = 0; step < 2; ++step) {
                high[m][step] = w[(m * 2 + step) * WARP];
                rest[m][step] = parts == 2 ? w[part + (m * 2 + step) * WARP] : uint4();
            }
#pragma unroll
        for (u32 step = 0; step < 2; ++step)
#pragma unroll
            for (u32 n = 0; n < NT; ++n) b[step][n] = y[n][chunk * OPERANDS + step * WARP];
#pragma unroll
        for (u32 step = 0; step < 2; ++step)
#pragma unroll
            for (u32 m = 0; m < 2; ++m) {
#pragma unroll
                for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], high[m][step], b[step][n].x, b[step][n].y);
#pragma unroll
                for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], high[m][step], b[step][n].z, b[step][n].w);
                if (parts == 2)
#pragma unroll
                    for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], rest[m][step], b[step][n].x, b[step][n].y);
            }
    }

    __device__ static void run(const WideArguments& a, const DenseLayer& layer, u32 count) {
        float* sums = reinterpret_cast<float*>(shared_memory);
        const u32 chunks = (layer.inputs + CHUNK - 1) / CHUNK;
        const u32 pairs = (layer.outputs + 31) / 32, last = (count - 1) / 8;
        const u64 items = u64((count + COLUMNS - 1) / COLUMNS) * pairs;
        const WideBounds bounds(a, layer);
        for (u64 item = blockIdx.x; item < items; item += gridDim.x) {
            const u32 row0 = u32(item % pairs) * 32, tile0 = u32(item / pairs) * NT;
            const u32 block = row0 / MAX_ROWS * MAX_ROWS, part = rows_from(layer, block) * (CHUNK * 2 / 16);
            const uint4* w = reinterpret_cast<const uint4*>(a.base + layer.weights + weights_before(layer, block)) +
                             (row0 - block) * (CHUNK * 2 / 16) + lane_id();
            const uint4* y[NT];
#pragma unroll
            for (u32 n = 0; n < NT; ++n) y[n] = a.operands + u64(min(tile0 + n, last)) * chunks * OPERANDS + lane_id();
            float acc[2][NT][4] = {};
#pragma unroll 1
            for (u32 chunk = warp_id(); chunk < chunks; chunk += WARPS)
                multiply_chunk(acc, w + u64(chunk) * part * layer.parts, part, layer.parts, y, chunk);
            __syncthreads(); // the sums before have been read
#pragma unroll
            for (u32 m = 0; m < 2; ++m)
#pragma unroll
                for (u32 n = 0; n < NT; ++n)
#pragma unroll
                    for (u32 half = 0; half < 2; ++half) {
                        const u32 row = m * 16 + half * 8 + lane_id() / 4, column = n * 8 + lane_id() % 4 * 2;
                        float* to = sums + warp_id() * SUMS + row * COLUMNS + column;
                        *reinterpret_cast<float2*>(to) = {acc[m][n][half * 2], acc[m][n][half * 2 + 1]};
                    }
            __syncthreads();
            for (u32 i = threadIdx.x; i < SUMS; i += THREADS) {
                const u32 output = row0 + i / COLUMNS, column = tile0 * 8 + i % COLUMNS;
                if (output >= layer.outputs || column >= count) continue;
                float sum = 0;
#pragma unroll
                for (u32 warp = 0; warp < WARPS; ++warp) sum += sums[warp * SUMS + i];
                const WideRow row(a, layer, output);
                const float y =
                    clamp(fmaf(sum * row.unscale, a.unscales[column], row.bias), bounds.low, bounds.high);
                a.rows.to[panel_offset(column, a.rows.neurons_out) + u64(output) * PANEL] = y;
                if (y != 0 && a.rows.marks.flags) a.rows.marks.mark(column);
            }
        }
    }
};

#endif
