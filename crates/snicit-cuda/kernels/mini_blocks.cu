// Layers of mini-blocks on tensor cores: sixteen outputs with one set of inputs and sixteen columns at a
// time. Activations lie in chunks (chunks.cuh).
//
// A step of a block is sixteen of its inputs. In a matrix product of a step, rows are columns of activations
// and the product's columns are the block's outputs. Lane l of a warp holds of it
//   activations  columns l / 4 and l / 4 + 8, inputs 4 * (l % 4) .. + 3: one load of 16 bytes each
//   sums         the same columns, outputs 4 * (l % 4) .. + 3: one store of 16 bytes each
// for which inputs and outputs are numbered across the product's own order; the weights are laid out so.
#include "masked_blocks.cuh"
#include "tensor_cores.cuh"

constexpr u32 TILE = 16; // columns of a product

// Sums of a tile. Value o of column c (0: l / 4, 1: l / 4 + 8) is output 4 * (l % 4) + o.
struct Sums {
    float halves[2][4]; // outputs o = 0, 1 and o = 2, 3

    __device__ __forceinline__ void start(const float4& bias) {
        halves[0][0] = halves[0][2] = bias.x;
        halves[0][1] = halves[0][3] = bias.y;
        halves[1][0] = halves[1][2] = bias.z;
        halves[1][1] = halves[1][3] = bias.w;
    }
    __device__ __forceinline__ float4 column(u32 c) const {
        return {halves[0][2 * c], halves[0][2 * c + 1], halves[1][2 * c], halves[1][2 * c + 1]};
    }
    __device__ __forceinline__ void add(const uint4& a, const uint4& weights) {
        multiply_add<BF16>(halves[0], a, weights.x, weights.y);
        multiply_add<BF16>(halves[1], a, weights.z, weights.w);
    }
};

// The activations of a step, split.
struct SplitStep {
    u32 pairs[4][BF16_PARTS];

    __device__ __forceinline__ void set(const float4 (&y)[2]) {
        split_bf16(y[0].x, y[0].y, pairs[0]);
        split_bf16(y[1].x, y[1].y, pairs[1]);
        split_bf16(y[0].z, y[0].w, pairs[2]);
        split_bf16(y[1].z, y[1].w, pairs[3]);
    }

    // Adds the step's product. PARTS of the weights: 1 or 3.
    template <int PARTS>
    __device__ __forceinline__ void add_to(Sums& sums, const uint4 (&weights)[PARTS]) const {
        multiply_parts<PARTS>([&](int part, int of_weight) {
            const uint4 a = {pairs[0][part], pairs[1][part], pairs[2][part], pairs[3][part]};
            sums.add(a, weights[of_weight]);
        });
    }
};

// Bit c: whether any of the four lanes of the tile's column c says so. `first` is about column l / 4,
// `second` about l / 4 + 8.
__device__ __forceinline__ u32 columns_with(bool first, bool second) {
    const u32 lane = lane_id(), quad = 0xfu << (lane & ~3u);
    const u32 of_first = __ballot_sync(ALL_LANES, first), of_second = __ballot_sync(ALL_LANES, second);
    return warp_or((of_first & quad ? 1u << lane / 4 : 0) | (of_second & quad ? 256u << lane / 4 : 0));
}

// The steps of a block whose number is known, in registers.
template <int PARTS, int STEPS>
struct Kept {
    u32 inputs[STEPS];
    uint4 weights[STEPS][PARTS];

    __device__ __forceinline__ void load(const BlocksLayer& layer, u32 first_step) {
#pragma unroll
        for (int s = 0; s < STEPS; ++s) {
            inputs[s] = layer.steps[first_step + s];
            load_weights(layer.weights, first_step + s, weights[s]);
        }
    }
};

template <int PARTS>
struct Kept<PARTS, 0> {
    uint4 weights[1][PARTS]; // unused
    __device__ __forceinline__ void load(const BlocksLayer&, u32) {}
};

// ---- Binary inputs, all columns

// Four bits as two pairs of bf16 twos and zeros: a two is a single bit of the format. Weights are halved.
__device__ __forceinline__ void expand(u32 bits, u32& low, u32& high) {
    bits &= 15;
    low = bits * 0x20004000u & 0x40004000u;
    high = bits * 0x08001000u & 0x40004000u;
}

// Half of two bf16 numbers.
__device__ __forceinline__ u32 halve(u32 pair) {
#if __CUDA_ARCH__ >= 800
    asm("fma.rn.bf16x2 %0, %0, %1, %2;" : "+r"(pair) : "r"(0x3f003f00u), "r"(0x80008000u));
#endif
    return pair;
}

