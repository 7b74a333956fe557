// Tiles of a wide layer by the instructions for four warps.
#pragma once
#include "warpgroups.cuh"
#include "wide_columns.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// A block multiplies 128 outputs by 8 NT columns; two groups of four warps have 64 outputs each,
// and a warp brings in what they need.
template <u32 NT>
struct Groups {
    static constexpr u32 STAGES = 4;
    static constexpr u32 ROWS = 128;
    // Tensor cores cut sums instead of rounding them: behind so many chunks, what has come together is added to what
    // is in memory.
    static constexpr u32 SECTION = 64;
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
            u32 chunk = 0;
            do {
                float acc[NT * 4] = {};
                const bool begins = chunk == 0;
                const u32 end = min(chunks, chunk + SECTION);
                u32 before = STAGES; // whose products may be under way
                for (; chunk < end; ++chunk) {
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
                finish(a, layer, sums, u32(item % blocks) * ROWS + warp_id() * 16, u32(item / blocks) * COLUMNS,
                       count, begins, end == chunks);
            } while (chunk < chunks);
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
