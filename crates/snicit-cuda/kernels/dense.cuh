// The dense product on tensor cores, through one layer or several: a block keeps the activations of a few
// columns in shared memory from layer to layer, while the weights pass by in chunks.
//
// Everything lies as the matrix instruction m16n8k16 wants it (A: 16 outputs by 16 inputs, B: 16 inputs by 8
// columns), so that each lane reads 16 bytes at a time. Inputs are taken 32 at once, a chunk, in an order in
// which a lane's results of one layer are its operands of the next: see `neuron_of`.
#pragma once
#include "dense_columns.cuh"

constexpr u32 MAX_COLUMNS = 80; // of a block

extern __shared__ uint4 shared_memory[];

#if __CUDA_ARCH__ >= 800

// Where lane `l` has its operands: shuffled so that neither reading nor writing meets in a bank.
__device__ __forceinline__ u32 place_of(u32 l) { return l ^ (l >> 3 << 1); }

struct DenseShared {
    DenseLayer layers[MAX_LAYERS];
    // By layers in turn.
    float unscale[2 * MAX_COLUMNS]; // inverse scales of columns
    u32 largest[2 * MAX_COLUMNS];   // bits of their largest magnitudes
    float2 rows[2 * MAX_ROWS];      // bias and inverse scale of outputs
    u64 offsets[MAX_COLUMNS];
};

// A warp computes PAIRS pairs of tiles of 16 outputs by NT tiles of 8 columns; WM by WN warps are a block.
template <u32 PAIRS, u32 NT, u32 WM, u32 WN, u32 STAGES>
struct Dense {
    static constexpr u32 ROWS = PAIRS * WM * 32;
    static constexpr u32 TILES = WN * NT;
    static constexpr u32 COLUMNS = TILES * 8;
    static constexpr u32 SLOTS = PAIRS * WM; // chunks of activations
    static constexpr u32 SLOT = 2 * TILES * WARP;
    static constexpr u32 STAGE = ROWS * CHUNK * 2 / 16;
    static constexpr u32 ITEMS = (SLOT + THREADS - 1) / THREADS;
    static_assert(COLUMNS <= MAX_COLUMNS && ROWS <= MAX_ROWS, "shared memory");
    static_assert(WM * WN * WARP == THREADS, "threads");
    static_assert(SLOTS >= 2, "one chunk is written while another is read");

    const DenseArguments& a;
    DenseShared& shared;
    uint4* weights;           // STAGES chunks
    uint4* activations;       // SLOTS chunks
    u32 count, first, row0;   // columns in all, the block's first column and output
    // What is to be fetched next.
    u32 next_layer, next_entry, next_stage;
    const u8* next;

    __device__ __forceinline__ u32 rows_of(const DenseLayer& layer) const {
        return min(ROWS, rows_from(layer, row0));
    }
    __device__ __forceinline__ static u32 entries_of(const DenseLayer& layer) {
        return (layer.inputs + CHUNK - 1) / CHUNK * layer.parts;
    }

    // Starts the copy of the next chunk of weights, if there is one.
    __device__ __forceinline__ void fetch() {
        if (next_layer < a.layer_count) {
            const DenseLayer& layer = shared.layers[next_layer];
            const u32 pieces = rows_of(layer) * CHUNK * 2 / 16;
            const uint4* from = reinterpret_cast<const uint4*>(next);
            uint4* to = weights + next_stage * STAGE;
            for (u32 i = threadIdx.x; i < pieces; i += THREADS) copy_later(to + i, from + i);
            next += pieces * 16;
            if (++next_entry == entries_of(layer)) {
                next_entry = 0;
                ++next_layer;
            }
            next_stage = next_stage + 1 == STAGES ? 0 : next_stage + 1;
        }
        end_copies();
    }

    // Where the block's columns begin in what comes in; for bits their slots.
    __device__ __forceinline__ void find_columns() {
        for (u32 i = threadIdx.x; i < COLUMNS; i += THREADS)
            shared.offsets[i] = find_column(a.rows, a.source, first + i, count);
    }

