// Layers of mini-blocks whose weights are equal within a block, activations in chunks (chunks.cuh): the inputs of a
// block are added up once for its sixteen outputs, which differ by their bias at most. Sums are float32.
#include "equal_weights.cuh"

// The sum over the four lanes of a column.
__device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// ---- Binary inputs, all columns

// A warp takes a block and all columns of a panel. STEPS of every block: TWO, or 0 if they differ.
template <int STEPS>
__device__ __forceinline__ void bit_block_sums(const MaskedBlocksArguments& a, u16* active) {
    const BlocksLayer& layer = a.layer;
    const u32 lane = lane_id(), words = a.from.words(), width = a.from.panel();
    for_panels<STEPS>(a, [&](u32 panel, u32 block, const BlockSteps<STEPS>& steps) {
        const EqualWeights equal(layer, block);
        const ActiveCounts counts(layer, block);
        const u16* bits = static_cast<const u16*>(a.from.values) + u64(panel) * a.from.groups * width;
        u32 groups[STEPS ? STEPS : 1];
#pragma unroll
        for (int s = 0; s < STEPS; ++s) groups[s] = layer.steps[steps.first + s];
        const auto set_bits = [&](u32 column) {
            if constexpr (STEPS == TWO) {
                const u32 first = bits[u64(groups[0]) * width + column], second = bits[u64(groups[1]) * width + column];
                return __popc(first | second << 16);
            } else {
                u32 set = 0;
                for (u32 s = 0; s < steps.count; ++s) set += __popc(bits[u64(layer.steps[steps.first + s]) * width + column]);
                return int(set);
            }
        };
        // The columns that come out, with the number of bits set in the upper bits where these are enough for it.
        u32 count = 0, masks = 0; // of lane `word`: the mask of that word
#pragma unroll 4
        for (u32 word = 0; word < words; ++word) {
            const u32 column = word * 32 + lane, set = set_bits(column);
            const bool mine = set != 0 && counts.has(set);
            const u32 mask = __ballot_sync(ALL_LANES, mine);
            if (mine) active[count + lanes_before(mask)] = STEPS ? column | set << NOTED_STEPS : column;
            count += __popc(mask);
            if (lane == word) masks = mask;
        }
        __syncwarp();
        float4* to = static_cast<float4*>(a.to.values) + (u64(panel) * layer.blocks + block) * width * 4 + lane % 4;
        to = opaque(to);
#pragma unroll 2
        for (u32 place = lane / 4; place < count; place += QUADS) {
            const u32 noted = active[place], column = noted & COLUMN;
            const u32 set = STEPS ? noted >> NOTED_STEPS : set_bits(column);
            to[column * 4] = activate(equal.outputs(float(set)), layer.low, layer.high);
        }
        __syncwarp();
        return masks;
    });
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 8) bit_block_sums(MaskedBlocksArguments a) {
    __shared__ u16 active[WARPS][MAX_PANEL];
    if (has_two_steps(a.layer)) bit_block_sums<TWO>(a, active[warp_id()]);
    else bit_block_sums<0>(a, active[warp_id()]);
}

// ---- Columns of which many chunks are zero

constexpr u32 AT_ONCE = 4; // columns of a quad whose loads are on the way together

// Where blocks have two steps, the notes of an active column say where its chunks of these are, and whether they are
// not zero.
constexpr u32 FIRST_PLACE = 10, SECOND_PLACE = 20, FIRST_READ = 1u << 30, SECOND_READ = 1u << 31;

// Notes the columns of a piece with a chunk to read of two groups, ascending; returns how many they are. A lane takes
// as many columns as the others, all of one word.
__device__ __forceinline__ u32 note_places(const MaskedBlocksArguments& a, u32* active, u32 first_column,
                                           const Pieces& pieces, const u32 (&groups)[TWO]) {
    const u32 lane = lane_id(), columns = pieces.columns() / WARP, first = lane * columns;
    const u32 all = 0xffffffffu >> (32 - columns);
    const u64 word = a.from.mask_word(first_column + first, 0);
    u32 masks[TWO];
#pragma unroll
    for (int s = 0; s < TWO; ++s) masks[s] = a.from.masks[word + u64(groups[s]) * a.from.words()] >> (first % 32) & all;
    const u32 either = masks[0] | masks[1];
    // Where the lane's notes and its chunks of both groups end; each number has eleven bits at most.
    const u64 mine = __popc(either) | u64(__popc(masks[0])) << 20 | u64(__popc(masks[1])) << 40;
    const u64 end = lanes_so_far(mine), start = end - mine;
    const u32 before[TWO] = {u32(start >> 20) & 0xfffff, u32(start >> 40)};
    u32* at = active + (u32(start) & 0xfffff);
    for (u32 rest = either; rest; rest &= rest - 1) {
        const u32 bit = rest & (~rest + 1), column = first + __ffs(rest) - 1;
        u32 places[TWO] = {column, column};
        if (a.from_packed) {
#pragma unroll
            for (int s = 0; s < TWO; ++s) places[s] = (before[s] + __popc(masks[s] & (bit - 1))) & COLUMN;
        }
        *at++ = column | places[0] << FIRST_PLACE | places[1] << SECOND_PLACE | (masks[0] & bit ? FIRST_READ : 0) |
                (masks[1] & bit ? SECOND_READ : 0);
    }
    return __shfl_sync(ALL_LANES, u32(end) & 0xfffff, WARP - 1);
}

