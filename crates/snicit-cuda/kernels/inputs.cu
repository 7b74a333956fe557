// From inputs as they were uploaded to activations, and from one layout to the other.
#include "common.cuh"

struct BitInputs {
    const u32* words; // input-major: feature f of input j is bit f % 32 of word j * words_per_input + f / 32
    u64 words_per_input;
};

struct MarkBitInputsArguments {
    BitInputs bits;
    u32 inputs;
    LiveMarks marks;
};

// Marks the inputs with a bit set; a warp an input.
extern "C" __global__ void mark_bit_inputs(MarkBitInputsArguments a) {
    const u32 warps = gridDim.x * (blockDim.x / WARP);
    for (u32 j = blockIdx.x * (blockDim.x / WARP) + warp_id(); j < a.inputs; j += warps) {
        const u32* words = a.bits.words + j * a.bits.words_per_input;
        u32 any = 0;
        for (u64 w = lane_id(); w < a.bits.words_per_input; w += WARP) any |= words[w];
        if (__any_sync(ALL_LANES, any) && lane_id() == 0) a.marks.mark(j);
    }
}

struct MarkColumnsArguments {
    const float* values; // input-major
    u32 neurons;
    u32 columns;
    LiveMarks marks;
};

// Marks the columns with a value that is not zero; a warp a column.
extern "C" __global__ void mark_columns(MarkColumnsArguments a) {
    const u32 warps = gridDim.x * (blockDim.x / WARP);
    for (u32 j = blockIdx.x * (blockDim.x / WARP) + warp_id(); j < a.columns; j += warps) {
        const float* column = a.values + u64(j) * a.neurons;
        bool any = false;
        for (u32 i = lane_id(); i < a.neurons; i += WARP) any |= column[i] != 0.0f;
        if (__any_sync(ALL_LANES, any) && lane_id() == 0) a.marks.mark(j);
    }
}

struct ExpandBitsArguments {
    BitInputs bits;
    u32 inputs;
    u32 features;
    float* values; // input-major
};

// Bits to float32, input-major.
extern "C" __global__ void expand_bits(ExpandBitsArguments a) {
    for (u32 j = blockIdx.x; j < a.inputs; j += gridDim.x) {
        const u32* words = a.bits.words + j * a.bits.words_per_input;
        float* column = a.values + u64(j) * a.features;
        for (u32 f = threadIdx.x; f < a.features; f += blockDim.x) {
            column[f] = float(words[f / 32] >> (f % 32) & 1);
        }
    }
}

struct TransposeBitsArguments {
    BitInputs bits;
    u32 inputs;
    u32 features;
    u32* rows;        // input j of feature f is bit j % 32 of word f * words_per_row + j / 32
    u64 words_per_row; // a multiple of WORDS_A_WARP
};

constexpr u32 WORDS_A_WARP = 8;

// A warp turns 32 features of 256 inputs; the bits of a feature then fill a sector of 32 bytes.
extern "C" __global__ void transpose_bits(TransposeBitsArguments a) {
    const u64 feature_words = (u64(a.features) + 31) / 32;
    const u64 groups = (u64(a.inputs) + 32 * WORDS_A_WARP - 1) / (32 * WORDS_A_WARP);
    const u64 warps = u64(gridDim.x) * (blockDim.x / WARP);
    // Neighbouring warps take neighbouring words of the same inputs.
    for (u64 item = u64(blockIdx.x) * (blockDim.x / WARP) + warp_id(); item < groups * feature_words;
         item += warps) {
        const u64 group = item / feature_words, word = item % feature_words;
        u32 turned[WORDS_A_WARP];
        for (u32 t = 0; t < WORDS_A_WARP; ++t) {
            const u64 j = (group * WORDS_A_WARP + t) * 32 + lane_id();
            const u32 bits = j < a.inputs ? a.bits.words[j * a.bits.words_per_input + word] : 0;
            turned[t] = 0;
            for (u32 b = 0; b < 32; ++b) {
                const u32 row = __ballot_sync(ALL_LANES, bits >> b & 1);
                if (lane_id() == b) turned[t] = row;
            }
        }
        const u64 feature = word * 32 + lane_id();
        if (feature < a.features) {
            u32* out = a.rows + feature * a.words_per_row + group * WORDS_A_WARP;
            for (u32 t = 0; t < WORDS_A_WARP; ++t) out[t] = turned[t];
        }
    }
}

struct TransposeArguments {
    const float* from;
    const u32* slots;  // of the columns in `from`
    const u32* count;
    u32 neurons;
    float* to;         // column j goes to slot j
};

constexpr u32 TILE = 32;
constexpr u32 TILE_ROWS = 8;

// Where the value of a neuron is in the column in `slot`.
template <bool NEURON_MAJOR, class Slot>
__device__ __forceinline__ u64 place_of(Slot slot, u64 neuron, u32 neurons) {
    return NEURON_MAJOR ? panel_offset(slot, neurons) + neuron * PANEL : slot * u64(neurons) + neuron;
}

// Lanes lie along neurons where columns are input-major, else along columns; tiles are turned in shared memory.
template <bool TO_NEURON_MAJOR>
__device__ __forceinline__ void transpose(const TransposeArguments& a) {
    __shared__ float tile[TILE][TILE + 1];
    const u32 count = *a.count;
    const u64 column_tiles = (u64(count) + TILE - 1) / TILE, row_tiles = (u64(a.neurons) + TILE - 1) / TILE;
    for (u64 item = blockIdx.x; item < column_tiles * row_tiles; item += gridDim.x) {
        const u64 column0 = item / row_tiles * TILE, row0 = item % row_tiles * TILE;
        for (u32 t = threadIdx.y; t < TILE; t += TILE_ROWS) {
            const u64 i = row0 + (TO_NEURON_MAJOR ? threadIdx.x : t), j = column0 + (TO_NEURON_MAJOR ? t : threadIdx.x);
            if (j < count && i < a.neurons) {
                tile[t][threadIdx.x] = a.from[place_of<!TO_NEURON_MAJOR>(slot_of(a.slots, j), i, a.neurons)];
            }
        }
        __syncthreads();
        for (u32 t = threadIdx.y; t < TILE; t += TILE_ROWS) {
            const u64 j = column0 + (TO_NEURON_MAJOR ? threadIdx.x : t), i = row0 + (TO_NEURON_MAJOR ? t : threadIdx.x);
            if (j < count && i < a.neurons) a.to[place_of<TO_NEURON_MAJOR>(j, i, a.neurons)] = tile[threadIdx.x][t];
        }
        __syncthreads();
    }
}

// Both take blocks of TILE x TILE_ROWS threads.
extern "C" __global__ void to_neuron_major(TransposeArguments a) { transpose<true>(a); }
extern "C" __global__ void to_input_major(TransposeArguments a) { transpose<false>(a); }

struct GatherColumnsArguments {
    const float* from; // input-major
    const u32* slots;
    const u32* count;
    u32 neurons;
    float* to;         // column j goes to slot j
};

// Brings columns together, input-major.
extern "C" __global__ void gather_columns(GatherColumnsArguments a) {
    for (u32 j = blockIdx.x; j < *a.count; j += gridDim.x) {
        const float* from = a.from + slot_of(a.slots, j) * u64(a.neurons);
        float* to = a.to + u64(j) * a.neurons;
        for (u32 i = threadIdx.x; i < a.neurons; i += blockDim.x) to[i] = from[i];
    }
}
