// Lists the columns that are not all zero, in their order, and lets what belongs to them follow.
#include "common.cuh"

struct CompactionArguments {
    LiveMarks marks;      // of the columns 0 .. *count; left zeroed (flags only)
    const u32* count;
    u32* live_count;      // receives the number of marked columns
    u32* live_slots;      // receives their slots
    const u32* inputs;    // which input each column belongs to; null: column j to input j
    u32* live_inputs;
    const u32* centers;   // a number that goes with each column; null: none
    u32* live_centers;
};

// One block a chunk. The chunks before it are counted, its own flags are scanned.
extern "C" __global__ void __launch_bounds__(COMPACTION_CHUNK) compact(CompactionArguments a) {
    const u32 count = *a.count;
    const u32 first = blockIdx.x * COMPACTION_CHUNK;
    if (first >= count) {
        if (blockIdx.x == 0 && threadIdx.x == 0) *a.live_count = 0;
        return;
    }
    __shared__ u32 before[COMPACTION_CHUNK / WARP];
    __shared__ u32 warp_live[COMPACTION_CHUNK / WARP];

    u32 chunks_before = 0;
    for (u32 chunk = threadIdx.x; chunk < blockIdx.x; chunk += COMPACTION_CHUNK) {
        chunks_before += a.marks.chunk_counts[chunk];
    }
    chunks_before = warp_sum(chunks_before);

    const u32 column = first + threadIdx.x;
    const bool live = column < count && a.marks.flags[column];
    const u32 ballot = __ballot_sync(ALL_LANES, live);
    if (lane_id() == 0) {
        before[warp_id()] = chunks_before;
        warp_live[warp_id()] = __popc(ballot);
    }
    __syncthreads();

    u32 place = warp_sum(before[lane_id()]);
    place += warp_sum(lane_id() < warp_id() ? warp_live[lane_id()] : 0);
    place += lanes_before(ballot);
    if (live) {
        a.marks.flags[column] = 0;
        a.live_slots[place] = column;
        a.live_inputs[place] = a.inputs ? a.inputs[column] : column;
        if (a.centers) a.live_centers[place] = a.centers[column];
    }
    const bool last_chunk = count - first <= COMPACTION_CHUNK;
    if (last_chunk && threadIdx.x == COMPACTION_CHUNK - 1) *a.live_count = place + live;
}
