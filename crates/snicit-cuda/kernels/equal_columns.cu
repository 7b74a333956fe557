// Columns that have become equal stay equal: one of them stands for all. Neuron-major.
//
// Columns are compared by fingerprints, two sums over the neurons of key times value in 64 bits, the value
// taken as the number that its bits are. The keys are as good as random, so two columns that differ have the
// same fingerprint with a probability below 2^-66.
#include "chunks.cuh"

struct FingerprintArguments {
    const float* values; // column j in slot j
    const u32* count;
    u32 neurons;
    u64* prints;         // two a column, zero before
};

constexpr u32 WARPS = 8;
constexpr u32 COLUMNS = 32; // of a warp
constexpr u32 NEURONS = 64; // of a warp

// As good as random for every number (splitmix64).
__device__ __forceinline__ u64 key(u64 number) {
    u64 z = (number + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

extern "C" __global__ void __launch_bounds__(WARPS * WARP) fingerprint(FingerprintArguments a) {
    __shared__ u64 keys[WARPS][NEURONS][2];
    const u32 count = *a.count, lane = lane_id(), pieces = (a.neurons + NEURONS - 1) / NEURONS;
    const u64 items = u64((count + COLUMNS - 1) / COLUMNS) * pieces, warps = u64(gridDim.x) * WARPS;
    for (u64 item = u64(blockIdx.x) * WARPS + warp_id(); item < items; item += warps) {
        u32 piece;
        const u32 column = u32(divide(item, pieces, piece)) * COLUMNS + lane;
        const u32 first = piece * NEURONS, neurons = min(NEURONS, a.neurons - first);
        __syncwarp();
        for (u32 k = lane; k < 2 * neurons; k += WARP) keys[warp_id()][k / 2][k % 2] = key(2 * u64(first) + k);
        __syncwarp();
        const float* values = a.values + panel_offset(column, a.neurons) + u64(first) * PANEL;
        u64 print[2] = {};
        for (u32 start = 0; start < neurons; start += 16) {
            u32 bits[16];
#pragma unroll
            for (u32 k = 0; k < 16; ++k) bits[k] = start + k < neurons ? __float_as_uint(values[u64(start + k) * PANEL]) : 0;
#pragma unroll
            for (u32 k = 0; k < 16; ++k) {
                print[0] += keys[warp_id()][start + k][0] * bits[k];
                print[1] += keys[warp_id()][start + k][1] * bits[k];
            }
        }
        if (column < count) {
            atomicAdd(&a.prints[2 * u64(column)], print[0]);
            atomicAdd(&a.prints[2 * u64(column) + 1], print[1]);
        }
    }
}

struct MatchColumnsArguments {
    const u64* prints;
    const u32* live;  // words with a bit a column
    const u32* count;
    u32* first_equal; // receives, of each column, the first that equals it; NONE of those that are empty
};

// With more columns than this, comparing each with each would take longer than it can save.
constexpr u32 MOST_COLUMNS = 16384;

// A warp a column.
extern "C" __global__ void __launch_bounds__(WARPS * WARP) match_columns(MatchColumnsArguments a) {
    const u32 count = *a.count, warps = gridDim.x * WARPS, lane = lane_id();
    const ulonglong2* prints = reinterpret_cast<const ulonglong2*>(a.prints);
    for (u32 j = blockIdx.x * WARPS + warp_id(); j < count; j += warps) {
        u32 first = j;
        if (!(a.live[j / 32] >> (j % 32) & 1)) {
            first = NONE;
        } else if (count <= MOST_COLUMNS) {
            const ulonglong2 mine = prints[j];
            for (u32 start = 0; start < j; start += 4 * WARP) {
                u32 found = NONE;
#pragma unroll
                for (int step = 3; step >= 0; --step) {
                    const u32 other = start + step * WARP + lane;
                    const ulonglong2 theirs = prints[min(other, j)];
                    if (other < j && theirs.x == mine.x && theirs.y == mine.y) found = other;
                }
                found = warp_min(found);
                if (found != NONE) {
                    first = found;
                    break;
                }
            }
        }
        if (lane == 0) a.first_equal[j] = first;
    }
}

struct MergeColumnsArguments {
    const u32* first_equal;
    const u32* count;
    const u32* inputs;     // of each column
    u32 is_first;          // whether no columns were merged before: columns are members themselves
    u32* places;           // of each column: where it is among those that are kept; for this kernel alone
    u32* kept;             // receives the columns that are kept
    u32* kept_count;
    u32* numbers;          // receives 0, 1, 2, …: kept columns stand for members, not for inputs
    u32* member_inputs;    // of each member: its input
    u32* members;          // of each member: the column that stands for it, NONE if that is empty
    u32* member_count;
};

constexpr u32 MERGE_THREADS = 1024;

// How many threads of the block, those before this one first, have `mine`. A barrier must follow before the next call.
struct Counted {
    u32 before, all;

    __device__ __forceinline__ Counted(bool mine, u32 (&of_warps)[MERGE_THREADS / WARP]) {
        const u32 ballot = __ballot_sync(ALL_LANES, mine);
        if (lane_id() == 0) of_warps[warp_id()] = __popc(ballot);
        __syncthreads();
        before = warp_sum(lane_id() < warp_id() ? of_warps[lane_id()] : 0);
        all = warp_sum(of_warps[lane_id()]);
        before += lanes_before(ballot);
    }
};

// One block.
extern "C" __global__ void __launch_bounds__(MERGE_THREADS) merge_columns(MergeColumnsArguments a) {
    __shared__ u32 of_warps[MERGE_THREADS / WARP];
    const u32 count = *a.count;
    u32 kept = 0;
    for (u32 start = 0; start < count; start += MERGE_THREADS) {
        const u32 j = start + threadIdx.x;
        const bool keeps = j < count && a.first_equal[j] == j;
        const Counted keeping(keeps, of_warps);
        const u32 place = kept + keeping.before;
        if (keeps) {
            a.places[j] = place;
            a.kept[place] = j;
            a.numbers[place] = place;
        }
        kept += keeping.all;
        __syncthreads();
    }
    const u32 members = a.is_first ? count : *a.member_count;
    for (u32 m = threadIdx.x; m < members; m += MERGE_THREADS) {
        const u32 column = a.is_first ? m : a.members[m];
        const u32 first = column == NONE ? NONE : a.first_equal[column];
        a.members[m] = first == NONE ? NONE : a.places[first];
        if (a.is_first) a.member_inputs[m] = a.inputs ? a.inputs[m] : m;
    }
    if (threadIdx.x == 0) {
        *a.kept_count = kept;
        if (a.is_first) *a.member_count = count;
    }
}

struct MoveColumnsArguments {
    const float* from;
    const u32* slots;
    const u32* count;
    u32 neurons;
    float* to; // column j to slot j
};

// Brings columns together; a warp 32 columns and some neurons.
extern "C" __global__ void __launch_bounds__(WARPS * WARP) move_columns(MoveColumnsArguments a) {
    const u32 count = *a.count, pieces = (a.neurons + NEURONS - 1) / NEURONS;
    const u64 items = u64((count + COLUMNS - 1) / COLUMNS) * pieces, warps = u64(gridDim.x) * WARPS;
    for (u64 item = u64(blockIdx.x) * WARPS + warp_id(); item < items; item += warps) {
        u32 piece;
        const u32 column = u32(divide(item, pieces, piece)) * COLUMNS + lane_id();
        if (column >= count) continue;
        const u32 first = piece * NEURONS, end = min(first + NEURONS, a.neurons);
        const float* from = a.from + panel_offset(a.slots[column], a.neurons);
        float* to = a.to + panel_offset(column, a.neurons);
        for (u32 start = first; start < end; start += 16) {
            float values[16];
#pragma unroll
            for (u32 k = 0; k < 16; ++k) values[k] = start + k < end ? from[u64(start + k) * PANEL] : 0.0f;
#pragma unroll
            for (u32 k = 0; k < 16; ++k) {
                if (start + k < end) to[u64(start + k) * PANEL] = values[k];
            }
        }
    }
}

struct ExpandMembersArguments {
    const u32* slots;         // of the columns there are
    const u32* columns;       // which of the kept columns each of them is
    const u32* count;
    const u32* members;
    const u32* member_inputs;
    const u32* member_count;
    u32* places;              // for this kernel alone
    u32* member_slots;        // receives, of each member whose column is there, the slot
    u32* live_inputs;         // and the input
    u32* live_count;
};

// One block.
extern "C" __global__ void __launch_bounds__(MERGE_THREADS) expand_members(ExpandMembersArguments a) {
    __shared__ u32 of_warps[MERGE_THREADS / WARP];
    const u32 count = *a.count, members = *a.member_count;
    for (u32 m = threadIdx.x; m < members; m += MERGE_THREADS) a.places[m] = NONE;
    __syncthreads();
    for (u32 k = threadIdx.x; k < count; k += MERGE_THREADS) a.places[a.columns[k]] = slot_of(a.slots, k);
    __syncthreads();
    u32 listed = 0;
    for (u32 start = 0; start < members; start += MERGE_THREADS) {
        const u32 m = start + threadIdx.x;
        const u32 column = m < members ? a.members[m] : NONE;
        const u32 slot = column == NONE ? NONE : a.places[column];
        const Counted listing(slot != NONE, of_warps);
        const u32 place = listed + listing.before;
        if (slot != NONE) {
            a.member_slots[place] = slot;
            a.live_inputs[place] = a.member_inputs[m];
        }
        listed += listing.all;
        __syncthreads();
    }
    if (threadIdx.x == 0) *a.live_count = listed;
}
