//! Connections for the product that keeps a few columns of all inputs in shared memory; see
//! `kernels/tiles.cu`.
//!
//! A lane takes eight columns of an output; the outputs that a warp takes together are a group, each of them a
//! stream of connections in fours. Inputs that do not fit shared memory at once are cut into chunks. The order
//! of a stream's connections is free: it is arranged so that streams that load in the same cycle find their
//! inputs in different banks.

mod arrange;
mod order;

use snicit::Layer;

use self::arrange::arrange;
use self::order::order;
use super::Blob;

/// Bytes that a lane loads at once: a quad, four columns. It takes two.
const QUAD_BYTES: usize = 16;
/// Bytes that one cycle of shared memory gives.
const CYCLE_BYTES: usize = 128;
/// ZERO_ROWS of the kernels.
const ZERO_ROWS: usize = 4;
/// Fours that the kernels load ahead of those that they use.
const FOURS_AHEAD: usize = 3;
/// Groups that a block takes through all chunks; RANGE of the kernels.
const RANGE: usize = 128;
/// Warps of a block that takes all inputs at once, and of one that takes them chunk by chunk.
const WARPS: usize = 32;
const CHUNK_WARPS: usize = 16;
/// What the system keeps of each block's shared memory.
const RESERVED: usize = 1 << 10;

/// How a layer is cut for a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileShape {
    /// Quads of a tile: 4 or, for layers with many inputs, 2.
    pub(crate) quads: usize,
    /// Inputs that are in shared memory at once, a multiple of 4.
    pub(crate) chunk_rows: usize,
    /// Chunks of the inputs.
    pub(crate) chunks: usize,
}

impl TileShape {
    /// The shape for layers of `inputs` inputs where a block can have `shared_memory` bytes.
    pub(crate) fn fitting(inputs: usize, shared_memory: usize) -> Self {
        let rows = |quads: usize| {
            let rows = shared_memory.saturating_sub(RESERVED) / (quads * QUAD_BYTES);
            rows.saturating_sub(ZERO_ROWS) / 4 * 4
        };
        let quads = if inputs <= rows(4) { 4 } else { 2 };
        let chunks = inputs.div_ceil(rows(quads).max(4)).max(1);
        TileShape { quads, chunk_rows: inputs.div_ceil(chunks).next_multiple_of(4), chunks }
    }

    /// Shared memory of a block, in bytes.
    pub(crate) fn shared_memory(self) -> usize {
        (self.chunk_rows + ZERO_ROWS) * self.quads * QUAD_BYTES
    }

    /// Columns of a tile.
    pub(crate) fn columns(self) -> usize {
        4 * self.quads
    }

    /// Outputs that a warp takes together.
    fn streams(self) -> usize {
        64 / self.quads
    }

    /// Streams that load in the same cycle; rows that differ modulo this number lie in different banks.
    fn together(self) -> usize {
        CYCLE_BYTES / (self.quads * QUAD_BYTES)
    }
}

/// Where the parts of the form lie, in bytes from its beginning; see `kernels/tiles.cu`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TilesForm {
    pub(crate) shape: TileShape,
    pub(crate) fours: u64,
    pub(crate) inputs: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
    pub(crate) groups: usize,
}

/// A connection, its input counted from the chunk's first.
type Connection = (usize, f32);

