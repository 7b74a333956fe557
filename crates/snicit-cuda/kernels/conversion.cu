// SNICIT, stage 2: cluster-based conversion of Y(t) into centroids and residues. Input-major; "column j" is
// the j-th live column, in the order of the inputs.
#include "common.cuh"

struct ConversionColumns {
    float* values;      // of column j in slot slots[j]
    const u32* slots;
    const u32* count;
    u32 neurons;
};

__device__ __forceinline__ float* column_of(const ConversionColumns& y, u32 j) {
    return y.values + slot_of(y.slots, j) * u64(y.neurons);
}

struct DownsampleArguments {
    ConversionColumns y;
    u32 sampled;  // columns to sample; fewer if there are fewer
    u32 segments;
    float* sums;  // segment k of sample i at i * segments + k
};

// Sum downsampling: a warp a segment of a sampled column.
extern "C" __global__ void downsample(DownsampleArguments a) {
    const u64 segments = u64(min(a.sampled, *a.y.count)) * a.segments;
    const u64 warps = u64(gridDim.x) * (blockDim.x / WARP);
    for (u64 item = u64(blockIdx.x) * (blockDim.x / WARP) + warp_id(); item < segments; item += warps) {
        const u64 k = item % a.segments;
        const u64 begin = k * a.y.neurons / a.segments, end = (k + 1) * a.y.neurons / a.segments;
        const float* column = column_of(a.y, item / a.segments);
        float sum = 0.0f;
        for (u64 i = begin + lane_id(); i < end; i += WARP) sum += column[i];
        sum = warp_sum(sum);
        if (lane_id() == 0) a.sums[item] = sum;
    }
}

struct PruneSamplesArguments {
    const float* sums;
    const u32* count;
    u32 sampled;
    u32 segments;
    float tolerance;      // eta
    u32 alike_below;      // samples with fewer differing sums are alike: n * epsilon, rounded up
    u32* survives;        // one a sample
    u32* centroids;       // receives the columns that are centroids, ascending
    u32* centroid_count;
};

// Sample pruning, in one block: each survivor removes the later samples that are like it.
extern "C" __global__ void __launch_bounds__(1024) prune_samples(PruneSamplesArguments a) {
    const u32 samples = min(a.sampled, *a.count);
    for (u32 i = threadIdx.x; i < samples; i += blockDim.x) a.survives[i] = 1;
    __syncthreads();
    u32 found = 0;
    for (u32 base = 0; base < samples; ++base) {
        // Written by other threads: read past the compiler, after the barrier.
        if (!((volatile u32*)a.survives)[base]) continue;
        if (threadIdx.x == 0) a.centroids[found] = base;
        ++found;
        const float* mine = a.sums + u64(base) * a.segments;
        for (u32 other = base + 1 + warp_id(); other < samples; other += blockDim.x / WARP) {
            const float* theirs = a.sums + u64(other) * a.segments;
            u32 differing = 0;
            for (u32 k = lane_id(); k < a.segments; k += WARP) {
                differing += fabsf(theirs[k] - mine[k]) > a.tolerance;
            }
            differing = warp_sum(differing);
            if (lane_id() == 0 && differing < a.alike_below) a.survives[other] = 0;
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) *a.centroid_count = found;
}

struct AssignArguments {
    ConversionColumns y;
    const u32* survives;
    u32 sampled;
    const u32* centroids;
    const u32* centroid_count;
    float prune;          // residues of at most this magnitude become zero
    u32* center;          // receives each column's centroid, as an index into `centroids`
    LiveMarks marks;      // residue columns that are not empty
};

constexpr u32 ASSIGN_WARPS = 8;

// A block a column: warps count the differences to different centroids (the L0 distance); the nearest, of
// several the first, is subtracted.
extern "C" __global__ void __launch_bounds__(ASSIGN_WARPS * WARP) assign(AssignArguments a) {
    __shared__ u64 nearest_of_warp[ASSIGN_WARPS];
    const u32 count = *a.y.count, centroids = *a.centroid_count;
    for (u32 j = blockIdx.x; j < count; j += gridDim.x) {
        if (j < a.sampled && a.survives[j]) continue; // a centroid; recorded by place_columns
        float* column = column_of(a.y, j);
        // Distance and centroid in one number: the smallest is the nearest and then the first.
        u64 nearest = ~u64(0);
        for (u32 c = warp_id(); c < centroids; c += ASSIGN_WARPS) {
            const float* center = column_of(a.y, a.centroids[c]);
            u32 differing = 0;
#pragma unroll 4
            for (u32 i = lane_id(); i < a.y.neurons; i += WARP) differing += column[i] != center[i];
            differing = warp_sum(differing);
            nearest = min(nearest, u64(differing) << 32 | c);
        }
        if (lane_id() == 0) nearest_of_warp[warp_id()] = nearest;
        __syncthreads();
        for (u32 w = 0; w < ASSIGN_WARPS; ++w) nearest = min(nearest, nearest_of_warp[w]);
        const u32 c = u32(nearest);
        const float* center = column_of(a.y, a.centroids[c]);
        bool any = false;
        for (u32 i = threadIdx.x; i < a.y.neurons; i += blockDim.x) {
            const float residue = column[i] - center[i];
            const float kept = fabsf(residue) > a.prune ? residue : 0.0f;
            column[i] = kept;
            any |= kept != 0.0f;
        }
        any = __syncthreads_or(any);
        if (threadIdx.x == 0) {
            a.center[j] = c;
            if (any) a.marks.mark(j);
        }
    }
}

struct PlaceColumnsArguments {
    const u32* slots;          // of the columns of Y(t)
    const u32* centroids;
    const u32* centroid_count;
    const u32* residues;       // the columns with a non-empty residue, ascending
    const u32* residue_count;
    u32* center;               // of each column; centroids get their own index
    u32* converted_count;      // receives centroids plus residues
    u32* converted_slots;      // centroids first, then residues: this order is kept from here on
    u32* converted_columns;    // which column of Y(t) each is
    u32* converted_centers;
};

extern "C" __global__ void place_columns(PlaceColumnsArguments a) {
    const u32 centroids = *a.centroid_count, residues = *a.residue_count;
    if (blockIdx.x == 0 && threadIdx.x == 0) *a.converted_count = centroids + residues;
    for (u32 k = blockIdx.x * blockDim.x + threadIdx.x; k < centroids + residues; k += gridDim.x * blockDim.x) {
        const u32 column = k < centroids ? a.centroids[k] : a.residues[k - centroids];
        if (k < centroids) a.center[column] = k;
        a.converted_slots[k] = slot_of(a.slots, column);
        a.converted_columns[k] = column;
        a.converted_centers[k] = k < centroids ? k : a.center[column];
    }
}
