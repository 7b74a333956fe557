// Tiles of the dense product of a layer with many outputs.
#pragma once
#include "dense_columns.cuh"
#include "warpgroups.cuh"

struct WideArguments {
    const u8* base;
    const DenseLayer* layer;
    const uint4* operands; // of columns; see wide_dense.cu
    const float* unscales; // inverse scales of columns
    u32 plain;             // 1: neither bias nor bounds
    u32 at_least;          // with fewer columns, another kernel does the work
    RowsArguments rows;
};

// Weights and activations lie as matrices of 8 by 8 halves, 8 of 16 bytes each, of an output or column. Of a chunk,
// 8 outputs have four (two steps, of each the first 8 inputs and the others), 8 columns eight (two steps, of each the
// halves and the rests).
constexpr u32 MATRIX = 8;              // pieces of 16 bytes
constexpr u32 LINES = 4 * MATRIX;      // of 8 outputs
constexpr u32 OPERANDS = 8 * MATRIX;   // of a tile of 8 columns
constexpr u32 TOGETHER = 32;           // tiles of columns whose operands of a chunk lie together
constexpr u32 WIDE_STAGES = 3;

extern __shared__ uint4 shared_memory[];

#if __CUDA_ARCH__ >= 800

// Where the operands of a tile of columns begin; those of its next chunk follow TOGETHER * OPERANDS behind.
__device__ __forceinline__ u64 operands_of(u32 tile, u32 chunks) {
    return (u64(tile / TOGETHER) * chunks * TOGETHER + tile % TOGETHER) * OPERANDS;
}

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

