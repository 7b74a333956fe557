// BF-2019 and SNIG-2020: a block takes a column and a slab of outputs in shared memory, walks the column's
// non-zero activations and adds y * w along their connections. Input-major.
#include "common.cuh"

struct ScatterLayer {
    const u32* offsets;   // slab s, input i: its connections are offsets[s * (inputs + 1) + i] to the next
    const u16* outputs;   // output of each connection, counted from the slab's first, swizzled
    const float* weights;
    const float* bias;    // one an output; null for none
    u32 inputs;
    u32 neurons;          // outputs
    u32 slab;             // outputs of a slab; the last may have fewer
    u32 slabs;
    u32 lanes;            // lanes that share the connections of an input: 4, 8, 16 or 32
    float low, high;      // the activation's bounds
};

// Non-zero activations that a warp has found and not yet scattered.
struct Found {
    u32 input[WARP];
    float value[WARP];
};

// Adds the products of the inputs `first` .. `last` of `column` to the slab in shared memory.
__device__ void scatter(const ScatterLayer& layer, u32 slab, const float* column, u32 first, u32 last,
                        Found& found, float* sums) {
    const u32* offsets = layer.offsets + u64(slab) * (layer.inputs + 1);
    const u32 lane = lane_id();
    const u32 groups = WARP / layer.lanes, group = lane / layer.lanes, member = lane % layer.lanes;
    const u32 warps = blockDim.x / WARP;
    for (u64 base = first + warp_id() * WARP; base < last; base += warps * WARP) {
        const u32 i = base + lane;
        const float y = i < last ? column[i] : 0.0f;
        const u32 active = __ballot_sync(ALL_LANES, y != 0.0f);
        if (y != 0.0f) {
            const u32 place = lanes_before(active);
            found.input[place] = i;
            found.value[place] = y;
        }
        __syncwarp();
        const u32 active_count = __popc(active);
        for (u32 f = group; f < active_count; f += groups) {
            const u32 input = found.input[f];
            const float value = found.value[f];
            const u32 end = offsets[input + 1];
            for (u32 c = offsets[input] + member; c < end; c += layer.lanes) {
                atomicAdd(&sums[layer.outputs[c]], value * layer.weights[c]);
            }
        }
        __syncwarp();
    }
}

// Where the sum of an output is in the slab. The outputs of an input are often a power of two apart, all
// in one bank of shared memory; this spreads them over the banks. The host swizzles `outputs` likewise.
__device__ __forceinline__ u32 swizzled(u32 output) { return output ^ ((output >> 5 ^ output >> 10) & 31); }

// The slab's sums become 0; they fill whole groups of 32.
__device__ void clear(u32 width, float* sums) {
    for (u32 o = threadIdx.x; o < (width + 31) / 32 * 32; o += blockDim.x) sums[o] = 0.0f;
    __syncthreads();
}

// Bias, activation; writes `width` outputs from `first` on, which lie in the slab from `in_slab` on, and
// says (to all threads) whether one is not zero.
__device__ bool finish(const ScatterLayer& layer, u32 first, u32 in_slab, u32 width, const float* sums,
                       float* out) {
    bool any = false;
    for (u32 o = threadIdx.x; o < width; o += blockDim.x) {
        const float bias = layer.bias ? layer.bias[first + o] : 0.0f;
        const float y = clamp(sums[swizzled(in_slab + o)] + bias, layer.low, layer.high);
        out[first + o] = y;
        any |= y != 0.0f;
    }
    return __syncthreads_or(any);
}

constexpr u32 MAX_WARPS = 32;

struct ScatterArguments {
    ScatterLayer layer;
    const float* from;
    const u32* slots;
    const u32* count;
    float* to;       // column j goes to slot j
    LiveMarks marks;
};

extern "C" __global__ void __launch_bounds__(1024) scatter_layer(ScatterArguments a) {
    extern __shared__ float sums[];
    __shared__ Found found[MAX_WARPS];
    const ScatterLayer& layer = a.layer;
    const u64 items = u64(*a.count) * layer.slabs;
    for (u64 item = blockIdx.x; item < items; item += gridDim.x) {
        const u32 j = item / layer.slabs, slab = item % layer.slabs;
        const u32 first = slab * layer.slab;
        const u32 width = min(layer.slab, layer.neurons - first);
        clear(width, sums);
        const float* column = a.from + slot_of(a.slots, j) * u64(layer.inputs);
        scatter(layer, slab, column, 0, layer.inputs, found[warp_id()], sums);
        __syncthreads();
        const bool any = finish(layer, first, 0, width, sums, a.to + u64(j) * layer.neurons);
        if (any && a.marks.flags && threadIdx.x == 0) a.marks.mark(j);
    }
}

// SNIG-2020: columns stay where they are; a flag for each column and section says whether anything there
// is not zero. Sections are SECTION neurons, whatever the layer.
struct FlaggedArguments {
    ScatterLayer layer;      // slab = a whole number of sections
    const float* from;
    const u32* from_flags;   // column j, section s at j * sections_stride + s
    float* to;               // holds the layer before the last until it is overwritten
    u32* to_flags;
    u32 columns;
    u32 sections_stride;
    u32 section;             // neurons of a section
    u32 keeps_zero;          // whether the layer makes zero columns of zero columns
    u32* live_count;         // counts the columns that were computed
    u32* next_items;         // the shared counter from which blocks fetch work; 0 at first
};

