// Layers of mini-blocks whose activations lie in chunks (chunks.cuh): what they are given, and which columns a
// warp has to take. A warp takes a block of sixteen outputs and the columns of a panel, or some of them. A step
// of a block is sixteen of its inputs, a group.
#pragma once
#include "chunks.cuh"

struct BlocksLayer {
    const u32* first_steps; // of each block, and the end; null if every block has two steps
    const u32* steps;       // a group each
    const void* weights;    // as the kernel takes them
    const float* bias;      // GROUP for each block
    u32 blocks;
    u32 constants;          // 0 if all blocks have one weight and the same biases, which are stored once; else 1
    float low, high;
};

// Chunks that are zero are neither read nor written.
struct MaskedBlocksArguments {
    BlocksLayer layer;
    Chunks from;
    Chunks to; // a column keeps its slot
    u32* to_masks;
    LiveWords live; // of the columns that come out
    u32 panels;
    u32 piece_bits;  // a warp takes 1 << piece_bits columns of a panel at a time
    u32 from_packed; // whether the chunks of a group and a piece follow one another without gaps
    u32 to_packed;   // likewise
};

constexpr u32 WARPS = 4;
constexpr int TWO = 2; // steps of every block, the usual case in networks of the Graph Challenge

__device__ __forceinline__ bool has_two_steps(const BlocksLayer& layer) {
    return layer.first_steps == nullptr;
}

__device__ __forceinline__ float4 activate(const float4& x, float low, float high) {
    return {clamp(x.x, low, high), clamp(x.y, low, high), clamp(x.z, low, high), clamp(x.w, low, high)};
}

__device__ __forceinline__ bool any(const float4& x) {
    return x.x != 0.0f || x.y != 0.0f || x.z != 0.0f || x.w != 0.0f;
}

// Whether some activation of these sums is not zero.
__device__ __forceinline__ bool activates(const float4& sums, float low, float high) {
    if (low == 0.0f && high > 0.0f) return fmaxf(fmaxf(sums.x, sums.y), fmaxf(sums.z, sums.w)) > 0.0f;
    return any(activate(sums, low, high));
}

// The steps of a block: STEPS, or as many as the layer says if that is 0.
template <int STEPS>
struct BlockSteps {
    u32 first, count;

    __device__ __forceinline__ BlockSteps(const BlocksLayer& layer, u32 block)
        : first(STEPS ? block * STEPS : layer.first_steps[block]),
          count(STEPS ? STEPS : layer.first_steps[block + 1] - first) {}
};

// Calls `compute` for each block and panel that this warp takes. It gives the panel's masks, that of word w in lane w.
template <int STEPS, class Compute>
__device__ __forceinline__ void for_panels(const MaskedBlocksArguments& a, const Compute& compute) {
    const u32 lane = lane_id(), words = a.from.words();
    const u64 items = u64(a.panels) * a.layer.blocks, warps = u64(gridDim.x) * WARPS;
    for (u64 item = u64(blockIdx.x) * WARPS + warp_id(); item < items; item += warps) {
        u32 block;
        const u32 panel = divide(item, a.layer.blocks, block);
        const u32 masks = compute(panel, block, BlockSteps<STEPS>(a.layer, block));
        if (lane < words) {
            a.to_masks[(u64(panel) * a.layer.blocks + block) * words + lane] = masks;
            if (masks) a.live.add(panel * words + lane, masks);
        }
    }
}

// What a warp notes of a block in a piece of a panel.
struct PieceNotes {
    u32 active[MAX_PANEL];     // columns with a chunk to read, ascending, and more in the upper bits
    u32 masks[MAX_PANEL / 32]; // of what comes out

    __device__ __forceinline__ void comes_out(u32 column) { atomicOr(&masks[column / 32], 1u << (column % 32)); }
};

constexpr u32 NOTED_STEPS = 10; // a column of a panel takes ten bits
constexpr u32 COLUMN = MAX_PANEL - 1;

