// The first layer of mini-blocks whose weights are equal within a block, on binary inputs, straight from their words.
//
// It needs groups of inputs that lie side by side: neuron k of groups 32 q .. 32 q + 31 are the bits 0 .. 31 of one
// word. Then sixteen words hold the inputs of 32 groups, and adding them up as columns of bits counts the set bits of
// all 32 at once. A thread block counts those of some inputs into shared memory, then adds two groups for each block
// of outputs and writes the chunks that are not zero.
#include "equal_weights.cuh"

struct BinarySumsArguments {
    BlocksLayer layer;     // every block has two steps
    const u32* words;      // of the inputs, words_per_input each
    u64 words_per_input;
    const u32* places;     // of each 32 groups, GROUP words of an input; NONE: all of them have fewer neurons
    u32 spans;             // of 32 groups
    Chunks to;
    u32* to_masks;
    LiveWords live_inputs;
    LiveWords live;        // of the columns that come out
    u32 inputs;
    u32 columns;           // slots with those that fill panels up
    u32 octets;            // of inputs, that a thread block takes at a time
};

constexpr u32 OCTET = 8;
constexpr u32 THREADS = 256;
constexpr u32 COUNT_BITS = 5; // sixteen set bits are the most

// Adds three columns of bits: the sum in `sum`, its upper bits returned.
__device__ __forceinline__ u32 add_bits(u32 a, u32 b, u32 c, u32& sum) {
    sum = a ^ b ^ c;
    return (a & b) | (a & c) | (b & c);
}

// Counts the set bits at each place of sixteen words: place p's count has bit p of counts[0], counts[1], …
__device__ __forceinline__ void count_places(const u32 (&x)[GROUP], u32 (&counts)[COUNT_BITS]) {
    u32 ones[6], twos[8], fours[4], eights[2];
#pragma unroll
    for (u32 k = 0; k < 5; ++k) twos[k] = add_bits(x[3 * k], x[3 * k + 1], x[3 * k + 2], ones[k]);
    ones[5] = x[15];
    twos[5] = add_bits(ones[0], ones[1], ones[2], ones[0]);
    twos[6] = add_bits(ones[3], ones[4], ones[5], ones[3]);
    twos[7] = add_bits(ones[0], ones[3], 0, counts[0]);
    fours[0] = add_bits(twos[0], twos[1], twos[2], twos[0]);
    fours[1] = add_bits(twos[3], twos[4], twos[5], twos[3]);
    fours[2] = add_bits(twos[6], twos[7], twos[0], twos[0]);
    fours[3] = add_bits(twos[0], twos[3], 0, counts[1]);
    eights[0] = add_bits(fours[0], fours[1], fours[2], fours[0]);
    eights[1] = add_bits(fours[0], fours[3], 0, counts[2]);
    counts[4] = add_bits(eights[0], eights[1], 0, counts[3]);
}

// The counts of four neighbouring places, a byte each.
__device__ __forceinline__ u32 four_counts(const u32 (&counts)[COUNT_BITS], u32 place) {
    u32 bytes = 0;
#pragma unroll
    for (u32 bit = 0; bit < COUNT_BITS; ++bit) {
        bytes |= ((counts[bit] >> place & 15) * 0x00204081u & 0x01010101u) << bit;
    }
    return bytes;
}

// Where the counts of a group are, a byte for each input of an octet; 32 groups are set apart from the next, so that
// the lanes that count them write into different banks.
__device__ __forceinline__ u32 count_place(u32 group) { return group + group / WARP; }