// Sums of 16 outputs and 8 NT columns to activations in memory.
template <u32 NT>
__device__ __forceinline__ void finish(const WideArguments& a, const DenseLayer& layer, const float (&acc)[NT][4],
                                       u32 row0, u32 column0, u32 count) {
    const u32 group = lane_id() / 4, first = column0 + lane_id() % 4 * 2;
    const WideBounds bounds(a, layer);
    u64 live = 0; // a bit a column of this lane
#pragma unroll
    for (u32 half = 0; half < 2; ++half) {
        const u32 output = row0 + half * 8 + group;
        if (output >= layer.outputs) continue;
        const WideRow row(a, layer, output);
#pragma unroll
        for (u32 n = 0; n < NT; ++n) {
            const u32 column = first + n * 8;
            if (column >= count) break;
            const float2 unscale = *reinterpret_cast<const float2*>(a.unscales + column);
            const float2 y = {
                clamp(fmaf(acc[n][half * 2] * row.unscale, unscale.x, row.bias), bounds.low, bounds.high),
                clamp(fmaf(acc[n][half * 2 + 1] * row.unscale, unscale.y, row.bias), bounds.low, bounds.high)};
            // A panel has room behind the last column.
            *reinterpret_cast<float2*>(a.rows.to + panel_offset(column, a.rows.neurons_out) + u64(output) * PANEL) =
                y;
            live |= u64(u32(y.x != 0) | u32(y.y != 0) << 1) << 2 * n;
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
                const u64 from = operands_of(min(next_tile + i / OPERANDS, last), chunks);
                copy_later(to + i, a.operands + from + next_chunk * TOGETHER * OPERANDS + i % OPERANDS);
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
        // A lane gives the address of a line of a matrix.
        const uint4* w = shared_memory + stage * STAGE + wm * MT * 2 * LINES + lane_id() / 8 % 2 * LINES +
                         lane_id() / 16 * MATRIX + lane_id() % 8;
        const uint4* y = shared_memory + stage * STAGE + WEIGHTS + wn * NT * OPERANDS + lane_id();
        const u32 part = rows * (CHUNK * 2 / 16);
#pragma unroll
        for (u32 step = 0; step < 2; ++step) {
            uint4 b[NT];
#pragma unroll
            for (u32 n = 0; n < NT; ++n) b[n] = load_matrices(y + n * OPERANDS + step * 4 * MATRIX);
#pragma unroll
            for (u32 m = 0; m < MT; ++m) {
                const uint4 high = load_matrices(w + m * 2 * LINES + step * 2 * MATRIX);
                uint4 rest;
                if (TWO_PARTS) rest = load_matrices(w + part + m * 2 * LINES + step * 2 * MATRIX);
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
            const u32 column = (tile_of(item) + wn * NT) * 8;
#pragma unroll
            for (u32 m = 0; m < MT; ++m) finish(a, layer, acc[m], row_of(item) + (wm * MT + m) * 16, column, count);
        }
    }

    __device__ static void run(const WideArguments& a, const DenseLayer& layer, u32 count) {
        const u32 chunks = (layer.inputs + CHUNK - 1) / CHUNK;
        const u32 blocks = (layer.outputs + MAX_ROWS - 1) / MAX_ROWS;
        Wide wide{a, layer, count, chunks, blocks, u64((count + COLUMNS - 1) / COLUMNS) * blocks};
        wide.work();
    }
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// The same on Hopper: a block multiplies 128 outputs by 8 NT columns; two groups of four warps have 64 outputs each,
// and a warp brings in what they need.
template <u32 NT>
struct Groups {
    static constexpr u32 STAGES = 4;
    static constexpr u32 ROWS = 128;
    static constexpr u32 COLUMNS = NT * 8;
    static constexpr u32 WEIGHTS = ROWS / 8 * LINES; // of a part; pieces of 16 bytes
    static constexpr u32 STAGE = 2 * WEIGHTS + NT * OPERANDS;
    static_assert(TOGETHER % NT == 0, "the block's columns lie together");

    const WideArguments& a;
    const DenseLayer& layer;
    Gate* full;  // one a stage: it has been brought in
    Gate* empty; // it has been used
    u32 count, chunks, blocks;
    u64 items;
    u32 stage, turn;

    __device__ __forceinline__ void next_stage() {
        if (++stage < STAGES) return;
        stage = 0;
        turn ^= 1;
    }

    __device__ __forceinline__ void fetch_all() {
        const u32 lane = lane_id();
        for (u64 item = blockIdx.x; item < items; item += gridDim.x) {
            const u32 row = u32(item % blocks) * ROWS, block = row / MAX_ROWS * MAX_ROWS;
            const u32 part = rows_from(layer, block) / 8 * LINES; // pieces
            const u32 bytes = min(ROWS, rows_from(layer, block) - (row - block)) * CHUNK * 2;
            const uint4* weights =
                reinterpret_cast<const uint4*>(a.base + layer.weights + weights_before(layer, block)) +
                (row - block) / 8 * LINES + lane * part;
            // Behind the last column there may be anything; what comes of it is not written.
            const uint4* operands = a.operands + operands_of(u32(item / blocks) * NT, chunks);
            for (u32 chunk = 0; chunk < chunks; ++chunk) {
                uint4* to = shared_memory + stage * STAGE;
                empty[stage].await(turn ^ 1);
                if (lane == 0) full[stage].arrive_and_expect(layer.parts * bytes + NT * OPERANDS * 16);
                __syncwarp();
                if (lane < layer.parts) full[stage].copy(to + lane * WEIGHTS, weights, bytes);
                if (lane == 0) full[stage].copy(to + 2 * WEIGHTS, operands, NT * OPERANDS * 16);
                weights += layer.parts * part;
                operands += TOGETHER * OPERANDS;
                next_stage();
            }
        }
    }

    // Without a branch between the products: they could not be under way at the same time.
    template <bool TWO_PARTS>
    __device__ __forceinline__ void multiply_all() {
        const u32 group = warp_id() / 4;
        const bool leads = threadIdx.x % (4 * WARP) == 0;
        for (u64 item = blockIdx.x; item < items; item += gridDim.x) {
            float acc[NT * 4] = {};
            u32 before = STAGES; // whose products may be under way
            for (u32 chunk = 0; chunk < chunks; ++chunk) {
                full[stage].await(turn);
                const uint4* w = shared_memory + stage * STAGE + group * (ROWS / 16) * LINES;
                const uint4* y = shared_memory + stage * STAGE + 2 * WEIGHTS;
                begin_groups();
#pragma unroll
                for (u32 step = 0; step < 2; ++step) {
                    auto weights = [&](u32 part) {
                        return matrices_at(w + part * WEIGHTS + step * 2 * MATRIX, MATRIX * 16, LINES * 16);
                    };
                    auto columns = [&](u32 part) {
                        return matrices_at(y + (step * 4 + part * 2) * MATRIX, MATRIX * 16, OPERANDS * 16);
                    };
                    multiply_group(acc, weights(0), columns(0));
                    multiply_group(acc, weights(0), columns(1));
                    if (TWO_PARTS) multiply_group(acc, weights(1), columns(0));
                }
                end_group();
                await_groups<1>();
                if (before < STAGES && leads) empty[before].arrive();
                before = stage;
                next_stage();
            }
            await_groups<0>();
            if (leads) empty[before].arrive();
            float sums[NT][4];
#pragma unroll
            for (u32 n = 0; n < NT; ++n)
#pragma unroll
                for (u32 i = 0; i < 4; ++i) sums[n][i] = acc[n * 4 + i];
            finish(a, layer, sums, u32(item % blocks) * ROWS + warp_id() * 16, u32(item / blocks) * COLUMNS, count);
        }
    }

    __device__ static void run(const WideArguments& a, const DenseLayer& layer, u32 count) {
        __shared__ Gate full[STAGES], empty[STAGES];
        if (threadIdx.x == 0) {
            for (u32 s = 0; s < STAGES; ++s) {
                full[s].open_with(1);
                empty[s].open_with(2);
            }
            publish_gates();
        }
        __syncthreads();
        const u32 chunks = (layer.inputs + CHUNK - 1) / CHUNK, blocks = (layer.outputs + ROWS - 1) / ROWS;
        const u64 items = u64((count + COLUMNS - 1) / COLUMNS) * blocks;
        Groups groups{a, layer, full, empty, count, chunks, blocks, items, 0, 0};
        if (warp_id() == THREADS / WARP) groups.fetch_all();
        else if (layer.parts == 2) groups.template multiply_all<true>();
        else groups.template multiply_all<false>();
    }
};

#endif

// With few columns, a block multiplies 32 outputs by 8 NT columns, and its warps share the inputs: nothing is
// used twice, so all comes from memory straight into registers.
template <u32 NT>
struct Few {
    static constexpr u32 WARPS = THREADS / WARP;
    static constexpr u32 COLUMNS = NT * 8;
    static constexpr u32 SUMS = 32 * COLUMNS; // of a warp

    // A lane's words of four matrices.
    __device__ static __forceinline__ uint4 words_of(const u32* first, u32 second, u32 third) {
        return {first[0], first[second], first[third], first[second + third]};
    }

    // `tiles` tiles of columns follow the first.
    __device__ static __forceinline__ void multiply_chunk(float (&acc)[2][NT][4], const u32* w, u32 part, u32 parts,
                                                          const u32* y, u32 tiles) {
#pragma unroll
        for (u32 step = 0; step < 2; ++step) {
            uint4 high[2], rest[2], b[NT];
#pragma unroll
            for (u32 m = 0; m < 2; ++m) {
                const u32* from = w + (m * 2 * LINES + step * 2 * MATRIX) * 4;
                high[m] = words_of(from, LINES * 4, MATRIX * 4);
                rest[m] = parts == 2 ? words_of(from + part, LINES * 4, MATRIX * 4) : uint4();
            }
#pragma unroll
            for (u32 n = 0; n < NT; ++n)
                b[n] = words_of(y + (min(n, tiles) * OPERANDS + step * 4 * MATRIX) * 4, MATRIX * 4, MATRIX * 8);
#pragma unroll
            for (u32 m = 0; m < 2; ++m) {
#pragma unroll
                for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], high[m], b[n].x, b[n].y);
#pragma unroll
                for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], high[m], b[n].z, b[n].w);
                if (parts == 2)
#pragma unroll
                    for (u32 n = 0; n < NT; ++n) multiply(acc[m][n], rest[m], b[n].x, b[n].y);
            }
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
            const u32 block = row0 / MAX_ROWS * MAX_ROWS, part = rows_from(layer, block) * (CHUNK * 2 / 4);
            const u32* w = reinterpret_cast<const u32*>(a.base + layer.weights + weights_before(layer, block)) +
                           (row0 - block) * (CHUNK * 2 / 4) + lane_id();
            const u32* y = reinterpret_cast<const u32*>(a.operands + operands_of(tile0, chunks)) + lane_id();
            float acc[2][NT][4] = {};
#pragma unroll (NT == 1 ? 4 : 1)
            for (u32 chunk = warp_id(); chunk < chunks; chunk += WARPS)
                multiply_chunk(acc, w + u64(chunk) * part * layer.parts, part, layer.parts,
                               y + u64(chunk) * TOGETHER * OPERANDS * 4, last - tile0);
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
