// XY-2021's mini-block kernel: up to 16 outputs with one common set of inputs, a strip, are computed
// together, so that an activation is read once for all of them. Neuron-major; a warp takes a strip and 64
// columns, a lane two of these columns and all 16 outputs, its sums in registers. When there are few
// columns, a lane takes an output instead.
#include "columns.cuh"

constexpr u32 STRIP_OUTPUTS = 16;

struct Strip {
    u32 first_input; // of its inputs in `inputs`; its weights begin at row first_input of `weights`
    u32 inputs;
    u32 outputs;     // at most STRIP_OUTPUTS
    u32 first_output; // of its outputs in `outputs`
};

struct StripsLayer {
    const Strip* strips;
    const u32* inputs;    // input neurons, strip by strip
    const float* weights; // a row of STRIP_OUTPUTS for each entry of `inputs`; 0 where a strip has fewer
    const u32* outputs;   // output neurons, strip by strip
    const float* bias;    // in the order of `outputs`; null for none
    u32 strip_count;
    float low, high;
};

struct StripsArguments {
    StripsLayer layer;
    RowsArguments rows;
};

constexpr u32 WARPS = 4;
constexpr u32 STAGED = 32; // inputs whose weights are staged at a time
constexpr u32 COLUMNS_A_LANE = PANEL / WARP;
constexpr u32 FEW_COLUMNS = 8;

struct Stage {
    float4 weights[STAGED][STRIP_OUTPUTS / 4];
    u32 inputs[STAGED];
};

template <class Rows>
__device__ void many_columns(const StripsLayer& layer, const RowsArguments& a, const Rows& rows, u32 count,
                             Stage& stage) {
    constexpr u32 TILE = WARP * COLUMNS_A_LANE;
    const u32 lane = lane_id();
    const u64 items = (u64(count) + TILE - 1) / TILE * layer.strip_count;
    const u64 warps = u64(gridDim.x) * WARPS;
    // Strips first: the columns of a tile stay in the cache while all strips read them.
    for (u64 item = u64(blockIdx.x) * WARPS + warp_id(); item < items; item += warps) {
        const Strip strip = layer.strips[item % layer.strip_count];
        const u64 first_column = item / layer.strip_count * TILE;
        u32 column[COLUMNS_A_LANE];
        typename Rows::Column from[COLUMNS_A_LANE];
        float* to[COLUMNS_A_LANE];
        for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
            // A lane without a column repeats the last one and does not write.
            const u64 j = first_column + c * WARP + lane;
            column[c] = min(j, u64(count) - 1);
            from[c] = rows.column(slot_of(a.slots, column[c]));
            to[c] = a.to + panel_offset(column[c], a.neurons_out);
        }
        float sums[COLUMNS_A_LANE][STRIP_OUTPUTS] = {};
        for (u32 start = 0; start < strip.inputs; start += STAGED) {
            const u32 staged = min(STAGED, strip.inputs - start);
            const u64 first = u64(strip.first_input) + start;
            __syncwarp();
            const float4* weights = reinterpret_cast<const float4*>(layer.weights + first * STRIP_OUTPUTS);
            for (u32 w = lane; w < staged * (STRIP_OUTPUTS / 4); w += WARP) {
                stage.weights[w / (STRIP_OUTPUTS / 4)][w % (STRIP_OUTPUTS / 4)] = weights[w];
            }
            if (lane < staged) stage.inputs[lane] = layer.inputs[first + lane];
            __syncwarp();
            constexpr u32 AHEAD = 8; // loads in flight
            for (u32 s = 0; s < staged; s += AHEAD) {
                float y[AHEAD][COLUMNS_A_LANE];
#pragma unroll
                for (u32 t = 0; t < AHEAD; ++t) {
#pragma unroll
                    for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
                        y[t][c] = s + t < staged ? rows.at(from[c], stage.inputs[s + t]) : 0.0f;
                    }
                }
#pragma unroll
                for (u32 t = 0; t < AHEAD; ++t) {
                    bool any = false;
#pragma unroll
                    for (u32 c = 0; c < COLUMNS_A_LANE; ++c) any |= y[t][c] != 0.0f;
                    if (!__any_sync(ALL_LANES, any)) continue;
#pragma unroll
                    for (u32 q = 0; q < STRIP_OUTPUTS / 4; ++q) {
                        const float4 w = stage.weights[s + t][q];
#pragma unroll
                        for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
                            sums[c][4 * q] += w.x * y[t][c];
                            sums[c][4 * q + 1] += w.y * y[t][c];
                            sums[c][4 * q + 2] += w.z * y[t][c];
                            sums[c][4 * q + 3] += w.w * y[t][c];
                        }
                    }
                }
            }
        }
        bool live[COLUMNS_A_LANE] = {};
