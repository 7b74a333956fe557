// Copies from memory to shared memory past the registers, which a thread starts, ends in groups and waits for.
#pragma once
#include "common.cuh"

// Copies 16 bytes; they are there when the group that the copy belongs to is. GPUs before sm_80 copy at once.
__device__ __forceinline__ void copy_later(void* to, const void* from) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(u32(__cvta_generic_to_shared(to))), "l"(from)
                 : "memory");
#else
    *static_cast<uint4*>(to) = __ldg(static_cast<const uint4*>(from));
#endif
}

// The copies since the last call become a group.
__device__ __forceinline__ void end_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits for all groups of this thread but the latest LATER.
template <int LATER>
__device__ __forceinline__ void await_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(LATER) : "memory");
#endif
}
