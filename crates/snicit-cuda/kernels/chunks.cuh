// Activations in chunks: the layout of the mini-block kernels.
//
// The neurons of a layer are renumbered so that those a kernel computes together, the outputs of a
// mini-block, follow one another: sixteen of them are a group. The values of a group in one column are a
// chunk of 64 bytes. Columns lie in panels; a panel is contiguous, group by group:
//   chunk of group g and slot k:  (k / panel * groups + g) * panel + k % panel
// A mask says which chunks are not zero, one bit a chunk:
//   word (k / panel * groups + g) * (panel / 32) + k % panel / 32, bit k % 32
// A chunk whose bit is not set was not written and must not be read. Binary inputs are chunks of 16 bits.
// Between layers that both can, those of a group that are not zero follow one another without gaps within each piece
// of a panel, in the order of their slots (`from_packed` and `to_packed` in masked_blocks.cuh).
#pragma once
#include "common.cuh"

constexpr u32 GROUP = 16; // neurons of a group

struct Chunks {
    void* values;     // float[GROUP] or u16 each
    const u32* masks; // null: every chunk of a column in use was written
    u32 groups;
    u32 panel_bits;   // a panel has 1 << panel_bits columns, 32 to MAX_PANEL

    // Where the chunk of the column in `slot` and group 0 is, or any group. There are fewer than 2^32 chunks: that many would be 256 GiB.
    __device__ __forceinline__ u32 first_chunk(u32 slot) const {
        return (slot >> panel_bits) * (groups << panel_bits) + (slot & (panel() - 1));
    }
    __device__ __forceinline__ u32 chunk(u32 slot, u32 group) const { return first_chunk(slot) + (group << panel_bits); }
    __device__ __forceinline__ u32 panel() const { return 1u << panel_bits; }
    __device__ __forceinline__ u32 words() const { return panel() / 32; } // of a mask of a group and panel
    __device__ __forceinline__ u64 mask_word(u32 slot, u32 group) const {
        return (u64(slot >> panel_bits) * groups + group) * words() + (slot & (panel() - 1)) / 32;
    }
    __device__ __forceinline__ bool is_set(u32 slot, u32 group) const {
        return masks == nullptr || masks[mask_word(slot, group)] >> (slot % 32) & 1;
    }
};

constexpr u32 MAX_PANEL = 1024;

// Sixteen bytes, or zeros without a look at memory.
__device__ __forceinline__ float4 load_if(u32 wanted, const float4* from) {
    float4 value;
    asm(
        "{.reg .pred p; setp.ne.u32 p, %4, 0; mov.f32 %0, 0f00000000; mov.f32 %1, 0f00000000;"
        " mov.f32 %2, 0f00000000; mov.f32 %3, 0f00000000; @p ld.global.v4.f32 {%0, %1, %2, %3}, [%5];}"
        : "=&f"(value.x), "=&f"(value.y), "=&f"(value.z), "=&f"(value.w)
        : "r"(wanted), "l"(from));
    return value;
}

// Which columns are not empty, a bit a slot.
struct LiveWords {
    u32* words;

    // Most calls find the bits set: read first, the atomic costs more.
    __device__ __forceinline__ void add(u32 word, u32 bits) const {
        if (bits & ~*(volatile u32*)&words[word]) atomicOr(&words[word], bits);
    }
};