    // Threads bring in ITEMS times four activations of a chunk: this one's are operands of this step and tile.
    struct Item {
        u32 step, tile;
        __device__ __forceinline__ explicit Item(u32 i) {
            const u32 k = threadIdx.x / WARP + i * (THREADS / WARP);
            step = k / TILES;
            tile = k % TILES;
        }
        __device__ __forceinline__ u32 column() const { return tile * 8 + lane_id() / 4; }
    };
    __device__ __forceinline__ void load(const Item& item, u32 chunk, float (&y)[4]) const {
        const bool exists = item.step < 2 && first + item.column() < count;
        read_column(a.rows, a.source, shared.offsets[item.column()], exists, chunk, item.step, lane_id(), y);
    }
    __device__ __forceinline__ void store(const Item& item, u32 chunk, const float (&y)[4]) {
        if (item.step >= 2) return;
        const float scale = a.input_scale != 0 ? a.input_scale : scale_for(shared.largest[item.column()]);
        uint4* slot = activations + chunk % SLOTS * SLOT;
        slot[(item.step * TILES + item.tile) * WARP + place_of(lane_id())] = operands(y, scale);
    }

    // Finds the scales of the columns that come in.
    __device__ void find_scales(u32 chunks) {
        if (a.input_scale == 0) {
#pragma unroll
            for (u32 i = 0; i < ITEMS; ++i) {
                const Item item(i);
                float most = 0;
#pragma unroll 4
                for (u32 chunk = 0; chunk < chunks; ++chunk) {
                    float y[4];
                    load(item, chunk, y);
                    most = largest_of(y, most);
                }
                most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
                most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
                if (item.step < 2 && lane_id() % 4 == 0)
                    atomicMax(&shared.largest[item.column()], __float_as_uint(most));
            }
            __syncthreads();
        }
        for (u32 i = threadIdx.x; i < COLUMNS; i += THREADS)
            shared.unscale[i] = inverse(a.input_scale != 0 ? a.input_scale : scale_for(shared.largest[i]));
    }

    // Adds a chunk's products; BOTH: with both parts of the activations; FULL: the layer has all ROWS outputs,
    // so that nothing stands between loads and products.
    template <bool BOTH, bool FULL>
    __device__ __forceinline__ void compute(float (&acc)[PAIRS][2][NT][4], u32 stage, u32 chunk, u32 pairs,
                                            u32 wm, u32 wn) const {
        const uint4* w = weights + stage * STAGE + lane_id();
        const uint4* y = activations + chunk % SLOTS * SLOT + wn * NT * WARP + place_of(lane_id());
#pragma unroll
        for (u32 step = 0; step < 2; ++step) {
            uint4 b[NT];
#pragma unroll
            for (u32 n = 0; n < NT; ++n) b[n] = y[(step * TILES + n) * WARP];
#pragma unroll
            for (u32 p = 0; p < PAIRS; ++p) {
                const u32 pair = p * WM + wm;
                if (!FULL && pair >= pairs) break;
                uint4 a[2];
#pragma unroll
                for (u32 m = 0; m < 2; ++m) a[m] = w[((pair * 2 + m) * 2 + step) * WARP];
#pragma unroll
                for (u32 part = 0; part < (BOTH ? 2 : 1); ++part)
#pragma unroll
                    for (u32 m = 0; m < 2; ++m)
#pragma unroll
                        for (u32 n = 0; n < NT; ++n)
                            multiply_add<HALVES>(acc[p][m][n], a[m], part ? b[n].z : b[n].x, part ? b[n].w : b[n].y);
            }
        }
    }

    __device__ __forceinline__ void compute(float (&acc)[PAIRS][2][NT][4], u32 stage, u32 chunk, bool both,
                                            u32 pairs, u32 wm, u32 wn) const {
        if (pairs == ROWS / 32) {
            if (both) compute<true, true>(acc, stage, chunk, pairs, wm, wn);
            else compute<false, true>(acc, stage, chunk, pairs, wm, wn);
        } else {
            if (both) compute<true, false>(acc, stage, chunk, pairs, wm, wn);
            else compute<false, false>(acc, stage, chunk, pairs, wm, wn);
        }
    }