extern "C" __global__ void __launch_bounds__(THREADS) binary_sums(BinarySumsArguments a) {
    extern __shared__ u64 counts[]; // of each octet and group
    __shared__ u16 noted[THREADS / WARP][WARP * OCTET];
    const BlocksLayer& layer = a.layer;
    const u32 lane = lane_id(), of_octet = count_place(a.spans * WARP), step = a.octets * OCTET;
    u16* const notes = noted[warp_id()];
    // Those of the first block, which may be those of all.
    ActiveCounts active(layer, 0);
    EqualWeights equal(layer, 0);
    for (u32 first = blockIdx.x * step; first < a.columns; first += gridDim.x * step) {
        __syncthreads();
        for (u32 item = threadIdx.x; item < step * a.spans; item += THREADS) {
            const u32 input = item / a.spans, span = item - input * a.spans;
            const u32* words = a.words + u64(first + input) * a.words_per_input;
            const uint4* places = reinterpret_cast<const uint4*>(a.places + u64(span) * GROUP);
            u32 x[GROUP], any = 0;
#pragma unroll
            for (u32 q = 0; q < GROUP / 4; ++q) {
                const uint4 four = places[q];
                const u32 of[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
                for (u32 k = 0; k < 4; ++k) {
                    x[4 * q + k] = first + input < a.inputs && of[k] != NONE ? words[of[k]] : 0;
                    any |= x[4 * q + k];
                }
            }
            u32 bits[COUNT_BITS];
            count_places(x, bits);
            u8* to = reinterpret_cast<u8*>(counts + input / OCTET * of_octet + count_place(span * WARP)) + input % OCTET;
#pragma unroll
            for (u32 place = 0; place < WARP; place += 4) {
                const u32 four = four_counts(bits, place);
#pragma unroll
                for (u32 k = 0; k < 4; ++k) to[(place + k) * OCTET] = u8(four >> 8 * k);
            }
            // Where a warp has one input, one lane speaks for all.
            const bool speaks = a.spans % WARP ? any != 0 : __any_sync(ALL_LANES, any) && lane == 0;
            if (speaks) a.live_inputs.add((first + input) / 32, 1u << (first + input) % 32);
        }
        __syncthreads();
        const u32 rows = (layer.blocks + WARP - 1) / WARP;
        for (u32 item = warp_id(); item < rows * a.octets; item += THREADS / WARP) {
            const u32 octet = item % a.octets, first_block = item / a.octets * WARP, block = first_block + lane;
            const u32 column = first + octet * OCTET; // the octet's first
            const u64* of_groups = counts + octet * of_octet;
            u64 sums = 0;
            u32 mask = 0; // of the octet's columns: which come out
            if (block < layer.blocks) {
                const uint2 groups = reinterpret_cast<const uint2*>(layer.steps)[block];
                sums = of_groups[count_place(groups.x)] + of_groups[count_place(groups.y)];
                if (layer.constants) active = ActiveCounts(layer, block);
#pragma unroll
                for (u32 k = 0; k < OCTET; ++k) {
                    const u32 set = u32(sums >> 8 * k) & 0xff;
                    mask |= u32(set != 0 && active.has(set)) << k;
                }
                reinterpret_cast<u8*>(a.to_masks)[a.to.mask_word(column, block) * 4 + column % 32 / 8] = u8(mask);
            }
            const u32 end = lanes_so_far(u32(__popc(mask)));
            const u32 live = warp_or(mask);
            if (live && lane == 0) a.live.add(column / 32, live << column % 32);
            u16* at = notes + end - __popc(mask);
            for (u32 rest = mask; rest; rest &= rest - 1) {
                const u32 k = __ffs(rest) - 1;
                *at++ = lane | k << 5 | (u32(sums >> 8 * k) & 0xff) << 8;
            }
            const u32 count = __shfl_sync(ALL_LANES, end, WARP - 1);
            __syncwarp();
            float4* to = static_cast<float4*>(a.to.values) + u64(a.to.first_chunk(column)) * 4 + lane % 4;
#pragma unroll 2
            for (u32 place = lane / 4; place < count; place += QUADS) {
                const u32 entry = notes[place], of = first_block + entry % WARP;
                if (layer.constants) equal = EqualWeights(layer, of);
                to[(u64(of) << a.to.panel_bits) * 4 + (entry >> 5) % OCTET * 4] =
                    activate(equal.outputs(float(entry >> 8)), layer.low, layer.high);
            }
            __syncwarp();
        }
    }
}
