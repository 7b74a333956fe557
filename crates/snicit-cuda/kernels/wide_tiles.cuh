// Tiles of a wide layer by the instructions for one warp.
#pragma once
#include "wide_columns.cuh"

#if __CUDA_ARCH__ >= 800

// A block multiplies 256 outputs by 16 NT columns: four by two warps, each 64 outputs by 8 NT columns.
template <u32 NT>
struct Wide {
    static constexpr u32 MT = 4, WM = 4, WN = 2;
    static constexpr u32 STAGES = 3;
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
                multiply_tiles(acc[m], high, rest, TWO_PARTS, b);
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
            const u32 column = (tile_of(item) + wn * NT) * 8;
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
#pragma unroll
            for (u32 m = 0; m < MT; ++m)
                finish(a, layer, acc[m], row_of(item) + (wm * MT + m) * 16, column, count, true, true);
        }
    }

    __device__ static void run(const WideArguments& a, const DenseLayer& layer, u32 count) {
        const u32 chunks = (layer.inputs + CHUNK - 1) / CHUNK;
        const u32 blocks = (layer.outputs + MAX_ROWS - 1) / MAX_ROWS;
        Wide wide{a, layer, count, chunks, blocks, u64((count + COLUMNS - 1) / COLUMNS) * blocks};
        wide.work();
    }
};

#endif
