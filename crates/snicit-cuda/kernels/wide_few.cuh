// Few columns of a wide layer.
#pragma once
#include "wide_columns.cuh"

#if __CUDA_ARCH__ >= 800

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
            for (u32 m = 0; m < 2; ++m) multiply_tiles(acc[m], high[m], rest[m], parts == 2, b);
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
