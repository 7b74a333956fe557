// The dense product through several layers for few columns: eight blocks on neighbouring multiprocessors, a
// cluster, take some columns through all layers together. Each has its share of the outputs, and so an eighth of
// the weights to bring in; activations go from one block's shared memory to the others'.
//
// A warp takes every eighth chunk of 32 inputs. Its weights come ahead of time, layers before they are needed,
// into a ring of its own, in which each lane reads what it has fetched itself.
#include "dense_columns.cuh"

#if __CUDA_ARCH__ >= 900

constexpr u32 BLOCKS = 8; // of a cluster
constexpr u32 WARPS = THREADS / WARP;
constexpr u32 SHARE = MAX_ROWS / BLOCKS; // outputs of a block: a pair of tiles
constexpr u32 RING = 6;                  // pairs of tiles on their way to a warp
constexpr u32 PIECES = 4;                // 16 bytes each, of a pair of tiles that a lane reads

extern __shared__ uint4 shared_memory[];

__device__ __forceinline__ u32 rank_in_cluster() {
    u32 rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

// Waits for all threads of the cluster; what they have written before can be read behind it.
__device__ __forceinline__ void synchronise_cluster() {
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Writes into the shared memory of block `rank`, where this block has `to`.
__device__ __forceinline__ void store_at(u32 rank, const float* to, float y) {
    u32 there;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(u32(__cvta_generic_to_shared(to))), "r"(rank));
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(there), "f"(y) : "memory");
}

// A cluster takes 8 NT columns at a time.
template <u32 NT>
struct Clustered {
    static constexpr u32 COLUMNS = NT * 8;
    static constexpr u32 TILE = MAX_ROWS * 8; // activations of a tile of 8 columns

    const DenseArguments& a;
    const DenseLayer* layers;
    float* activations; // two buffers, each tile by tile, neuron by neuron, 8 columns
    float* sums;        // of each warp
    uint4* ring;        // of this warp
    u32 count, first, rank;
    u64 offsets[NT];    // of this lane's columns in what comes in
    // What is fetched next.
    u32 next_layer, next_chunk, next_part, next_place;
    u32 place;

    // Passes over layers of which this warp has nothing.
    __device__ __forceinline__ void skip_others() {
        while (next_layer < a.layer_count) {
            const DenseLayer& layer = layers[next_layer];
            if (next_chunk * CHUNK < layer.inputs && rank * SHARE < layer.outputs) return;
            ++next_layer;
            next_chunk = warp_id();
        }
    }

    __device__ __forceinline__ void fetch() {
        if (next_layer < a.layer_count) {
            const DenseLayer& layer = layers[next_layer];
            const u32 size = rows_from(layer, 0) * (CHUNK * 2 / 16);
            const uint4* from = reinterpret_cast<const uint4*>(a.base + layer.weights) +
                                (next_chunk * layer.parts + next_part) * size + rank * PIECES * WARP + lane_id();
            uint4* to = ring + next_place * PIECES * WARP + lane_id();
#pragma unroll
            for (u32 i = 0; i < PIECES; ++i) copy_later(to + i * WARP, from + i * WARP);
            next_place = next_place + 1 == RING ? 0 : next_place + 1;
            if (++next_part == layer.parts) {
                next_part = 0;
                next_chunk += WARPS;
                skip_others();
            }
        }
        end_copies();
    }

    __device__ __forceinline__ void read(u32 index, u32 chunk, u32 step, u32 n, float (&y)[4]) const {
        const u32 group = lane_id() / 4;
        if (index == 0) {
            read_column(a.rows, a.source, offsets[n], first + n * 8 + group < count, chunk, step, lane_id(), y);
            return;
        }
        const float* from = activations + (index % 2 * NT + n) * TILE + group;
#pragma unroll
        for (u32 s = 0; s < 4; ++s) y[s] = from[(chunk * CHUNK + neuron_of(step, lane_id(), s)) * 8];
    }

    // The products of the warp's chunks; 0 where it has none.
    __device__ __forceinline__ void multiply_chunks(const DenseLayer& layer, u32 index, float (&acc)[2][NT][4]) {
        const u32 chunks = (layer.inputs + CHUNK - 1) / CHUNK;
        // A scale for this warp's inputs of a column: nobody else need know it.
        float scale[NT];
#pragma unroll
        for (u32 n = 0; n < NT; ++n) {
            float most = 0;
#pragma unroll 4
            for (u32 chunk = warp_id(); chunk < chunks; chunk += WARPS)
#pragma unroll
                for (u32 step = 0; step < 2; ++step) {
                    float y[4];
                    read(index, chunk, step, n, y);
                    most = largest_of(y, most);
                }
            most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
            most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
            scale[n] = scale_for(__float_as_uint(most));
        }
        for (u32 chunk = warp_id(); chunk < chunks; chunk += WARPS) {
            uint4 b[2][NT];
#pragma unroll
            for (u32 step = 0; step < 2; ++step)
#pragma unroll
                for (u32 n = 0; n < NT; ++n) {
                    float y[4];
                    read(index, chunk, step, n, y);
                    b[step][n] = operands(y, scale[n]);
                }
            for (u32 part = 0; part < layer.parts; ++part) {
                await_copies<RING - 2>();
                fetch();
                const uint4* w = ring + place * PIECES * WARP + lane_id();
                place = place + 1 == RING ? 0 : place + 1;
#pragma unroll
                for (u32 m = 0; m < 2; ++m)
#pragma unroll
                    for (u32 step = 0; step < 2; ++step) {
                        const uint4 weights = w[(m * 2 + step) * WARP];
#pragma unroll
                        for (u32 n = 0; n < NT; ++n) multiply_add<HALVES>(acc[m][n], weights, b[step][n].x, b[step][n].y);
                        if (part == 0)
#pragma unroll
                            for (u32 n = 0; n < NT; ++n) multiply_add<HALVES>(acc[m][n], weights, b[step][n].z, b[step][n].w);
                    }
            }
        }
#pragma unroll
        for (u32 n = 0; n < NT; ++n) {
            // The lane's sums are of columns 2t and 2t + 1, its operands of another.
            const float unscale = inverse(scale[n]);
            const float by[2] = {__shfl_sync(ALL_LANES, unscale, lane_id() % 4 * 8),
                                 __shfl_sync(ALL_LANES, unscale, lane_id() % 4 * 8 + 4)};
#pragma unroll
            for (u32 m = 0; m < 2; ++m)
#pragma unroll
                for (u32 i = 0; i < 4; ++i) acc[m][n][i] *= by[i % 2];
        }
    }