template <int PARTS>
__device__ __forceinline__ void halve(uint4 (&weights)[PARTS]) {
#pragma unroll
    for (int part = 0; part < PARTS; ++part) {
        weights[part] = {halve(weights[part].x), halve(weights[part].y), halve(weights[part].z), halve(weights[part].w)};
    }
}

// STEPS of every block: TWO, or 0 if they differ.
template <int PARTS, int STEPS>
__device__ __forceinline__ void bit_blocks(const MaskedBlocksArguments& a) {
    const BlocksLayer& layer = a.layer;
    const u32 lane = lane_id(), place = lane % 4 * 4, words = a.from.words(), width = a.from.panel();
    for_panels<STEPS>(a, [&](u32 panel, u32 block, const BlockSteps<STEPS>& steps) {
        Sums initial;
        initial.start(reinterpret_cast<const float4*>(layer.bias)[block * 4 + lane % 4]);
        const u16* bits = static_cast<const u16*>(a.from.values) + u64(panel) * a.from.groups * width + lane;
        Kept<PARTS, STEPS> kept;
        kept.load(layer, steps.first);
#pragma unroll
        for (int s = 0; s < STEPS; ++s) halve(kept.weights[s]);
        float4* to = static_cast<float4*>(a.to.values) + (u64(panel) * layer.blocks + block) * width * 4;
        u32 masks = 0; // of lane `word`: what comes out of that word
        for (u32 word = 0; word < words; ++word) {
            Sums sums[2];
            u32 seen = 0;
            // A step's bits in the lower half of `mine`, or in the upper.
            const auto add = [&](const u32(&mine)[2][2], u32 shift, const uint4(&weights)[PARTS]) {
#pragma unroll
                for (u32 tile = 0; tile < 2; ++tile) {
                    uint4 twos;
                    expand(mine[tile][0] >> shift, twos.x, twos.z);
                    expand(mine[tile][1] >> shift, twos.y, twos.w);
#pragma unroll
                    for (int part = PARTS - 1; part >= 0; --part) sums[tile].add(twos, weights[part]);
                }
            };
            const auto share = [&](u32 mine, u32(&shared)[2][2]) {
#pragma unroll
                for (u32 tile = 0; tile < 2; ++tile) {
#pragma unroll
                    for (u32 c = 0; c < 2; ++c) {
                        shared[tile][c] = __shfl_sync(ALL_LANES, mine, tile * TILE + lane / 4 + 8 * c);
                    }
                }
            };
            u32 shared[2][2];
            if constexpr (STEPS != 0) {
                seen = bits[u64(kept.inputs[0]) * width + word * 32];
                seen |= u32(bits[u64(kept.inputs[1]) * width + word * 32]) << 16;
                if (__any_sync(ALL_LANES, seen)) {
                    sums[0] = sums[1] = initial;
                    share(seen, shared);
                    add(shared, place, kept.weights[0]);
                    add(shared, place + 16, kept.weights[1]);
                }
            } else {
                sums[0] = sums[1] = initial;
                for (u32 s = 0; s < steps.count; ++s) {
                    uint4 weights[PARTS];
                    load_weights(layer.weights, steps.first + s, weights);
                    halve(weights);
                    const u32 mine = bits[u64(layer.steps[steps.first + s]) * width + word * 32];
                    share(mine, shared);
                    add(shared, place, weights);
                    seen |= mine;
                }
            }
            u32 mask = 0;
            if (__any_sync(ALL_LANES, seen)) {
#pragma unroll
                for (u32 tile = 0; tile < 2; ++tile) {
                    const float4 y[2] = {sums[tile].column(0), sums[tile].column(1)};
                    const bool mine[2] = {activates(y[0], layer.low, layer.high), activates(y[1], layer.low, layer.high)};
                    if (!__any_sync(ALL_LANES, mine[0] || mine[1])) continue;
                    const u32 columns = columns_with(mine[0], mine[1]);
                    const u32 at = word * 32 + tile * TILE + lane / 4;
                    if (columns >> lane / 4 & 1) to[at * 4 + lane % 4] = activate(y[0], layer.low, layer.high);
                    if (columns >> (lane / 4 + 8) & 1) to[(at + 8) * 4 + lane % 4] = activate(y[1], layer.low, layer.high);
                    mask |= columns << tile * TILE;
                }
            }
            if (lane == word) masks = mask;
        }
        return masks;
    });
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 6) bit_blocks_exact(MaskedBlocksArguments a) {
    if (has_two_steps(a.layer)) bit_blocks<1, TWO>(a);
    else bit_blocks<1, 0>(a);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 5) bit_blocks_split(MaskedBlocksArguments a) {
    if (has_two_steps(a.layer)) bit_blocks<3, TWO>(a);
    else bit_blocks<3, 0>(a);
}

// ---- Columns of which many chunks are zero