// Items that a block fetches at a time. Few of them are live, so two live ones rarely come together.
constexpr u32 ITEMS_AT_ONCE = 2;

// Whether one of the sections first .. last of a column is flagged; the same answer for all threads.
__device__ bool any_section(const u32* flags, u32 first, u32 last) {
    bool any = false;
    for (u32 s = first + threadIdx.x; s < last; s += blockDim.x) any |= flags[s] != 0;
    return __syncthreads_or(any);
}

extern "C" __global__ void __launch_bounds__(1024) flagged_layer(FlaggedArguments a) {
    extern __shared__ float sums[];
    __shared__ Found found[MAX_WARPS];
    const ScatterLayer& layer = a.layer;
    const u64 items = u64(a.columns) * layer.slabs;
    const u32 sections_in = (layer.inputs + a.section - 1) / a.section;
    __shared__ u32 fetched;
    u64 item = 0, fetched_end = 0;
    for (;; ++item) {
        if (item == fetched_end) {
            __syncthreads(); // all have read the last number
            if (threadIdx.x == 0) fetched = atomicAdd(a.next_items, 1);
            __syncthreads();
            item = u64(fetched) * ITEMS_AT_ONCE;
            fetched_end = item + ITEMS_AT_ONCE;
        }
        if (item >= items) break;
        const u32 j = item / layer.slabs, slab = item % layer.slabs;
        const u32 first = slab * layer.slab;
        const u32 width = min(layer.slab, layer.neurons - first);
        const u32 first_section = first / a.section, last_section = (first + width + a.section - 1) / a.section;
        const u32* from_flags = a.from_flags + u64(j) * a.sections_stride;
        u32* to_flags = a.to_flags + u64(j) * a.sections_stride;
        float* to = a.to + u64(j) * layer.neurons;

        const bool live = any_section(from_flags, 0, sections_in);
        if (!live && a.keeps_zero) {
            // The buffer holds another layer's output, perhaps of another width: what a section without
            // flag holds is never read, so it need not be zeroed.
            for (u32 s = first_section + threadIdx.x; s < last_section; s += blockDim.x) to_flags[s] = 0;
            continue;
        }
        if (slab == 0 && threadIdx.x == 0) atomicAdd(a.live_count, 1);
        clear(width, sums);
        const float* column = a.from + u64(j) * layer.inputs;
        for (u32 s = 0; s < sections_in; ++s) {
            if (!from_flags[s]) continue;
            const u32 begin = s * a.section;
            scatter(layer, slab, column, begin, min(begin + a.section, layer.inputs), found[warp_id()], sums);
        }
        __syncthreads();
        for (u32 s = first_section; s < last_section; ++s) {
            const u32 begin = s * a.section;
            const u32 neurons = min(a.section, layer.neurons - begin);
            const bool any = finish(layer, begin, begin - first, neurons, sums, to);
            if (threadIdx.x == 0) to_flags[s] = any;
        }
        __syncthreads();
    }
}

struct FlagSectionsArguments {
    const float* values; // input-major
    u32* flags;
    u32 columns;
    u32 neurons;
    u32 sections_stride;
    u32 section;
};

// Flags what is not zero; a warp a section of a column.
extern "C" __global__ void flag_sections(FlagSectionsArguments a) {
    const u32 sections = (a.neurons + a.section - 1) / a.section;
    const u64 warps = u64(gridDim.x) * (blockDim.x / WARP);
    for (u64 item = u64(blockIdx.x) * (blockDim.x / WARP) + warp_id(); item < u64(a.columns) * sections;
         item += warps) {
        const u64 j = item / sections;
        const u32 s = item % sections;
        const u32 end = min(s * a.section + a.section, a.neurons);
        bool any = false;
        for (u32 i = s * a.section + lane_id(); i < end; i += WARP) any |= a.values[j * a.neurons + i] != 0.0f;
        any = __any_sync(ALL_LANES, any);
        if (lane_id() == 0) a.flags[j * a.sections_stride + s] = any;
    }
}

struct CollectFlaggedArguments {
    float* values;      // input-major; sections without flag are zeroed, as readers of the columns expect
    const u32* flags;
    u32 columns;
    u32 neurons;
    u32 sections_stride;
    u32 section;
    LiveMarks marks;    // columns with a flag; no marks are made if flags is null
};

// Turns flagged columns into plain ones: a block a column.
extern "C" __global__ void collect_flagged(CollectFlaggedArguments a) {
    const u32 sections = (a.neurons + a.section - 1) / a.section;
    for (u32 j = blockIdx.x; j < a.columns; j += gridDim.x) {
        const u32* flags = a.flags + u64(j) * a.sections_stride;
        const bool live = any_section(flags, 0, sections);
        if (live && a.marks.flags && threadIdx.x == 0) a.marks.mark(j);
        if (!live && a.marks.flags) continue;
        for (u32 s = 0; s < sections; ++s) {
            if (flags[s]) continue;
            const u32 end = min(s * a.section + a.section, a.neurons);
            for (u32 i = s * a.section + threadIdx.x; i < end; i += blockDim.x) {
                a.values[u64(j) * a.neurons + i] = 0.0f;
            }
        }
    }
}