// The columns that a warp takes at a time, some of a panel.
struct Pieces {
    u32 bits;  // 1 << bits columns
    u64 count; // of pieces, with all blocks

    __device__ __forceinline__ explicit Pieces(const MaskedBlocksArguments& a)
        : bits(a.piece_bits), count((u64(a.panels) << (a.from.panel_bits - a.piece_bits)) * a.layer.blocks) {}
    __device__ __forceinline__ u32 columns() const { return 1u << bits; }
    __device__ __forceinline__ u32 words() const { return columns() / 32; }
};

// Sums over the lanes up to this one.
template <class Number>
__device__ __forceinline__ Number lanes_so_far(Number mine) {
#pragma unroll
    for (u32 step = 1; step < WARP; step *= 2) {
        const Number before = __shfl_up_sync(ALL_LANES, mine, step);
        if (lane_id() >= step) mine += before;
    }
    return mine;
}

// Notes the columns of a piece that have a chunk to read, and returns how many they are. `groups` are those of the
// block's steps; where STEPS is not 0, it is their number, and bits from NOTED_STEPS on say which. A lane takes as many columns as
// the others, all of one word.
template <int STEPS, class Groups>
__device__ __forceinline__ u32 note_active(const MaskedBlocksArguments& a, u32* noted, u32 first_column,
                                           const Pieces& pieces, u32 steps, const Groups& groups) {
    const u32 lane = lane_id(), columns = pieces.columns() / WARP, first = lane * columns;
    const u32 all = 0xffffffffu >> (32 - columns);
    const u64 word = a.from.mask_word(first_column + first, 0);
    u32 of_steps[STEPS ? STEPS : 1] = {}, active = 0;
#pragma unroll
    for (u32 s = 0; s < (STEPS ? STEPS : steps); ++s) {
        const u32 mask = a.from.masks[word + u64(groups[s]) * a.from.words()] >> (first % 32) & all;
        if constexpr (STEPS != 0) of_steps[s] = mask;
        active |= mask;
    }
    const u32 end = lanes_so_far(u32(__popc(active))); // where the lane's notes end
    u32* at = noted + end - __popc(active);
    for (u32 rest = active; rest; rest &= rest - 1) {
        const u32 column = __ffs(rest) - 1;
        u32 note = first + column;
#pragma unroll
        for (int s = 0; s < STEPS; ++s) note |= (of_steps[s] >> column & 1) << (NOTED_STEPS + s);
        *at++ = note;
    }
    return __shfl_sync(ALL_LANES, end, WARP - 1);
}

// Writes the masks that the warp has noted.
__device__ __forceinline__ void write_masks(const MaskedBlocksArguments& a, const u32* masks, u32 first_column,
                                            const Pieces& pieces, u32 block) {
    const u32 lane = lane_id();
    __syncwarp();
    if (lane < pieces.words()) {
        const u32 mask = masks[lane];
        a.to_masks[a.to.mask_word(first_column, block) + lane] = mask;
        if (mask) a.live.add(first_column / 32 + lane, mask);
    }
    __syncwarp();
}

// Calls `compute` for each block and piece that this warp takes, and writes the masks that it notes.
template <int STEPS, class Compute>
__device__ __forceinline__ void for_pieces(const MaskedBlocksArguments& a, PieceNotes& notes, const Compute& compute) {
    const u64 warps = u64(gridDim.x) * WARPS;
    const Pieces pieces(a);
    for (u64 item = u64(blockIdx.x) * WARPS + warp_id(); item < pieces.count; item += warps) {
        u32 block;
        const u32 first_column = u32(divide(item, a.layer.blocks, block)) << pieces.bits;
        compute(pieces, first_column, block, BlockSteps<STEPS>(a.layer, block));
        write_masks(a, notes.masks, first_column, pieces, block);
    }
}
