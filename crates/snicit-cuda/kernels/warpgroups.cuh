// What Hopper's tensor cores do for a group of four warps, asynchronously: products of matrices in shared memory,
// and what must be waited for. Compiled for sm_90a only.
#pragma once
#include "common.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// Matrices of 8 by 8 halves, 128 bytes each, for multiply_group: the next 8 inputs follow `inputs` bytes behind,
// the next 8 outputs or columns `lines` bytes.
__device__ __forceinline__ u64 matrices_at(const void* matrices, u32 inputs, u32 lines) {
    const u32 address = u32(__cvta_generic_to_shared(matrices));
    return u64(address >> 4) | u64(inputs >> 4) << 16 | u64(lines >> 4) << 32;
}

// The names of ten operands, from the one whose number is `tens` and a 0.
#define TEN(tens)                                                                                      \
    "%" #tens "0, %" #tens "1, %" #tens "2, %" #tens "3, %" #tens "4, %" #tens "5, %" #tens "6, %" #tens "7, " \
    "%" #tens "8, %" #tens "9, "
// 32 sums as operands.
#define EIGHT_SUMS(i)                                                                                  \
    "+f"(acc[i]), "+f"(acc[i + 1]), "+f"(acc[i + 2]), "+f"(acc[i + 3]), "+f"(acc[i + 4]), "+f"(acc[i + 5]), \
    "+f"(acc[i + 6]), "+f"(acc[i + 7])
#define SUMS(i) EIGHT_SUMS(i), EIGHT_SUMS(i + 8), EIGHT_SUMS(i + 16), EIGHT_SUMS(i + 24)

// acc += A * B, of 64 by 16 and 16 by 256, 128 or 64; see matrices_at.
__device__ __forceinline__ void multiply_group(float (&acc)[128], u64 a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
        TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11)
        "%120, %121, %122, %123, %124, %125, %126, %127}, %128, %129, 1, 1, 1, 0, 0;"
        : SUMS(0), SUMS(32), SUMS(64), SUMS(96) : "l"(a), "l"(b));
}
__device__ __forceinline__ void multiply_group(float (&acc)[64], u64 a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
        TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5)
        "%60, %61, %62, %63}, %64, %65, 1, 1, 1, 0, 0;"
        : SUMS(0), SUMS(32) : "l"(a), "l"(b));
}
__device__ __forceinline__ void multiply_group(float (&acc)[32], u64 a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
        TEN() TEN(1) TEN(2)
        "%30, %31}, %32, %33, 1, 1, 1, 0, 0;"
        : SUMS(0) : "l"(a), "l"(b));
}

#undef TEN
#undef EIGHT_SUMS
#undef SUMS

__device__ __forceinline__ void begin_groups() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void end_group() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until at most LATER of what was ended is under way.
template <int LATER>
__device__ __forceinline__ void await_groups() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LATER) : "memory");
}

// A barrier in shared memory that some threads arrive at, or copies, and others wait for.
struct Gate {
    u64 state;

    __device__ __forceinline__ u32 address() const { return u32(__cvta_generic_to_shared(&state)); }

    // Opens with every `arrivals` arrivals.
    __device__ __forceinline__ void open_with(u32 arrivals) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address()), "r"(arrivals) : "memory");
    }
    __device__ __forceinline__ void arrive() {
        asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address()) : "memory");
    }
    // Arrives; the gate waits for so many bytes of copies, too.
    __device__ __forceinline__ void arrive_and_expect(u32 bytes) {
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address()), "r"(bytes) : "memory");
    }
    // Waits for the opening whose number, from 0, is even (`turn` 0) or odd (1).
    __device__ __forceinline__ void await(u32 turn) {
        asm volatile("{\n"
                     ".reg .pred open;\n"
                     "AGAIN: mbarrier.try_wait.parity.shared::cta.b64 open, [%0], %1;\n"
                     "@!open bra AGAIN;\n"
                     "}" ::"r"(address()), "r"(turn) : "memory");
    }
    // Starts a copy of `bytes` bytes, a multiple of 16, to shared memory.
    __device__ __forceinline__ void copy(void* to, const void* from, u32 bytes) {
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                         u32(__cvta_generic_to_shared(to))),
                     "l"(from), "r"(bytes), "r"(address())
                     : "memory");
    }
};

// Makes opened gates known to copies.
__device__ __forceinline__ void publish_gates() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

#endif
