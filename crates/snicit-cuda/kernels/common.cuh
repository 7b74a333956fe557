// What all kernels share. No header of the toolkit is needed: NVRTC knows the built-in variables and
// functions by itself.
//
// Activations lie in one of two layouts; "slot" is the place of a column in its buffer:
//   input-major    value of neuron i in slot k at  k * neurons + i
//   neuron-major   columns in panels of 64, a panel neuron by neuron: value of neuron i in slot k at
//                  k / 64 * 64 * neurons + i * 64 + k % 64. A panel is contiguous, so that kernels that
//                  take all neurons of some columns touch few pages of memory.
// Which columns there are is known on the device only. `count` points to the number of columns to
// process; the j-th of them is in slot slots[j], or in slot j where `slots` is null. Kernels run with a
// fixed grid and stride over whatever there is, so that the host need not know.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

constexpr u32 WARP = 32;
constexpr u32 ALL_LANES = 0xffffffffu;
constexpr u32 NONE = 0xffffffffu;

constexpr u32 PANEL = 64; // columns of a panel of the neuron-major layout

// Where the column in slot `slot` of the neuron-major layout begins; neuron i follows at i * PANEL.
__device__ __forceinline__ u64 panel_offset(u32 slot, u32 neurons) {
    return u64(slot / PANEL) * PANEL * neurons + slot % PANEL;
}

// A pointer of which the compiler knows nothing: it keeps it, where it would put it together again each time.
template <class T>
__device__ __forceinline__ T* opaque(T* pointer) {
    asm("" : "+l"(pointer));
    return pointer;
}

// Quotient and remainder of the number of a piece of work; they are mostly small, and 64 bits are slow.
__device__ __forceinline__ u64 divide(u64 item, u32 by, u32& remainder) {
    if (item >> 32 == 0) {
        const u32 quotient = u32(item) / by;
        remainder = u32(item) - quotient * by;
        return quotient;
    }
    remainder = item % by;
    return item / by;
}

__device__ __forceinline__ u32 slot_of(const u32* slots, u32 j) { return slots ? slots[j] : j; }

__device__ __forceinline__ float clamp(float x, float low, float high) {
    return fminf(fmaxf(x, low), high);
}

__device__ __forceinline__ u32 lane_id() { return threadIdx.x % WARP; }
__device__ __forceinline__ u32 warp_id() { return threadIdx.x / WARP; }

// How many of `lanes` come before this one.
__device__ __forceinline__ u32 lanes_before(u32 lanes) { return __popc(lanes & ((1u << lane_id()) - 1)); }

template <class Number>
__device__ __forceinline__ Number warp_sum(Number x) {
    for (u32 step = WARP / 2; step; step /= 2) x += __shfl_xor_sync(ALL_LANES, x, step);
    return x;
}

__device__ __forceinline__ u32 warp_min(u32 x) {
    for (u32 step = WARP / 2; step; step /= 2) x = min(x, __shfl_xor_sync(ALL_LANES, x, step));
    return x;
}

// Kernels that ask for this are not chosen for GPUs before sm_80.
__device__ __forceinline__ u32 warp_or(u32 x) {
#if __CUDA_ARCH__ >= 800
    return __reduce_or_sync(ALL_LANES, x);
#else
    return x;
#endif
}

// Brings what lies there into the second-level cache.
__device__ __forceinline__ void prefetch(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

// Which columns of a layer's output are not all zero, for the compaction that follows.
struct LiveMarks {
    u32* flags;        // one a column; null if nobody asks
    u32* chunk_counts; // set flags of each COMPACTION_CHUNK columns

    __device__ __forceinline__ void mark(u32 column) const;
};

constexpr u32 COMPACTION_CHUNK = 1024;

__device__ __forceinline__ void LiveMarks::mark(u32 column) const {
    // Most calls find the flag set: read first, the atomic costs more.
    if (*(volatile u32*)&flags[column] == 0 && atomicExch(&flags[column], 1) == 0) {
        atomicAdd(&chunk_counts[column / COMPACTION_CHUNK], 1);
    }
}
