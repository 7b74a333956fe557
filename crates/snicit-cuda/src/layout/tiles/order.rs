//! Which outputs are computed side by side.

use std::collections::VecDeque;

use snicit::Layer;

use super::{CHUNK_WARPS, RANGE, TileShape, WARPS};

/// So many outputs are looked at to find the one that fits best.
const WINDOW: usize = 48;

/// The outputs in groups of alike numbers of connections in each chunk: the streams of a group are as long as
/// the longest. Streams that load in the same cycle share the banks evenly. The groups are dealt to the warps of
/// a block, which take some that follow one another and wait for each other behind each chunk.
pub(super) fn order(layer: &Layer, shape: TileShape) -> Vec<usize> {
    let mut outputs: Vec<usize> = (0..layer.outputs()).collect();
    outputs.sort_by_cached_key(|&output| {
        let mut lengths = vec![0_u32; shape.chunks];
        for &input in layer.weights().row(output).0 {
            lengths[input as usize / shape.chunk_rows] += 1;
        }
        lengths.iter_mut().for_each(|length| *length = length.div_ceil(4));
        lengths
    });
    let outputs = share_banks(layer, shape, outputs);
    let warps = if shape.chunks == 1 { WARPS } else { CHUNK_WARPS };
    let (full, rest) = outputs.split_at(outputs.len() / shape.streams() * shape.streams());
    let groups: Vec<&[usize]> = full.chunks(shape.streams()).collect();
    let range = if shape.chunks == 1 { groups.len().max(1) } else { RANGE };
    let dealt = groups.chunks(range).flat_map(|range| {
        (0..warps).flat_map(move |warp| range.iter().skip(warp).step_by(warps).copied().flatten())
    });
    dealt.chain(rest).copied().collect()
}

/// Puts outputs together whose inputs, taken together, lie evenly in the banks: the fullest bank decides how many
/// cycles their loads take at least. Each is chosen among the next few, so that lengths stay alike.
fn share_banks(layer: &Layer, shape: TileShape, outputs: Vec<usize>) -> Vec<usize> {
    let banks = shape.together();
    let profile = |output: usize| {
        let mut profile = vec![0_u32; shape.chunks * banks];
        for &input in layer.weights().row(output).0 {
            let (chunk, row) = (input as usize / shape.chunk_rows, input as usize % shape.chunk_rows);
            profile[chunk * banks + row % banks] += 1;
        }
        profile
    };
    let mut open: VecDeque<(usize, Vec<u32>)> =
        outputs.into_iter().map(|output| (output, profile(output))).collect();
    let mut chosen = Vec::with_capacity(open.len());
    while let Some((first, mut sum)) = open.pop_front() {
        chosen.push(first);
        for _ in 1..banks {
            let cycles = |(_, profile): &(usize, Vec<u32>)| -> u32 {
                let chunks = sum.chunks(banks).zip(profile.chunks(banks));
                chunks.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).max().unwrap_or(0)).sum()
            };
            let best = (0..open.len().min(WINDOW)).min_by_key(|&i| cycles(&open[i]));
            let Some((output, profile)) = best.and_then(|best| open.remove(best)) else { break };
            sum.iter_mut().zip(&profile).for_each(|(sum, more)| *sum += more);
            chosen.push(output);
        }
    }
    chosen
}
