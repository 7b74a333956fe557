// XY-2021's kernel for layers without mini-blocks: every output reads its own inputs. Neuron-major; a warp
// takes an output and 128 columns, a lane four of them. When there are few columns, a lane takes a
// connection instead.
#include "columns.cuh"

struct GatherLayer {
    const u32* offsets; // output o: its connections are offsets[o] to offsets[o + 1]
    const u32* inputs;
    const float* weights;
    const float* bias;  // one an output; null for none
    u32 neurons;
    u32 below;          // with so many columns or more, a kernel of tiles.cu does the work
    float low, high;
};

struct GatherArguments {
    GatherLayer layer;
    RowsArguments rows;
};

constexpr u32 WARPS = 4;
constexpr u32 COLUMNS_A_LANE = 4;
constexpr u32 FEW_COLUMNS = 8;

template <class Rows>
__device__ void many_columns(const GatherLayer& layer, const RowsArguments& a, const Rows& rows, u32 count) {
    constexpr u32 TILE = WARP * COLUMNS_A_LANE;
    const u32 lane = lane_id();
    const u64 items = (u64(count) + TILE - 1) / TILE * layer.neurons;
    const u64 warps = u64(gridDim.x) * WARPS;
    for (u64 item = u64(blockIdx.x) * WARPS + warp_id(); item < items; item += warps) {
        const u32 output = item % layer.neurons;
        const u64 first_column = item / layer.neurons * TILE;
        u32 column[COLUMNS_A_LANE];
        typename Rows::Column from[COLUMNS_A_LANE];
        float* to[COLUMNS_A_LANE];
        for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
            column[c] = min(first_column + c * WARP + lane, u64(count) - 1);
            from[c] = rows.column(slot_of(a.slots, column[c]));
            to[c] = a.to + panel_offset(column[c], a.neurons_out);
        }
        float sums[COLUMNS_A_LANE] = {};
        const u32 end = layer.offsets[output + 1];
        for (u32 start = layer.offsets[output]; start < end; start += WARP) {
            const u32 here = min(WARP, end - start);
            const u32 input = lane < here ? layer.inputs[start + lane] : 0;
            const float weight = lane < here ? layer.weights[start + lane] : 0.0f;
#pragma unroll 4
            for (u32 t = 0; t < here; ++t) {
                const u32 row = __shfl_sync(ALL_LANES, input, t);
                const float w = __shfl_sync(ALL_LANES, weight, t);
#pragma unroll
                for (u32 c = 0; c < COLUMNS_A_LANE; ++c) sums[c] += w * rows.at(from[c], row);
            }
        }
        const float bias = layer.bias ? layer.bias[output] : 0.0f;
#pragma unroll
        for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
            if (first_column + c * WARP + lane >= count) continue;
            const float y = clamp(sums[c] + bias, layer.low, layer.high);
            to[c][u64(output) * PANEL] = y;
            if (y != 0.0f && a.marks.flags) a.marks.mark(column[c]);
        }
    }
}

template <u32 COLUMNS, class Rows>
__device__ void few_columns(const GatherLayer& layer, const RowsArguments& a, const Rows& rows, u32 count) {
    typename Rows::Column from[COLUMNS];
#pragma unroll
    for (u32 c = 0; c < COLUMNS; ++c) from[c] = rows.column(slot_of(a.slots, min(c, count - 1)));
    for (u32 output = blockIdx.x * WARPS + warp_id(); output < layer.neurons; output += gridDim.x * WARPS) {
        float sums[COLUMNS] = {};
        const u32 end = layer.offsets[output + 1];
        for (u32 k = layer.offsets[output] + lane_id(); k < end; k += WARP) {
            const float w = layer.weights[k];
            const u32 input = layer.inputs[k];
#pragma unroll
            for (u32 c = 0; c < COLUMNS; ++c) sums[c] += w * rows.at(from[c], input);
        }
        const float bias = layer.bias ? layer.bias[output] : 0.0f;
#pragma unroll
        for (u32 c = 0; c < COLUMNS; ++c) {
            const float y = clamp(warp_sum(sums[c]) + bias, layer.low, layer.high);
            if (lane_id() == 0 && c < count) {
                a.to[u64(output) * PANEL + c] = y;
                if (y != 0.0f && a.marks.flags) a.marks.mark(c);
            }
        }
    }
}

template <class Rows>
__device__ __forceinline__ void gather(const GatherArguments& a, const Rows& rows) {
    const u32 count = *a.rows.count;
    if (count == 0 || count >= a.layer.below) return;
    if (count == 1) few_columns<1>(a.layer, a.rows, rows, count);
    else if (count <= FEW_COLUMNS) few_columns<FEW_COLUMNS>(a.layer, a.rows, rows, count);
    else many_columns(a.layer, a.rows, rows, count);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 8) gather_layer(GatherArguments a) {
    gather(a, float_rows(a.rows));
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 8) gather_layer_bits(GatherArguments a) {
    gather(a, bit_rows(a.rows));
}

// For few columns, input-major.
extern "C" __global__ void __launch_bounds__(WARPS * WARP, 8) gather_layer_columns(GatherArguments a) {
    gather(a, float_columns(a.rows));
}
