// Layers of mini-blocks for columns that lie neuron-major: what they are given.
#pragma once
#include "chunks.cuh"

struct PanelBlocksLayer {
    const u32* first_steps; // of each block, and the end
    const u32* inputs;      // GROUP for each step; NONE where it has fewer
    const void* weights;    // as the kernel takes them
    const u32* outputs;     // GROUP for each block; NONE where it has fewer
    const float* bias;      // likewise
    u32 blocks;
    float low, high;
};

struct PanelBlocksArguments {
    PanelBlocksLayer layer;
    const float* from; // column j in slot j
    const u32* count;
    float* to;         // likewise
    u32 neurons_in;
    u32 neurons_out;
    LiveWords live;    // of the columns that come out
};

constexpr u32 PANEL_WARPS = 4;