// Columns on their way into a product.
template <int STEPS>
struct Loaded {
    u32 columns[2]; // of the panel; MAX_PANEL: none
    float4 y[STEPS][2];
};

template <int PARTS, int STEPS>
__device__ __forceinline__ void sparse_blocks(const MaskedBlocksArguments& a, PieceNotes& notes) {
    const BlocksLayer& layer = a.layer;
    const u32 lane = lane_id();
    for_pieces<STEPS>(a, notes, [&](const Pieces& pieces, u32 first_column, u32 block, const BlockSteps<STEPS>& steps) {
        Kept<PARTS, STEPS> kept;
        kept.load(layer, steps.first);
        Sums initial;
        initial.start(reinterpret_cast<const float4*>(layer.bias)[block * 4 + lane % 4]);
        u32 count;
        if constexpr (STEPS != 0) count = note_active<STEPS>(a, notes.active, first_column, pieces, STEPS, kept.inputs);
        else count = note_active<STEPS>(a, notes.active, first_column, pieces, steps.count, layer.steps + steps.first);
        notes.masks[lane] = 0;
        __syncwarp();

        float4* to = opaque(static_cast<float4*>(a.to.values) + u64(a.to.chunk(first_column, block)) * 4 + lane % 4);
        const float4* from = opaque(static_cast<const float4*>(a.from.values) + lane % 4);
        const u32 first_chunk = a.from.first_chunk(first_column);
        const auto chunk = [&](u32 column, u32 group) { return from + u64(first_chunk + column + (group << a.from.panel_bits)) * 4; };
        const auto load = [&](u32 tile) {
            Loaded<STEPS ? STEPS : 1> loaded;
#pragma unroll
            for (u32 c = 0; c < 2; ++c) {
                const u32 place = tile + lane / 4 + 8 * c;
                const u32 noted = place < count ? notes.active[place] : 0;
                loaded.columns[c] = place < count ? noted & COLUMN : MAX_PANEL;
                if constexpr (STEPS != 0) {
#pragma unroll
                    for (int s = 0; s < STEPS; ++s) {
                        loaded.y[s][c] = load_if(noted & 1u << (NOTED_STEPS + s), chunk(noted & COLUMN, kept.inputs[s]));
                    }
                }
            }
            return loaded;
        };
        auto loaded = load(0);
        for (u32 tile = 0; tile < count; tile += TILE) {
            const u32 columns[2] = {loaded.columns[0], loaded.columns[1]};
            const bool in_use[2] = {columns[0] < MAX_PANEL, columns[1] < MAX_PANEL};
            Sums sums = initial;
            if constexpr (STEPS != 0) {
                SplitStep split_steps[STEPS];
#pragma unroll
                for (int s = 0; s < STEPS; ++s) split_steps[s].set(loaded.y[s]);
                // The next columns are on their way while these are multiplied.
                loaded = load(tile + TILE);
#pragma unroll
                for (int s = 0; s < STEPS; ++s) split_steps[s].add_to(sums, kept.weights[s]);
            } else {
                for (u32 s = 0; s < steps.count; ++s) {
                    const u32 group = layer.steps[steps.first + s];
                    uint4 weights[PARTS];
                    load_weights(layer.weights, steps.first + s, weights);
                    float4 y[2];
#pragma unroll
                    for (u32 c = 0; c < 2; ++c) {
                        const u32 column = in_use[c] ? columns[c] : 0;
                        const bool wanted = in_use[c] && a.from.is_set(first_column + column, group);
                        y[c] = load_if(wanted, chunk(column, group));
                    }
                    SplitStep step;
                    step.set(y);
                    step.add_to(sums, weights);
                }
                loaded = load(tile + TILE);
            }
#pragma unroll
            for (u32 c = 0; c < 2; ++c) {
                const float4 sum = sums.column(c);
                const u32 live = __ballot_sync(ALL_LANES, in_use[c] && activates(sum, layer.low, layer.high));
                // Four lanes have a column's chunk.
                if (live & 0xfu << (lane & ~3u)) {
                    to[columns[c] * 4] = activate(sum, layer.low, layer.high);
                    if (lane % 4 == 0) notes.comes_out(columns[c]);
                }
            }
        }
    });
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 5) sparse_blocks_exact(MaskedBlocksArguments a) {
    __shared__ PieceNotes notes[WARPS];
    if (has_two_steps(a.layer)) sparse_blocks<1, TWO>(a, notes[warp_id()]);
    else sparse_blocks<1, 0>(a, notes[warp_id()]);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 4) sparse_blocks_split(MaskedBlocksArguments a) {
    __shared__ PieceNotes notes[WARPS];
    if (has_two_steps(a.layer)) sparse_blocks<3, TWO>(a, notes[warp_id()]);
    else sparse_blocks<3, 0>(a, notes[warp_id()]);
}