// A bit of each quad: its first lane's, if a lane of it has the bit.
__device__ __forceinline__ u32 quads_of(u32 lanes) {
    lanes |= lanes >> 1;
    return (lanes | lanes >> 2) & 0x11111111u;
}

// STEPS of every block: TWO, or 0 if they differ.
template <int STEPS>
__device__ __forceinline__ void sparse_block_sums(const MaskedBlocksArguments& a, PieceNotes& notes) {
    const BlocksLayer& layer = a.layer;
    const u32 lane = lane_id();
    for_pieces<STEPS>(a, notes, [&](const Pieces& pieces, u32 first_column, u32 block, const BlockSteps<STEPS>& steps) {
        const EqualWeights equal(layer, block);
        const float4* from = static_cast<const float4*>(a.from.values) + u64(a.from.first_chunk(first_column)) * 4 + lane % 4;
        const auto of_group = [&](u32 group) { return from + (u64(group) << a.from.panel_bits) * 4; };
        const float4* of_step[STEPS ? STEPS : 1];
        u32 count;
        if constexpr (STEPS != 0) {
            const uint2 two = reinterpret_cast<const uint2*>(layer.steps)[block];
            const u32 groups[TWO] = {two.x, two.y};
            count = note_places(a, notes.active, first_column, pieces, groups);
#pragma unroll
            for (int s = 0; s < STEPS; ++s) of_step[s] = opaque(of_group(groups[s]));
        } else {
            count = note_active<0>(a, notes.active, first_column, pieces, steps.count, layer.steps + steps.first);
        }
        notes.masks[lane] = 0;
        __syncwarp();

        float4* to = opaque(static_cast<float4*>(a.to.values) + u64(a.to.chunk(first_column, block)) * 4 + lane % 4);
        u32 written = 0;
        for (u32 start = 0; start < count; start += AT_ONCE * QUADS) {
            u32 columns[AT_ONCE];
            float sums[AT_ONCE] = {};
            if constexpr (STEPS != 0) {
                float4 y[AT_ONCE][STEPS];
#pragma unroll
                for (u32 k = 0; k < AT_ONCE; ++k) {
                    const u32 place = start + k * QUADS + lane / 4;
                    const u32 noted = place < count ? notes.active[place] : 0;
                    columns[k] = noted & COLUMN;
                    y[k][0] = load_if(noted & FIRST_READ, of_step[0] + (noted >> FIRST_PLACE & COLUMN) * 4);
                    y[k][1] = load_if(noted & SECOND_READ, of_step[1] + (noted >> SECOND_PLACE & COLUMN) * 4);
                }
#pragma unroll
                for (u32 k = 0; k < AT_ONCE; ++k) sums[k] = sum_of(y[k][0]) + sum_of(y[k][1]);
            } else {
#pragma unroll
                for (u32 k = 0; k < AT_ONCE; ++k) {
                    const u32 place = start + k * QUADS + lane / 4;
                    columns[k] = place < count ? notes.active[place] : 0;
                }
                for (u32 s = 0; s < steps.count; ++s) {
                    const u32 group = layer.steps[steps.first + s];
#pragma unroll
                    for (u32 k = 0; k < AT_ONCE; ++k) {
                        const bool wanted = a.from.is_set(first_column + columns[k], group);
                        sums[k] += sum_of(load_if(wanted, of_group(group) + columns[k] * 4));
                    }
                }
            }
#pragma unroll
            for (u32 k = 0; k < AT_ONCE; ++k) {
                if (start + k * QUADS >= count) break;
                const float4 outputs = equal.outputs(quad_sum(sums[k]));
                const bool in_use = start + k * QUADS + lane / 4 < count;
                const u32 live = quads_of(__ballot_sync(ALL_LANES, in_use && activates(outputs, layer.low, layer.high)));
                // Four lanes have a column's chunk.
                if (live >> (lane & ~3u) & 1) {
                    const u32 place = a.to_packed ? written + __popc(live & ((1u << (lane & ~3u)) - 1)) : columns[k];
                    to[place * 4] = activate(outputs, layer.low, layer.high);
                    if (lane % 4 == 0) notes.comes_out(columns[k]);
                }
                written += __popc(live);
            }
        }
    });
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 7) sparse_block_sums(MaskedBlocksArguments a) {
    __shared__ PieceNotes notes[WARPS];
    if (has_two_steps(a.layer)) sparse_block_sums<TWO>(a, notes[warp_id()]);
    else sparse_block_sums<0>(a, notes[warp_id()]);
}
