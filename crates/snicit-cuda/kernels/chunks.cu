// Into chunks and out of them, and lists of the columns that are not empty.
#include "chunks.cuh"

struct GroupBitsArguments {
    const u32* words;      // feature f of input j is bit f % 32 of word j * words_per_input + f / 32
    u64 words_per_input;
    const u32* features;   // GROUP for each group; NONE where there is none
    Chunks to;             // u16 each
    LiveWords live;
    u32 inputs;
    u32 panels;
};

constexpr u32 THREADS = 256;
constexpr u32 INPUTS = 8; // a block's, at a time

// A block takes eight neighbouring inputs, a thread every so many groups of them. The eight are staged side
// by side in dynamic shared memory, so that one load brings the words of four.
extern "C" __global__ void __launch_bounds__(THREADS) group_bits(GroupBitsArguments a) {
    extern __shared__ uint4 staged[]; // the words of an input, for all eight each
    u32* const words = reinterpret_cast<u32*>(staged);
    const u32 padded = a.panels * a.to.panel(), words_per_input = a.words_per_input;
    for (u32 first = blockIdx.x * INPUTS; first < padded; first += gridDim.x * INPUTS) {
        __syncthreads();
        for (u32 input = warp_id(); input < INPUTS; input += THREADS / WARP) {
            const u32* from = a.words + u64(first + input) * words_per_input;
            for (u32 w = lane_id(); w < words_per_input; w += WARP) {
                words[w * INPUTS + input] = first + input < a.inputs ? from[w] : 0;
            }
        }
        __syncthreads();
        u16* to = static_cast<u16*>(a.to.values) + a.to.first_chunk(first);
        u32 any[INPUTS] = {};
        for (u32 group = threadIdx.x; group < a.to.groups; group += THREADS) {
            u32 bits[INPUTS] = {};
            const uint4* features = reinterpret_cast<const uint4*>(a.features + u64(group) * GROUP);
#pragma unroll
            for (u32 q = 0; q < GROUP / 4; ++q) {
                const uint4 four = features[q];
                const u32 of[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
                for (u32 k = 0; k < 4; ++k) {
                    if (of[k] == NONE) continue;
                    const uint4 low = staged[of[k] / 32 * 2], high = staged[of[k] / 32 * 2 + 1];
                    const u32 found[INPUTS] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
                    // The bit is turned to where it belongs.
                    const u32 at = q * 4 + k, turn = of[k] - at;
#pragma unroll
                    for (u32 c = 0; c < INPUTS; ++c) {
                        bits[c] |= __funnelshift_r(found[c], found[c], turn) & 1u << at;
                    }
                }
            }
            const uint4 together = {bits[0] | bits[1] << 16, bits[2] | bits[3] << 16, bits[4] | bits[5] << 16,
                                    bits[6] | bits[7] << 16};
            *reinterpret_cast<uint4*>(to + (u64(group) << a.to.panel_bits)) = together;
#pragma unroll
            for (u32 c = 0; c < INPUTS; ++c) any[c] |= bits[c];
        }
        u32 live = 0;
#pragma unroll
        for (u32 c = 0; c < INPUTS; ++c) live |= __any_sync(ALL_LANES, any[c]) ? 1u << (first + c) % 32 : 0;
        if (live && lane_id() == 0) a.live.add(first / 32, live);
    }
}

struct GroupValuesArguments {
    const float* from;     // input-major
    u32 neurons;
    const u32* neurons_of; // GROUP for each group; NONE where there is none
    Chunks to;
    u32* to_masks;
    LiveWords live;
    u32 columns;
    u32 panels;
};

// A warp a group of 32 columns, a lane a column.
extern "C" __global__ void __launch_bounds__(THREADS) group_values(GroupValuesArguments a) {
    const u64 words = u64(a.panels) * a.to.words();
    const u64 warps = u64(gridDim.x) * (THREADS / WARP);
    for (u64 item = u64(blockIdx.x) * (THREADS / WARP) + warp_id(); item < words * a.to.groups; item += warps) {
        u32 group;
        const u32 word = divide(item, a.to.groups, group);
        const u32 column = word * 32 + lane_id();
        float values[GROUP];
        bool any = false;
#pragma unroll
        for (u32 k = 0; k < GROUP; ++k) {
            const u32 neuron = a.neurons_of[u64(group) * GROUP + k];
            values[k] = neuron != NONE && column < a.columns ? a.from[u64(column) * a.neurons + neuron] : 0.0f;
            any |= values[k] != 0.0f;
        }
        if (any) {
            float4* to = static_cast<float4*>(a.to.values) + u64(a.to.chunk(column, group)) * 4;
#pragma unroll
            for (u32 q = 0; q < GROUP / 4; ++q) {
                to[q] = {values[4 * q], values[4 * q + 1], values[4 * q + 2], values[4 * q + 3]};
            }
        }
        const u32 mask = __ballot_sync(ALL_LANES, any);
        if (lane_id() == 0) {
            a.to_masks[a.to.mask_word(word * 32, group)] = mask;
            if (mask) a.live.add(word, mask);
        }
    }
}

struct ChunksToPanelsArguments {
    Chunks from;
    const u32* slots;      // of the columns in `from`
    const u32* count;
    const u32* neurons_of; // GROUP for each group; NONE where there is none
    u32 listed;            // groups in `neurons_of`; those that `from` has not are zero
    float* to;             // neuron-major, column j to slot j
    u32 neurons;
};

constexpr u32 CHUNK_WARPS = 4;

// A warp a group of 64 columns, which it turns in shared memory.
extern "C" __global__ void __launch_bounds__(CHUNK_WARPS* WARP) chunks_to_panels(ChunksToPanelsArguments a) {
    __shared__ float turned[CHUNK_WARPS][GROUP][PANEL + 1];
    float(*const mine)[PANEL + 1] = turned[warp_id()];
    const u32 lane = lane_id(), count = *a.count;
    const u64 items = (u64(count) + PANEL - 1) / PANEL * a.listed, warps = u64(gridDim.x) * CHUNK_WARPS;
    for (u64 item = u64(blockIdx.x) * CHUNK_WARPS + warp_id(); item < items; item += warps) {
        u32 group;
        const u32 first = u32(divide(item, a.listed, group)) * PANEL;
        // Four lanes a column.
#pragma unroll 4
        for (u32 c = lane / 4; c < PANEL; c += WARP / 4) {
            float4 values = {0.0f, 0.0f, 0.0f, 0.0f};
            if (first + c < count && group < a.from.groups) {
                const u32 slot = slot_of(a.slots, first + c);
                const u32 chunk = a.from.chunk(slot, group);
                const float4* at = static_cast<const float4*>(a.from.values) + u64(chunk) * 4 + lane % 4;
                values = load_if(a.from.is_set(slot, group), at);
            }
            mine[lane % 4 * 4][c] = values.x;
            mine[lane % 4 * 4 + 1][c] = values.y;
            mine[lane % 4 * 4 + 2][c] = values.z;
            mine[lane % 4 * 4 + 3][c] = values.w;
        }
        __syncwarp();
        float* to = a.to + panel_offset(first, a.neurons);
        for (u32 k = 0; k < GROUP; ++k) {
            const u32 neuron = a.neurons_of[u64(group) * GROUP + k];
            if (neuron == NONE) continue;
            to[u64(neuron) * PANEL + lane] = mine[k][lane];
            to[u64(neuron) * PANEL + WARP + lane] = mine[k][WARP + lane];
        }
        __syncwarp();
    }
}

struct ListLiveArguments {
    const u32* live;   // words with a bit a slot
    u32 words;
    const u32* inputs; // of each slot; null: slot k to input k
    u32* slots;        // receives the slots, ascending
    u32* live_inputs;
    u32* count;
};

// Lists the columns whose bit is set; blocks take pieces of THREADS words, a warp 32 words, a word at a time.
extern "C" __global__ void __launch_bounds__(THREADS) list_live(ListLiveArguments a) {
    __shared__ u32 of_warps[THREADS / WARP], before_of_warps[THREADS / WARP];
    const u32 first = blockIdx.x * THREADS;
    if (first >= a.words) return;
    u32 before = 0;
    for (u32 word = threadIdx.x; word < first; word += THREADS) before += __popc(a.live[word]);
    before = warp_sum(before);
    const u32 word = first + threadIdx.x, bits = word < a.words ? a.live[word] : 0;
    const u32 mine = warp_sum(u32(__popc(bits)));
    if (lane_id() == 0) before_of_warps[warp_id()] = before, of_warps[warp_id()] = mine;
    __syncthreads();
    u32 place = 0;
    for (u32 warp = 0; warp < THREADS / WARP; ++warp) place += before_of_warps[warp] + (warp < warp_id() ? of_warps[warp] : 0);
    // Several words at a time, so that their loads are on the way together.
    constexpr u32 AT_ONCE = 8;
    for (u32 start = 0; start < WARP; start += AT_ONCE) {
        u32 of_word[AT_ONCE], input[AT_ONCE];
#pragma unroll
        for (u32 k = 0; k < AT_ONCE; ++k) {
            of_word[k] = __shfl_sync(ALL_LANES, bits, start + k);
            const u32 slot = (first + warp_id() * WARP + start + k) * 32 + lane_id();
            input[k] = a.inputs && of_word[k] >> lane_id() & 1 ? a.inputs[slot] : slot;
        }
#pragma unroll
        for (u32 k = 0; k < AT_ONCE; ++k) {
            if (of_word[k] >> lane_id() & 1) {
                const u32 at = place + lanes_before(of_word[k]);
                a.slots[at] = (first + warp_id() * WARP + start + k) * 32 + lane_id();
                a.live_inputs[at] = input[k];
            }
            place += __popc(of_word[k]);
        }
    }
    if (a.words - first <= THREADS && threadIdx.x == THREADS - 1) *a.count = place;
}

struct CountLiveArguments {
    const u32* live; // a row of `words` words for each layer
    u32 words;
    u32 rows;
    u32* counts;     // one a row
};

// A block a row.
extern "C" __global__ void __launch_bounds__(THREADS) count_live(CountLiveArguments a) {
    __shared__ u32 of_warps[THREADS / WARP];
    for (u32 row = blockIdx.x; row < a.rows; row += gridDim.x) {
        u32 found = 0;
        for (u32 word = threadIdx.x; word < a.words; word += THREADS) found += __popc(a.live[u64(row) * a.words + word]);
        found = warp_sum(found);
        if (lane_id() == 0) of_warps[warp_id()] = found;
        __syncthreads();
        if (threadIdx.x == 0) {
            u32 total = 0;
            for (u32 warp = 0; warp < THREADS / WARP; ++warp) total += of_warps[warp];
            a.counts[row] = total;
        }
        __syncthreads();
    }
}