    // Sums to activations of the layer, and to operands of the next or to memory.
    __device__ __forceinline__ void finish(float (&acc)[PAIRS][2][NT][4], const DenseLayer& layer, u32 index,
                                           u32 pairs, u32 wm, u32 wn) {
        const u32 t = lane_id() % 4;
        const float* unscale_in = shared.unscale + index % 2 * COLUMNS;
        float* unscale_out = shared.unscale + (index + 1) % 2 * COLUMNS;
        u32* largest_out = shared.largest + (index + 1) % 2 * COLUMNS;
        const bool last = index + 1 == a.layer_count;
        const bool own_scales = !last && layer.scale == 0;
        // Activations with a common scale are scaled before they are made.
        const float scale = last || own_scales ? 1.0f : layer.scale;
        const float low = (a.plain ? -__int_as_float(0x7f800000) : layer.low) * scale;
        const float high = (a.plain ? __int_as_float(0x7f800000) : layer.high) * scale;
        float2 row[PAIRS][4];
#pragma unroll
        for (u32 p = 0; p < PAIRS; ++p)
#pragma unroll
            for (u32 s = 0; s < 4; ++s) {
                row[p][s] = shared.rows[index % 2 * MAX_ROWS + (p * WM + wm) * 32 + s * 8 + lane_id() / 4];
                row[p][s].x *= scale;
            }
#pragma unroll
        for (u32 n = 0; n < NT; ++n)
#pragma unroll
            for (u32 c = 0; c < 2; ++c) {
                const float by = unscale_in[(wn * NT + n) * 8 + t * 2 + c] * scale;
#pragma unroll
                for (u32 p = 0; p < PAIRS; ++p)
#pragma unroll
                    for (u32 s = 0; s < 4; ++s) {
                        float& z = acc[p][s / 2][n][s % 2 * 2 + c];
                        z = clamp(fmaf(z * row[p][s].y, by, row[p][s].x), low, high);
                    }
            }
        if (own_scales || (last && a.rows.marks.flags)) find_largest(acc, own_scales, largest_out, pairs, wm, wn);
        if (last) {
            put_out(acc, layer, pairs, wm, wn);
            return;
        }
        // All have read what is overwritten now, and all scales are known.
        __syncthreads();
        if (own_scales) put_in<true>(acc, largest_out, pairs, wm, wn);
        else put_in<false>(acc, largest_out, pairs, wm, wn);
        for (u32 i = threadIdx.x; i < COLUMNS; i += THREADS) {
            unscale_out[i] = inverse(own_scales ? scale_for(largest_out[i]) : layer.scale);
            shared.largest[index % 2 * COLUMNS + i] = 0;
        }
    }

