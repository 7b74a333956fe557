// XY-2021's dense product: the kernel that chooses its tile by the number of columns.
#include "dense.cuh"

#if __CUDA_ARCH__ >= 800

// Rounds that the grid needs, times the cost of one relative to others.
__device__ __forceinline__ u64 rounds(u32 count, u32 columns, u32 blocks, u32 cost) {
    const u64 tiles = u64((count + columns - 1) / columns) * blocks;
    return (tiles + gridDim.x - 1) / gridDim.x * cost;
}

#endif

extern "C" __global__ void __launch_bounds__(THREADS, 1) dense_layers(DenseArguments a) {
#if __CUDA_ARCH__ >= 800
    __shared__ DenseShared shared;
    const u32 count = *a.rows.count;
    if (count == 0) return;
    for (u32 i = threadIdx.x; i < a.layer_count * sizeof(DenseLayer) / 4; i += THREADS)
        reinterpret_cast<u32*>(shared.layers)[i] = reinterpret_cast<const u32*>(a.layers)[i];
    __syncthreads();
    const u32 blocks = a.layer_count == 1 ? (shared.layers[0].outputs + MAX_ROWS - 1) / MAX_ROWS : 1;
    const u64 by_8 = rounds(count, 8, blocks, 2);
    const u64 by_40 = a.largest_tile >= 40 ? rounds(count, 40, blocks, 5) : ~0ull;
    const u64 by_80 = a.largest_tile >= 80 ? rounds(count, 80, blocks, 9) : ~0ull;
    if (by_80 <= min(by_8, by_40)) {
        if (a.narrow) Dense<1, 5, 4, 2, 4>::run(a, shared, count);
        else Dense<2, 5, 4, 2, 4>::run(a, shared, count);
    } else if (by_40 <= by_8) {
        Dense<1, 5, 8, 1, 3>::run(a, shared, count);
    } else {
        Dense<1, 1, 8, 1, 5>::run(a, shared, count);
    }
#endif
}