impl TilesForm {
    /// Appends the layer in this form to `blob`.
    pub(crate) fn build(layer: &Layer, shape: TileShape, blob: &mut Blob) -> Self {
        let streams = shape.streams();
        let outputs = order(layer, shape);
        let groups = outputs.len().div_ceil(streams);
        let groups_a_range = if shape.chunks == 1 { groups.max(1) } else { RANGE };
        let mut fours = vec![0_u32];
        let (mut inputs, mut weights) = (Vec::new(), Vec::new());
        for range in outputs.chunks(groups_a_range * streams) {
            for chunk in 0..shape.chunks {
                let mut groups = range.chunks(streams);
                // A range is complete: groups that are not there are empty.
                for _ in 0..groups_a_range {
                    let group = groups.next().unwrap_or_default();
                    for connection in fours_of_group(layer, shape, group, chunk) {
                        inputs.push((connection.0 * shape.quads) as u16);
                        weights.push(connection.1);
                    }
                    fours.push((inputs.len() / (4 * streams)) as u32);
                }
            }
        }
        inputs.resize(inputs.len() + FOURS_AHEAD * 4 * streams, 0);
        weights.resize(inputs.len(), 0.0);
        let mut named: Vec<u32> = outputs.iter().map(|&output| output as u32).collect();
        named.resize(groups * streams, u32::MAX);
        TilesForm {
            shape,
            fours: blob.push(&fours),
            inputs: blob.push(&inputs),
            weights: blob.push(&weights),
            outputs: blob.push(&named),
            groups,
        }
    }
}

/// The connections of a group in a chunk as they lie in memory: four by four, stream by stream.
fn fours_of_group(layer: &Layer, shape: TileShape, group: &[usize], chunk: usize) -> Vec<Connection> {
    let mut lists: Vec<Vec<Connection>> =
        group.iter().map(|&output| connections(layer, shape, output, chunk)).collect();
    lists.resize(shape.streams(), Vec::new());
    let longest = lists.iter().map(|list| list.len().div_ceil(4)).max().unwrap_or(0);
    let arranged: Vec<Vec<Connection>> =
        lists.chunks(shape.together()).flat_map(|lists| arrange(lists, longest * 4, shape)).collect();
    let of_four = |four: usize| arranged.iter().flat_map(move |stream| &stream[4 * four..4 * four + 4]);
    (0..longest).flat_map(of_four).copied().collect()
}