    // The largest magnitude of each column, or marks for the columns that are not empty.
    __device__ __forceinline__ void find_largest(const float (&acc)[PAIRS][2][NT][4], bool own_scales,
                                                 u32* largest_out, u32 pairs, u32 wm, u32 wn) const {
#pragma unroll
        for (u32 n = 0; n < NT; ++n)
#pragma unroll
            for (u32 c = 0; c < 2; ++c) {
                float most = 0;
#pragma unroll
                for (u32 p = 0; p < PAIRS; ++p)
#pragma unroll
                    for (u32 s = 0; s < 4; ++s)
                        if (p * WM + wm < pairs) most = fmaxf(most, fabsf(acc[p][s / 2][n][s % 2 * 2 + c]));
                for (u32 step = 4; step < WARP; step *= 2)
                    most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, step));
                if (lane_id() / 4 != 0) continue;
                const u32 column = (wn * NT + n) * 8 + lane_id() % 4 * 2 + c;
                if (own_scales) atomicMax(&largest_out[column], __float_as_uint(most));
                else if (most != 0 && first + column < count) a.rows.marks.mark(first + column);
            }
    }

    // Activations to operands of the next layer.
    template <bool OWN_SCALES>
    __device__ __forceinline__ void put_in(const float (&acc)[PAIRS][2][NT][4], const u32* largest_out, u32 pairs,
                                           u32 wm, u32 wn) {
        const u32 group = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
        for (u32 n = 0; n < NT; ++n)
#pragma unroll
            for (u32 c = 0; c < 2; ++c) {
                const u32 tile = wn * NT + n, l = (t * 2 + c) * 4 + group % 4;
                const float scale = OWN_SCALES ? scale_for(largest_out[tile * 8 + t * 2 + c]) : 1.0f;
#pragma unroll
                for (u32 p = 0; p < PAIRS; ++p) {
                    const u32 pair = p * WM + wm;
                    if (pair >= pairs) break;
                    const float y[4] = {acc[p][0][n][c], acc[p][0][n][2 + c], acc[p][1][n][c],
                                        acc[p][1][n][2 + c]};
                    uint4* slot = activations + pair * SLOT;
                    slot[(group / 4 * TILES + tile) * WARP + place_of(l)] = operands(y, scale);
                }
            }
    }

    __device__ __forceinline__ void put_out(const float (&acc)[PAIRS][2][NT][4], const DenseLayer& layer,
                                            u32 pairs, u32 wm, u32 wn) const {
        const u32 group = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
        for (u32 n = 0; n < NT; ++n) {
            const u32 column = first + (wn * NT + n) * 8 + t * 2;
            if (column >= count) continue;
            float* to = a.rows.to + panel_offset(column, a.rows.neurons_out);
#pragma unroll
            for (u32 p = 0; p < PAIRS; ++p)
#pragma unroll
                for (u32 s = 0; s < 4; ++s) {
                    const u32 output = row0 + (p * WM + wm) * 32 + s * 8 + group;
                    if (p * WM + wm >= pairs || output >= layer.outputs) continue;
                    const float2 y = {acc[p][s / 2][n][s % 2 * 2], acc[p][s / 2][n][s % 2 * 2 + 1]};
                    float* at = to + u64(output) * PANEL;
                    if (column + 1 < count) *reinterpret_cast<float2*>(at) = y;
                    else *at = y.x;
                }
        }
    }

    // Takes the block's columns through all layers.
    __device__ void pass() {
        __syncthreads(); // the columns before are done
        for (u32 i = threadIdx.x; i < 2 * COLUMNS; i += THREADS) shared.largest[i] = 0;
        next_layer = next_entry = next_stage = 0;
        // A single layer may have more outputs than a block takes at once; its weights lie block by block.
        next = a.base + shared.layers[0].weights + weights_before(shared.layers[0], row0);
        for (u32 s = 0; s + 1 < STAGES; ++s) fetch();
        find_columns();
        __syncthreads();
        const u32 in_chunks = (shared.layers[0].inputs + CHUNK - 1) / CHUNK;
        find_scales(in_chunks);
        float incoming[ITEMS][4];
#pragma unroll
        for (u32 i = 0; i < ITEMS; ++i) load(Item(i), 0, incoming[i]);
#pragma unroll
        for (u32 i = 0; i < ITEMS; ++i) store(Item(i), 0, incoming[i]);
        const u32 wm = warp_id() % WM, wn = warp_id() / WM;
        u32 stage = 0;
        for (u32 index = 0; index < a.layer_count; ++index) {
            const DenseLayer& layer = shared.layers[index];
            const u32 pairs = rows_of(layer) / 32;
            // Those of two layers before have been read; these are read behind the next barrier.
            if (threadIdx.x < pairs * 32) {
                float2 row = reinterpret_cast<const float2*>(a.base + layer.rows)[row0 + threadIdx.x];
                if (a.plain) row.x = 0;
                shared.rows[index % 2 * MAX_ROWS + threadIdx.x] = row;
            }
            float acc[PAIRS][2][NT][4] = {};
            const u32 entries = entries_of(layer);
            u32 chunk = 0, part = 0;
            for (u32 entry = 0; entry < entries; ++entry) {
                await_copies<STAGES - 2>();
                __syncthreads();
                fetch();
                const bool more = index == 0 && part == 0 && chunk + 1 < in_chunks;
                if (more)
#pragma unroll
                    for (u32 i = 0; i < ITEMS; ++i) load(Item(i), chunk + 1, incoming[i]);
                compute(acc, stage, chunk, part == 0, pairs, wm, wn);
                if (more)
#pragma unroll
                    for (u32 i = 0; i < ITEMS; ++i) store(Item(i), chunk + 1, incoming[i]);
                stage = stage + 1 == STAGES ? 0 : stage + 1;
                if (++part == layer.parts) {
                    part = 0;
                    ++chunk;
                }
            }
            finish(acc, layer, index, pairs, wm, wn);
        }
    }

    __device__ static void run(const DenseArguments& a, DenseShared& shared, u32 count) {
        Dense dense{a, shared, shared_memory, shared_memory + STAGES * STAGE, count};
        const u32 tiles = (count + COLUMNS - 1) / COLUMNS;
        const u32 blocks = a.layer_count == 1 ? (shared.layers[0].outputs + ROWS - 1) / ROWS : 1;
        for (u64 work = blockIdx.x; work < u64(tiles) * blocks; work += gridDim.x) {
            dense.first = u32(work % tiles) * COLUMNS;
            dense.row0 = u32(work / tiles) * ROWS;
            dense.pass();
        }
    }
};

#endif