#pragma unroll
        for (u32 o = 0; o < STRIP_OUTPUTS; ++o) {
            if (o >= strip.outputs) break;
            const u32 place = strip.first_output + o;
            const u32 output = layer.outputs[place];
            const float bias = layer.bias ? layer.bias[place] : 0.0f;
#pragma unroll
            for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
                const float y = clamp(sums[c][o] + bias, layer.low, layer.high);
                if (first_column + c * WARP + lane < count) to[c][u64(output) * PANEL] = y;
                live[c] |= y != 0.0f;
            }
        }
        if (a.marks.flags) {
            for (u32 c = 0; c < COLUMNS_A_LANE; ++c) {
                if (live[c]) a.marks.mark(column[c]);
            }
        }
    }
}

// A warp a strip: half-warps take alternate inputs, lanes outputs, registers the columns. There is little
// to do, so what counts is the chain of loads that depend on one another: `strip`, the warp's first, was
// loaded beside `count`, and outputs and biases are loaded beside inputs and weights.
template <u32 COLUMNS, class Rows>
__device__ void few_columns(const StripsLayer& layer, const RowsArguments& a, const Rows& rows, u32 count,
                            Strip strip) {
    const u32 o = lane_id() % STRIP_OUTPUTS, half = lane_id() / STRIP_OUTPUTS;
    typename Rows::Column from[COLUMNS];
#pragma unroll
    for (u32 c = 0; c < COLUMNS; ++c) from[c] = rows.column(slot_of(a.slots, min(c, count - 1)));
    const u32 first = blockIdx.x * WARPS + warp_id(), step = gridDim.x * WARPS;
    for (u32 s = first; s < layer.strip_count; s += step) {
        if (s != first) strip = layer.strips[s];
        const bool writes = half == 0 && o < strip.outputs;
        const u32 place = strip.first_output + o;
        const u32 output = writes ? layer.outputs[place] : 0;
        const float bias = writes && layer.bias ? layer.bias[place] : 0.0f;
        const float* weights = layer.weights + u64(strip.first_input) * STRIP_OUTPUTS + o;
        float sums[COLUMNS] = {};
        // Many loads in flight, as far as registers allow.
        constexpr u32 UNROLLED = COLUMNS == 1 ? 16 : 4;
#pragma unroll UNROLLED
        for (u32 i = half; i < strip.inputs; i += 2) {
            const float w = weights[u64(i) * STRIP_OUTPUTS];
            const u32 input = layer.inputs[strip.first_input + i];
#pragma unroll
            for (u32 c = 0; c < COLUMNS; ++c) sums[c] += w * rows.at(from[c], input);
        }
#pragma unroll
        for (u32 c = 0; c < COLUMNS; ++c) {
            const float sum = sums[c] + __shfl_xor_sync(ALL_LANES, sums[c], STRIP_OUTPUTS);
            const float y = clamp(sum + bias, layer.low, layer.high);
            const bool mine = writes && c < count;
            if (mine) a.to[u64(output) * PANEL + c] = y;
            const bool live = __any_sync(ALL_LANES, mine && y != 0.0f);
            if (live && a.marks.flags && lane_id() == 0) a.marks.mark(c);
        }
    }
}

template <class Rows>
__device__ __forceinline__ void strips(const StripsArguments& a, const Rows& rows) {
    __shared__ Stage stages[WARPS];
    if (a.layer.strip_count == 0) return;
    const Strip strip = a.layer.strips[min(blockIdx.x * WARPS + warp_id(), a.layer.strip_count - 1)];
    const u32 count = *a.rows.count;
    if (count == 0) return;
    if (count == 1) few_columns<1>(a.layer, a.rows, rows, count, strip);
    else if (count <= FEW_COLUMNS) few_columns<FEW_COLUMNS>(a.layer, a.rows, rows, count, strip);
    else many_columns(a.layer, a.rows, rows, count, stages[warp_id()]);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 6) strips_layer(StripsArguments a) {
    strips(a, float_rows(a.rows));
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 6) strips_layer_bits(StripsArguments a) {
    strips(a, bit_rows(a.rows));
}