fn connections(layer: &Layer, shape: TileShape, output: usize, chunk: usize) -> Vec<Connection> {
    let (inputs, weights) = layer.weights().row(output);
    let begin = chunk * shape.chunk_rows;
    let first = inputs.partition_point(|&input| (input as usize) < begin);
    let end = inputs.partition_point(|&input| (input as usize) < begin + shape.chunk_rows);
    let connection = |k: usize| (inputs[k] as usize - begin, weights[k]);
    (first..end).map(connection).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;

    /// Shared memory of a block on Hopper, and less.
    const HOPPER: usize = 227 << 10;

    fn layer(inputs: usize, outputs: usize, connections: usize) -> Layer {
        // Random enough: the finaliser of SplitMix64.
        let place = |output: usize, k: usize| {
            let mut x = ((output << 20 | k) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (x ^ x >> 31) as usize % inputs
        };
        let mut all = BTreeMap::new();
        for output in 0..outputs {
            for k in 0..connections + output % 5 {
                let weight = (output + 3 * k) as f32 / 64.0 + 0.5;
                all.insert((output as u32, place(output, k) as u32), weight);
            }
        }
        let connections =
            all.into_iter().map(|((output, input), weight)| Connection { input, output, weight });
        let weights = SparseWeights::from_connections(inputs, outputs, connections.collect()).unwrap();
        Layer::new(weights, Bias::Uniform(0.0), Activation::SDGC).unwrap()
    }

    struct Decoded {
        inputs: Vec<u16>,
        weights: Vec<f32>,
        fours: Vec<u32>,
        outputs: Vec<u32>,
    }

    fn decode(form: &TilesForm, bytes: &[u8]) -> Decoded {
        let words = |from: u64, to: u64| -> Vec<u32> {
            let bytes = &bytes[from as usize..to as usize];
            bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let inputs = words(form.inputs, form.weights);
        Decoded {
            inputs: inputs.iter().flat_map(|&pair| [pair as u16, (pair >> 16) as u16]).collect(),
            weights: words(form.weights, form.outputs).into_iter().map(f32::from_bits).collect(),
            fours: words(form.fours, form.inputs),
            outputs: words(form.outputs, bytes.len() as u64),
        }
    }

    /// Walks through the form as the kernels do and collects what is multiplied with what.
    fn connections_of(form: &TilesForm, decoded: &Decoded) -> BTreeMap<(u32, u32), f32> {
        let shape = form.shape;
        let mut found = BTreeMap::new();
        for group in 0..form.groups {
            for chunk in 0..shape.chunks {
                let range = if shape.chunks == 1 { form.groups } else { RANGE };
                let at = (group / range * shape.chunks + chunk) * range + group % range;
                for four in decoded.fours[at]..decoded.fours[at + 1] {
                    for stream in 0..shape.streams() {
                        for k in 0..4 {
                            let place = (four as usize * shape.streams() + stream) * 4 + k;
                            let row = usize::from(decoded.inputs[place]) / shape.quads;
                            if row >= shape.chunk_rows {
                                assert!(row < shape.chunk_rows + ZERO_ROWS);
                                assert_eq!(decoded.weights[place], 0.0);
                                continue;
                            }
                            let output = decoded.outputs[group * shape.streams() + stream];
                            let input = (chunk * shape.chunk_rows + row) as u32;
                            let before = found.insert((output, input), decoded.weights[place]);
                            assert_eq!(before, None, "twice");
                        }
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_connection_is_there_once() {
        for (inputs, outputs, connections, shared_memory, expected) in [
            (1024, 1000, 32, HOPPER, (4, 1)),
            (4096, 4100, 30, HOPPER, (2, 1)),
            (16_384, 300, 32, HOPPER, (2, 3)),
            (5000, 77, 100, 48 << 10, (2, 4)),
            (1030, 1, 9, HOPPER, (4, 1)),
        ] {
            let layer = layer(inputs, outputs, connections);
            let shape = TileShape::fitting(inputs, shared_memory);
            assert_eq!((shape.quads, shape.chunks), expected);
            assert!(shape.shared_memory() <= shared_memory && shape.chunk_rows * shape.chunks >= inputs);
            let mut blob = Blob::default();
            let form = TilesForm::build(&layer, shape, &mut blob);
            let found = connections_of(&form, &decode(&form, &blob.into_bytes()));
            let expected: BTreeMap<(u32, u32), f32> =
                layer.weights().iter().map(|c| ((c.output, c.input), c.weight)).collect();
            assert_eq!(found, expected);
        }
    }

    /// What the arrangement is for: cycles of shared memory and padding stay near the fewest possible.
    #[test]
    fn streams_seldom_meet_in_a_bank() {
        for (inputs, connections, most) in [(4096, 32, 1.1), (2048, 32, 1.06), (4096, 205, 1.04)] {
            let layer = layer(inputs, inputs, connections);
            let shape = TileShape::fitting(inputs, HOPPER);
            let mut blob = Blob::default();
            let form = TilesForm::build(&layer, shape, &mut blob);
            let decoded = decode(&form, &blob.into_bytes());
            let (streams, together) = (shape.streams(), shape.together());
            let mut cycles = 0;
            for four in 0..decoded.fours[form.groups] as usize {
                for first in (0..streams).step_by(together) {
                    for k in 0..4 {
                        let rows: Vec<usize> = (first..first + together)
                            .map(|s| {
                                usize::from(decoded.inputs[(four * streams + s) * 4 + k]) / shape.quads
                            })
                            .collect();
                        // Equal rows are one access.
                        let of_bank = |bank: usize| {
                            let mut rows: Vec<usize> =
                                rows.iter().copied().filter(|row| row % together == bank).collect();
                            rows.sort_unstable();
                            rows.dedup();
                            rows.len()
                        };
                        cycles += (0..together).map(of_bank).max().unwrap_or(0);
                    }
                }
            }
            let fewest = layer.weights().connections() as f64 / together as f64;
            let ratio = cycles as f64 / fewest;
            assert!(ratio >= 1.0);
            assert!(ratio < most, "{inputs} inputs, {connections} connections: {ratio:.3}");
        }
    }
}
