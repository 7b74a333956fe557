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
// A warp takes a strip: sixteen outputs with one set of inputs, or four outputs that each have their own. Its
// lanes are eight groups of inputs times four groups of four outputs, or times four outputs.
#include "alike_layers.cuh"
#include "synchronised_layers.cuh"

// Not inlined: the usual case, one column from the beginning, is to have the registers for itself.
__device__ __noinline__ Flow flow_with_several(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                               FlowingShared& shared, float* kept, Flow flow) {
    return flow_on<false>(a, layers, shared, kept, flow);
}

// Brings the layers that come next into the second-level cache: by one warp of each block that has nothing else
// to do. A prefetch holds a warp up for hundreds of cycles.
__device__ __forceinline__ void prefetch_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                                u32 first_layer, u32 blocks) {
    constexpr u32 LINE = 128;
    for (u32 l = first_layer; l < a.layer_count; ++l) {
        const u32 step = l - first_layer, epoch = step / EPOCH;
        if (step % EPOCH == 0 && epoch >= EPOCHS_AHEAD) {
            while (load_number(&a.progress->arrived[epoch - EPOCHS_AHEAD]) < blocks) __nanosleep(500);
        }
        const u64 stride = u64(gridDim.x) * WARP * LINE;
        for (u64 at = u64(blockIdx.x * WARP + lane_id()) * LINE; at < layers[l].bytes; at += stride) {
            prefetch(layers[l].all + at);
        }
    }
}

// All layers from `first_layer` on, for `count` columns: those in the list of live slots, or, from the first
// layer of all on, all.
__device__ __forceinline__ void flowing_layers(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                               float* kept, FlowingShared& shared, u32 first_layer, u32 count,
                                               u32 centroids) {
    for (u32 k = threadIdx.x; k < count; k += blockDim.x) {
        const u32 column = first_layer ? load_number(a.live_slots + k) : k;
        shared.column[k] = column;
        shared.slot[k] = first_layer ? column : slot_of(a.slots, column);
        shared.center[k] = a.centers[column];
    }
    for (u32 e = threadIdx.x; e < MAX_EPOCHS; e += blockDim.x) shared.done[e] = 0;
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
    // Warps without work in any layer leave; one stays in any case, to keep the books.
    const u32 workers = max(1u, min(a.max_strips * flow.parts, gridDim.x * WARPS));
    flow.blocks = min(workers, gridDim.x);
    if (spread_warp_id() >= workers) {
        if (warp_id() == WARPS - 1) prefetch_layers(a, layers, first_layer, flow.blocks);
        return;
    }
    flow.warps_of_block = (workers - blockIdx.x - 1) / gridDim.x + 1;
    flow.keeps_books = spread_warp_id() == 0 && lane_id() == 0;
    if (flow.live != 1) flow = flow_with_several(a, layers, shared, kept, flow);
    if (first_layer + flow.step == a.layer_count) return;
    const u32 all_warps = gridDim.x * WARPS;
    if (a.alike == ALIKE_EQUAL_WEIGHTS && a.max_strips <= all_warps) flow_alike<true, 1>(a, layers, shared, flow);
    else if (a.alike == ALIKE_EQUAL_WEIGHTS && a.max_strips <= 2 * all_warps) flow_alike<true, 2>(a, layers, shared, flow);
    else if (a.alike == ALIKE && a.max_strips <= all_warps) flow_alike<false, 1>(a, layers, shared, flow);
    else flow_on<true>(a, layers, shared, kept, flow);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP, 1) persistent_update(
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
        flowing_layers(a, layers, kept[warp_id()], shared, layer, count, centroids);
    } else if (blockIdx.x == 0) {
        // The list of slots is there; what belongs to the columns follows.
        for (u32 k = threadIdx.x; k < count; k += blockDim.x) {
            const u32 column = load_number(a.live_slots + k);
            a.live_inputs[k] = a.inputs[column];
            a.live_centers[k] = a.centers[column];
        }
        if (threadIdx.x == 0) *a.live_count = count;
    }
}
