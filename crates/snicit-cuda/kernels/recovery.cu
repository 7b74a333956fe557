// SNICIT, stage 4: Y(l)_j = Y^(l)_j + Y^(l)_c for residue columns with centroid c. Input-major.
#include "common.cuh"

struct LocateArguments {
    const u32* columns; // which column of Y(t) each converted column is
    const u32* count;
    u32* place;         // of a column of Y(t): its place among the converted ones, or NONE (as set before)
};

extern "C" __global__ void locate_columns(LocateArguments a) {
    for (u32 k = blockIdx.x * blockDim.x + threadIdx.x; k < *a.count; k += gridDim.x * blockDim.x) {
        a.place[a.columns[k]] = k;
    }
}

struct RecoverArguments {
    const float* converted; // column k in slot slots[k]
    const u32* slots;
    const u32* place;
    const u32* center;      // of each column of Y(t): the place of its centroid
    const u32* count;       // columns of Y(t)
    u32 neurons;
    float* y;               // column j to slot j
    LiveMarks marks;
};

// A block a column. A column whose residue has become empty equals its centroid.
extern "C" __global__ void recover(RecoverArguments a) {
    for (u32 j = blockIdx.x; j < *a.count; j += gridDim.x) {
        const u32 place = a.place[j], center = a.center[j];
        const float* centroid = a.converted + slot_of(a.slots, center) * u64(a.neurons);
        const bool has_residue = place != NONE && place != center;
        const float* residue = has_residue ? a.converted + slot_of(a.slots, place) * u64(a.neurons) : nullptr;
        float* y = a.y + u64(j) * a.neurons;
        bool any = false;
        for (u32 i = threadIdx.x; i < a.neurons; i += blockDim.x) {
            y[i] = centroid[i] + (has_residue ? residue[i] : 0.0f);
            any |= y[i] != 0.0f;
        }
        any = __syncthreads_or(any);
        if (any && threadIdx.x == 0) a.marks.mark(j);
    }
}