    // Adds the warps' sums, and sends activations to all blocks or to memory.
    __device__ __forceinline__ void finish(const DenseLayer& layer, u32 index, float2 row) {
        const u32 column = threadIdx.x % 8, output = rank * SHARE + threadIdx.x / 8;
        const float low = a.plain ? -__int_as_float(0x7f800000) : layer.low;
        const float high = a.plain ? __int_as_float(0x7f800000) : layer.high;
        const bool last = index + 1 == a.layer_count;
#pragma unroll
        for (u32 n = 0; n < NT; ++n) {
            float sum = 0;
#pragma unroll
            for (u32 warp = 0; warp < WARPS; ++warp) sum += sums[(warp * NT + n) * SHARE * 8 + threadIdx.x];
            const float y = clamp(fmaf(sum, row.y, row.x), low, high);
            if (!last) {
                const float* to = activations + ((index + 1) % 2 * NT + n) * TILE + output * 8 + column;
                // Behind the last output there are zeros, which the next layer takes for inputs.
                for (u32 i = 0; i < BLOCKS; ++i) store_at((rank + i) % BLOCKS, to, output < layer.outputs ? y : 0);
            } else if (output < layer.outputs && first + n * 8 + column < count) {
                const u32 j = first + n * 8 + column;
                a.rows.to[panel_offset(j, a.rows.neurons_out) + u64(output) * PANEL] = y;
                if (y != 0 && a.rows.marks.flags) a.rows.marks.mark(j);
            }
        }
    }

    // Takes the cluster's columns through all layers.
    __device__ void pass() {
#pragma unroll
        for (u32 n = 0; n < NT; ++n) offsets[n] = find_column(a.rows, a.source, first + n * 8 + lane_id() / 4, count);
        next_layer = next_part = next_place = place = 0;
        next_chunk = warp_id();
        skip_others();
        for (u32 i = 0; i + 1 < RING; ++i) fetch();
        for (u32 index = 0; index < a.layer_count; ++index) {
            const DenseLayer& layer = layers[index];
            const u32 output = rank * SHARE + threadIdx.x / 8;
            float2 row = {};
            if (output < layer.outputs) row = reinterpret_cast<const float2*>(a.base + layer.rows)[output];
            if (a.plain) row.x = 0;
            if (rank * SHARE < layer.outputs) {
                float acc[2][NT][4] = {};
                multiply_chunks(layer, index, acc);
                const u32 group = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
                for (u32 n = 0; n < NT; ++n)
#pragma unroll
                    for (u32 m = 0; m < 2; ++m)
#pragma unroll
                        for (u32 half = 0; half < 2; ++half) {
                            const u32 at = ((warp_id() * NT + n) * SHARE + m * 16 + half * 8 + group) * 8 + t * 2;
                            *reinterpret_cast<float2*>(sums + at) = {acc[m][n][half * 2], acc[m][n][half * 2 + 1]};
                        }
                __syncthreads();
                finish(layer, index, row);
            }
            // Activations are there, and those before have been read, as have the sums.
            synchronise_cluster();
        }
    }

    __device__ static void run(const DenseArguments& a, const DenseLayer* layers, u32 count) {
        float* activations = reinterpret_cast<float*>(shared_memory);
        float* sums = activations + 2 * NT * TILE;
        uint4* ring = reinterpret_cast<uint4*>(sums + WARPS * NT * SHARE * 8) + warp_id() * RING * PIECES * WARP;
        Clustered clustered{a, layers, activations, sums, ring, count};
        clustered.rank = rank_in_cluster();
        const u32 clusters = gridDim.x / BLOCKS;
        for (u64 tile = blockIdx.x / BLOCKS; tile * COLUMNS < count; tile += clusters) {
            clustered.first = u32(tile) * COLUMNS;
            clustered.pass();
        }
    }
};

#endif

// For GPUs that have clusters; the host asks others for dense_layers.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
#if __CUDA_ARCH__ >= 900
    __cluster_dims__(BLOCKS, 1, 1)
#endif
    clustered_layers(DenseArguments a) {
#if __CUDA_ARCH__ >= 900
    __shared__ DenseLayer layers[MAX_LAYERS];
    const u32 count = *a.rows.count;
    for (u32 i = threadIdx.x; i < a.layer_count * sizeof(DenseLayer) / 4; i += THREADS)
        reinterpret_cast<u32*>(layers)[i] = reinterpret_cast<const u32*>(a.layers)[i];
    __syncthreads();
    // All blocks must be there before others write into their memory.
    synchronise_cluster();
    const u32 clusters = gridDim.x / BLOCKS;
    if (count <= 8 * clusters) Clustered<1>::run(a, layers, count);
    else if (count <= 16 * clusters) Clustered<2>::run(a, layers, count);
    else Clustered<4>::run(a, layers, count);
#endif
}
