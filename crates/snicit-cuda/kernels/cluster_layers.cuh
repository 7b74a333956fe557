// The persistent update of a single column through layers that are all alike, with any weights, by a cluster of
// blocks: each has all activations in shared memory. Outputs are sent to all blocks by stores that complete a
// barrier of the receiver; there is no other barrier.
//
// Two layers of activations are enough: who sends those of layer l + 2 has all of l + 1, and who has sent the last
// of these has read l.
#pragma once
#include "shared_column.cuh"

constexpr u32 CLUSTER = 8; // blocks: one for each group of lanes that have the same inputs

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

__device__ __forceinline__ u32 shared_address(const void* p) { return u32(__cvta_generic_to_shared(p)); }

__device__ __forceinline__ u32 cluster_address(u32 shared, u32 block) {
    u32 address;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(shared), "r"(block));
    return address;
}

__device__ __forceinline__ void cluster_barrier() {
    __syncwarp();
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Bytes that the present phase of a barrier waits for.
__device__ __forceinline__ void expect_bytes(u32 barrier, u32 bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ __forceinline__ void await_phase(u32 barrier, u32 parity) {
    u32 complete;
    do {
        asm volatile(
            "{\n\t.reg .pred p;\n\t"
            "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n\t"
            "selp.u32 %0, 1, 0, p;\n\t}"
            : "=r"(complete) : "r"(barrier), "r"(parity) : "memory");
    } while (!complete);
}

__device__ __forceinline__ void send(u32 to, float4 y, u32 barrier) {
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
                 "f"(y.x), "f"(y.y), "f"(y.z), "f"(y.w), "r"(barrier)
                 : "memory");
}

// What a lane needs of a strip besides activations: four inputs, for four outputs.
struct ClusterStrip {
    uint2 inputs;
    float4 weights[INPUTS_A_LANE];
};

// A warp takes at most TASKS strips. By all threads of the cluster's blocks.
template <u32 TASKS>
__device__ __noinline__ void flow_in_cluster(const PersistentUpdateArguments& a, const UpdateLayer* layers,
                                             const FlowingShared& shared, const Flow& flow, float* activations,
                                             u64 (&barriers)[2]) {
    const u32 last_layer = a.layer_count - 1, first_layer = flow.first_layer + flow.step;
    const u32 strips = a.max_strips, neurons = layers[0].neurons_out, inputs = layers[0].strip_inputs;
    const u32 stored = layers[0].stored_inputs(inputs), group = lane_id() / 4, quad = lane_id() % 4;
    const SharedColumn column(activations, strips);
    if (threadIdx.x < 2) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(&barriers[threadIdx.x])) : "memory");
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    if (blockIdx.x == 0) keep_books(a, shared, flow);
    take_column(a, shared, flow, neurons, column);
    // All blocks have their barriers and the column.
    cluster_barrier();
    // Warps without a strip leave, but for the first of each block: it must not end before all has come that is
    // sent to it.
    const u32 first_strip = warp_id() * CLUSTER + blockIdx.x, warps = WARPS * CLUSTER;
    if (first_strip >= strips && warp_id() > 0) return;

    // Where the outputs of a layer go, and the barrier they complete, by the layer's place among the two.
    const u32 own_barrier[2] = {shared_address(&barriers[0]), shared_address(&barriers[1])};
    const u32 to_barrier[2] = {cluster_address(own_barrier[0], group), cluster_address(own_barrier[1], group)};
    const u32 to_layer[2] = {cluster_address(shared_address(column.layers[0]), group),
                             cluster_address(shared_address(column.layers[1]), group)};
    const u32 bytes = strips * STRIP_OUTPUTS * sizeof(float);
    float* const result = result_of(a, shared, neurons);

    auto load = [&](const UpdateLayer& layer, ClusterStrip (&d)[TASKS]) {
        const u32 mine = group * INPUTS_A_LANE;
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const u32 strip = min(first_strip + i * warps, strips - 1);
            d[i].inputs = four_inputs(layer, strip, stored, inputs, mine, column.zeros);
            const float4* rows = reinterpret_cast<const float4*>(layer.weights) + (u64(strip) * stored + mine) * (STRIP_OUTPUTS / 4);
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                d[i].weights[t] = make_float4(layer.weight, layer.weight, layer.weight, layer.weight);
                if (layer.weights && mine < stored) d[i].weights[t] = __ldg(rows + t * (STRIP_OUTPUTS / 4) + quad);
            }
        }
    };
    constexpr u32 AHEAD = TASKS == 1 ? 2 : 1;
    // The k-th layer: it reads the place k % 2 and writes the other.
    auto step = [&](u32 k, ClusterStrip (&d)[TASKS], u32 in, u32 out) {
        const u32 l = first_layer + k;
        const UpdateLayer& layer = layers[l];
        ClusterStrip now[TASKS];
        float4 bias[TASKS];
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            now[i] = d[i];
            bias[i] = four_biases(layer, (first_strip + i * warps) * STRIP_OUTPUTS + quad * RUN, neurons);
        }
        load(layers[min(l + AHEAD, last_layer)], d);
        if (k > 0) await_phase(own_barrier[in], (k - 1) / 2 % 2);
        if (threadIdx.x == 0) {
            if (l < last_layer) expect_bytes(own_barrier[out], bytes);
            if (blockIdx.x == 0) store_number(&a.progress->layer, l);
        }
#pragma unroll
        for (u32 i = 0; i < TASKS; ++i) {
            const u32 strip = first_strip + i * warps;
            if (strip >= strips) break;
            const float4 y = four_activations(column.layers[in], now[i].inputs, layer.flags & RUNS);
            const float of_input[INPUTS_A_LANE] = {y.x, y.y, y.z, y.w};
            float4 z = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
            for (u32 t = 0; t < INPUTS_A_LANE; ++t) {
                z.x += now[i].weights[t].x * of_input[t];
                z.y += now[i].weights[t].y * of_input[t];
                z.z += now[i].weights[t].z * of_input[t];
                z.w += now[i].weights[t].w * of_input[t];
            }
#pragma unroll
            for (u32 lanes = 4; lanes < WARP; lanes *= 2) {
                z.x += __shfl_xor_sync(ALL_LANES, z.x, lanes);
                z.y += __shfl_xor_sync(ALL_LANES, z.y, lanes);
                z.z += __shfl_xor_sync(ALL_LANES, z.z, lanes);
                z.w += __shfl_xor_sync(ALL_LANES, z.w, lanes);
            }
            const float4 outputs = four_outputs(layer, z, bias[i]);
            const u32 place = strip * STRIP_OUTPUTS + quad * RUN;
            if (l < last_layer) {
                // A group of lanes for each block.
                send(to_layer[out] + place * sizeof(float), outputs, to_barrier[out]);
            } else if (group == 0) {
                const float of_output[RUN] = {outputs.x, outputs.y, outputs.z, outputs.w};
#pragma unroll
                for (u32 o = 0; o < RUN; ++o) {
                    if (place + o < neurons) result[layer.output(place + o)] = of_output[o];
                }
            }
        }
    };
    ClusterStrip upcoming[AHEAD][TASKS];
#pragma unroll
    for (u32 k = 0; k < AHEAD; ++k) load(layers[min(first_layer + k, last_layer)], upcoming[k]);
    for (u32 k = 0; first_layer + k <= last_layer; k += 2) {
        step(k, upcoming[0], 0, 1);
        if (first_layer + k == last_layer) break;
        step(k + 1, upcoming[AHEAD - 1], 1, 0);
    }
}

#endif
