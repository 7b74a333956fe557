// The dense product of one layer with many outputs: a matrix product in tiles. The activations are brought into
// halves once (split_columns); behind that, a block multiplies 256 outputs by up to 128 columns.
//
// Weights and activations lie in memory as tensor cores want them: weights as layout/dense.rs says, activations as
// tiles of 8 columns, of each its chunks of 32 inputs, of each the matrices that wide_columns.cuh describes. A chunk of
// 32 tiles lies together, so that one copy brings it in: with one a tile, copies took longer than products.
#include "wide_few.cuh"
#include "wide_groups.cuh"
#include "wide_tiles.cuh"

struct SplitArguments {
    uint4* operands;
    float* unscales;   // inverse scales of columns
    u32 source;
    u32 at_least;      // with fewer columns, another kernel does the work
    float input_scale; // 0 if each column has its own
    u32 unused;
    RowsArguments rows;
};

constexpr u32 SPLIT_WARPS = 16;
constexpr u32 HELD = 4; // chunks of which a warp keeps the activations until their scale is known

// Columns to operands; a block takes a tile of 8 columns.
extern "C" __global__ void __launch_bounds__(SPLIT_WARPS * WARP, 2) split_columns(SplitArguments a) {
#if __CUDA_ARCH__ >= 800
    __shared__ u32 largest[8];
    const u32 count = *a.rows.count;
    if (count < a.at_least) return;
    const u32 chunks = (a.rows.neurons_in + CHUNK - 1) / CHUNK, group = lane_id() / 4;
    for (u32 tile = blockIdx.x; tile * 8 < count; tile += gridDim.x) {
        const u32 column = tile * 8 + group;
        const u64 offset = find_column(a.rows, a.source, column, count);
        auto read = [&](u32 chunk, u32 step, float (&y)[4]) {
            read_column(a.rows, a.source, offset, column < count, chunk, step, lane_id(), y);
        };
        float held[HELD][2][4];
#pragma unroll
        for (u32 h = 0; h < HELD; ++h)
#pragma unroll
            for (u32 step = 0; step < 2; ++step) read(h * SPLIT_WARPS + warp_id(), step, held[h][step]);
        float scale = a.input_scale;
        if (scale == 0) {
            __syncthreads(); // the tile before has been read
            if (threadIdx.x < 8) largest[threadIdx.x] = 0;
            __syncthreads();
            float most = 0;
#pragma unroll
            for (u32 h = 0; h < HELD; ++h)
#pragma unroll
                for (u32 step = 0; step < 2; ++step) most = largest_of(held[h][step], most);
#pragma unroll 4
            for (u32 chunk = HELD * SPLIT_WARPS + warp_id(); chunk < chunks; chunk += SPLIT_WARPS)
#pragma unroll
                for (u32 step = 0; step < 2; ++step) {
                    float y[4];
                    read(chunk, step, y);
                    most = largest_of(y, most);
                }
            most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
            most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
            if (lane_id() % 4 == 0) atomicMax(&largest[group], __float_as_uint(most));
            __syncthreads();
            scale = scale_for(largest[group]);
        }
        if (warp_id() == 0 && lane_id() % 4 == 0) a.unscales[column] = inverse(scale);
        u32* to = reinterpret_cast<u32*>(a.operands + operands_of(tile, chunks)) + lane_id();
        auto write = [&](u32 chunk, u32 step, const float (&y)[4]) {
            const uint4 v = operands(y, scale);
            u32* at = to + (u64(chunk) * TOGETHER * OPERANDS + step * 4 * MATRIX) * 4;
            at[0] = v.x;
            at[WARP] = v.y;
            at[2 * WARP] = v.z;
            at[3 * WARP] = v.w;
        };
#pragma unroll
        for (u32 h = 0; h < HELD; ++h)
#pragma unroll
            for (u32 step = 0; step < 2; ++step)
                if (h * SPLIT_WARPS + warp_id() < chunks) write(h * SPLIT_WARPS + warp_id(), step, held[h][step]);
#pragma unroll 2
        for (u32 chunk = HELD * SPLIT_WARPS + warp_id(); chunk < chunks; chunk += SPLIT_WARPS)
#pragma unroll
            for (u32 step = 0; step < 2; ++step) {
                float y[4];
                read(chunk, step, y);
                write(chunk, step, y);
            }
    }
#endif
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
constexpr u32 WIDE_THREADS = THREADS + WARP; // a warp fetches for the others
#else
constexpr u32 WIDE_THREADS = THREADS;
#endif

extern "C" __global__ void __launch_bounds__(WIDE_THREADS, 1) wide_dense(WideArguments a) {
#if __CUDA_ARCH__ >= 800
    const u32 count = *a.rows.count;
    if (count == 0 || count < a.at_least) return;
    const DenseLayer layer = *a.layer;
    // Rounds that the grid needs, times the time of one.
    auto cost = [&](u32 rows, u32 columns, u32 time) {
        const u64 items = u64((count + columns - 1) / columns) * ((layer.outputs + rows - 1) / rows);
        return (items + gridDim.x - 1) / gridDim.x * time;
    };
    const u64 few = cost(32, 64, 6);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    const u64 by_256 = cost(128, 256, 24), by_128 = cost(128, 128, 13), by_64 = cost(128, 64, 8);
    if (few > min(by_256, min(by_128, by_64))) {
        if (by_256 <= min(by_128, by_64)) Groups<32>::run(a, layer, count);
        else if (by_128 <= by_64) Groups<16>::run(a, layer, count);
        else Groups<8>::run(a, layer, count);
        return;
    }
    if (warp_id() == THREADS / WARP) return;
#else
    const u64 by_128 = cost(256, 128, 35), by_96 = cost(256, 96, 27), by_64 = cost(256, 64, 19);
    if (few > min(by_128, min(by_96, by_64))) {
        if (by_128 <= min(by_96, by_64)) Wide<8>::run(a, layer, count);
        else if (by_96 <= by_64) Wide<6>::run(a, layer, count);
        else Wide<4>::run(a, layer, count);
        return;
    }
#endif
    if (count <= 8) Few<1>::run(a, layer, count);
    else if (cost(32, 32, 1) == 1) Few<4>::run(a, layer, count);
    else Few<8>::run(a, layer, count);
#endif
}
