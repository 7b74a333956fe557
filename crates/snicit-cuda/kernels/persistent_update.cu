// SNICIT, stage 3, many layers in one launch: the load-reduced product and the update of post_convergence.cu
// in one step, strip by strip, by a grid whose blocks are all resident.
//
// A chain of dependent layers with a column or a few costs what handing the activations on costs. So there
// is no barrier between layers: each activation travels with a tag, the number of its layer, in one 64-bit
// word, and whoever needs it reads until the tag is right ("flowing" layers). The words of a layer are kept
// in one of the slots of a ring; a slot is used again when all blocks have gone past its layer, which they
// say once an epoch of some layers. With more columns than the ring has room for, layers are separated by
// barriers of the grid, until few enough are left ("synchronised" layers).
//
// When one column is left, there are shorter ways through layers that are all alike: alike_layers.cuh and
// block_layers.cuh.
//
// Between the layers of a network neurons are numbered strip by strip, so that outputs of a strip lie side by side.
//
// A warp takes a strip: sixteen outputs with one set of inputs, or four outputs that each have their own. Its
// lanes are eight groups of inputs times four groups of four outputs, or times four outputs.
#include "alike_layers.cuh"
#include "block_layers.cuh"
#include "prefetch_layers.cuh"
#include "synchronised_layers.cuh"

// Not inlined: the usual case, one column from the beginning, is to have the registers for itself.
__device__ __noinline__ Flow flow_with_several(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                               FlowingShared& shared, float* kept, Flow flow) {
    return flow_on<false>(a, layers, shared, kept, flow);
}

// The last column by one block, which all its warps have entered.
__device__ __forceinline__ void in_block(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                         const FlowingShared& shared, const Flow& flow, float* activations) {
    const bool biases = __syncthreads_or(threadIdx.x < a.layer_count && layers[threadIdx.x].bias);
    if (biases) flow_in_block<true>(a, layers, shared, flow, activations);
    else flow_in_block<false>(a, layers, shared, flow, activations);
}

// All layers from `first_layer` on, for `count` columns: those in the list of live slots, or, from the first
// layer of all on, all.
__device__ __forceinline__ void flowing_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                               float* kept, FlowingShared& shared, float* activations,
                                               u32 first_layer, u32 count, u32 centroids) {
    for (u32 k = threadIdx.x; k < count; k += THREADS) {
        const u32 column = first_layer ? load_number(a.live_slots + k) : k;
        shared.column[k] = column;
        shared.slot[k] = first_layer ? column : slot_of(a.slots, column);
        shared.center[k] = a.centers[column];
    }
    for (u32 e = threadIdx.x; e < MAX_EPOCHS; e += THREADS) shared.done[e] = 0;
    if (threadIdx.x == 0) shared.before_last = 0;
    __syncthreads();

    Flow flow;
    flow.first_layer = first_layer;
    flow.step = 0;
    flow.first_tag = load_number(a.last_tag);
    flow.count = count;
    flow.centroids = centroids;
    flow.live = first_bits(count);
    flow.parts = residue_parts(a.max_strips, count - centroids, centroids);
    // Warps without work in any layer prefetch; one stays in any case, to keep the books.
    flow.workers = warps_with_work(a.max_strips * flow.parts);
    const bool works = spread_warp_id() < flow.workers;
    flow.blocks = min(flow.workers, gridDim.x);
    flow.warps_of_block = works ? (flow.workers - blockIdx.x - 1) / gridDim.x + 1 : 0;
    flow.keeps_books = spread_warp_id() == 0 && lane_id() == 0;
    if (a.alike == ALIKE_IN_BLOCK) {
        // The first block alone takes the last column; until then its warps without work wait.
        const u32 others = gridDim.x * (WARPS - 1) + 1;
        if (flow.live != 1) {
            if (works) flow = flow_with_several(a, layers, shared, kept, flow);
            else if (blockIdx.x != 0) prefetch_layers(a, layers, first_layer, max(flow.workers, others));
            if (blockIdx.x != 0) return;
            if (flow.keeps_books) shared.step = flow.step;
            __syncthreads();
            flow.step = shared.step;
            flow.live = 1;
        }
        if (blockIdx.x != 0) prefetch_layers(a, layers, first_layer, others);
        else if (first_layer + flow.step < a.layer_count) in_block(a, layers, shared, flow, activations);
        return;
    }
    if (!works) {
        prefetch_layers(a, layers, first_layer, flow.workers);
        return;
    }
    if (flow.live != 1) flow = flow_with_several(a, layers, shared, kept, flow);
    if (first_layer + flow.step == a.layer_count) return;
    const bool one = a.max_strips <= flow.workers, two = a.max_strips <= 2 * flow.workers;
    if (a.alike == ALIKE_EQUAL_WEIGHTS && one) flow_alike<true, 1>(a, layers, shared, flow);
    else if (a.alike == ALIKE_EQUAL_WEIGHTS && two) flow_alike<true, 2>(a, layers, shared, flow);
    else if (a.alike == ALIKE && one) flow_alike<false, 1>(a, layers, shared, flow);
    else flow_on<true>(a, layers, shared, kept, flow);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) persistent_update(
    const __grid_constant__ PersistentUpdateArguments a) {
    extern __shared__ uint4 table[];
    __shared__ float kept[WARPS][KEPT * STRIP_OUTPUTS];
    __shared__ FlowingShared shared;
    const u32 words = a.layer_count * (sizeof(UpdateLayer) / sizeof(uint4));
    for (u32 w = threadIdx.x; w < words; w += blockDim.x) table[w] = reinterpret_cast<const uint4*>(a.layers)[w];
    __syncthreads();
    const UpdateLayer* layers = reinterpret_cast<const UpdateLayer*>(table);

    u32 count = *a.count;
    const u32 centroids = *a.centroid_count;
    if (count == 0) {
        if (blockIdx.x == 0) {
            for (u32 l = 1 + threadIdx.x; l < a.layer_count; l += blockDim.x) a.entered[l - 1] = 0;
            if (threadIdx.x == 0) *a.live_count = 0;
        }
        return;
    }
    u32 layer = 0;
    if (!may_flow(a, count, centroids)) layer = synchronised_layers(a, layers, kept[warp_id()], count, centroids);
    if (layer < a.layer_count) {
        float* activations = reinterpret_cast<float*>(table + words);
        flowing_layers(a, layers, kept[warp_id()], shared, activations, layer, count, centroids);
    } else if (blockIdx.x == 0) {
        // The list of slots is there; what belongs to the columns follows.
        for (u32 k = threadIdx.x; k < count; k += THREADS) {
            const u32 column = load_number(a.live_slots + k);
            a.live_inputs[k] = a.inputs[column];
            a.live_centers[k] = a.centers[column];
        }
        if (threadIdx.x == 0) *a.live_count = count;
    }
}
