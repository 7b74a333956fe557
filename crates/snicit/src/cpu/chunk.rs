//! A chunk: the columns that one core takes through several layers while they stay in its cache.

use std::ops::Range;

use super::divided;
use super::kernels::{Kernels, LaneMoves};
use super::run::Source;
use super::spmm::{PreparedLayer, SpmmScratch};
use super::tile::{LANES, LaneMask, LaneRow, first_lanes, lanes_of, tiles_for};
use crate::{Column, InputBatch, Inputs};

/// Columns in tiles; column `k` is lane `k % LANES` of tile `k / LANES`.
///
/// A chunk is kept and refilled by a thread, so that layers do not allocate.
#[derive(Default)]
pub(super) struct Chunk {
    /// Which input each column belongs to. The lanes behind the last column are padding.
    inputs: Vec<u32>,
    neurons: usize,
    rows: Vec<LaneRow>,
    /// Receives the next layer's activations.
    next_rows: Vec<LaneRow>,
    /// The lanes of each tile that are not zero.
    live: Vec<LaneMask>,
    scratch: SpmmScratch,
    moves: Vec<LaneMoves>,
}

impl Chunk {
    /// Takes the columns of `source`; if empty ones `may_drop`, without the inputs that are empty.
    pub(super) fn load(&mut self, kernels: &Kernels, source: Source<'_>, may_drop: bool) {
        match source {
            Source::Inputs(batch, range) => self.load_inputs(kernels, batch, range, may_drop),
            Source::Columns(columns) => self.load_columns(kernels, columns),
        }
    }

    fn load_inputs(
        &mut self,
        kernels: &Kernels,
        batch: &InputBatch<'_>,
        range: Range<usize>,
        may_drop: bool,
    ) {
        let first = batch.range().start;
        self.reset(batch.inputs().features(), range.len());
        match batch.inputs() {
            Inputs::Bits(bits) => {
                for k in range {
                    let lane = self.inputs.len();
                    let tile = &mut self.rows[lane / LANES * self.neurons..];
                    let mut empty = true;
                    for feature in bits.ones_of(first + k) {
                        tile[feature].0[lane % LANES] = 1.0;
                        empty = false;
                    }
                    // The lane of an empty input is still zero, free for the next.
                    if !(may_drop && empty) {
                        self.inputs.push(k as u32);
                    }
                }
            }
            Inputs::Values(values) => {
                let column = |k: usize| values.column(first + k);
                let keep = |&k: &usize| !may_drop || column(k).iter().any(|&y| y != 0.0);
                let kept: Vec<usize> = range.filter(keep).collect();
                self.store(kernels, kept.iter().map(|&k| column(k)));
                self.inputs.extend(kept.iter().map(|&k| k as u32));
            }
        }
        self.forget_spare_tiles();
    }

    fn load_columns(&mut self, kernels: &Kernels, columns: Vec<Column>) {
        self.reset(columns.first().map_or(0, |column| column.values.len()), columns.len());
        self.store(kernels, columns.iter().map(|column| &*column.values));
        self.inputs.extend(columns.iter().map(|column| column.input));
        self.forget_spare_tiles();
    }

    /// Writes `columns`, all of the present length, into the tiles.
    fn store<'a>(&mut self, kernels: &Kernels, mut columns: impl Iterator<Item = &'a [f32]>) {
        if self.neurons > 0 {
            for tile in self.rows.chunks_mut(self.neurons) {
                let columns: Vec<&[f32]> = columns.by_ref().take(LANES).collect();
                kernels.store_columns(tile, &columns);
            }
        }
    }

    /// Columns, live or not.
    pub(super) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Computes one layer on `threads` threads and gives the number of columns that are live after it.
    pub(super) fn pass(&mut self, layer: &PreparedLayer, threads: usize) -> usize {
        self.neurons = layer.spmm.outputs();
        // Kernels write every row: what is in the buffer from before does not matter.
        self.next_rows.resize(self.live.len() * self.neurons, LaneRow::ZERO);
        let Chunk { rows, next_rows, live, scratch, .. } = self;
        divided::multiply_tiles(layer, rows, next_rows, live, scratch, threads);
        std::mem::swap(&mut self.rows, &mut self.next_rows);
        self.mask_padding();
        self.live.iter().map(|mask| mask.count_ones() as usize).sum()
    }

    /// Drops the empty columns, all but `live` of them, if that saves a tile.
    pub(super) fn compact(&mut self, kernels: &Kernels, live: usize) {
        let tiles = tiles_for(live);
        if tiles == self.live.len() {
            return;
        }
        // Live columns behind the first `live` fill the holes among these, of which there are as many.
        let is_live = |k: usize| self.live[k / LANES] >> (k % LANES) & 1 == 1;
        self.moves.clear();
        let mut to = 0;
        for from in (live..self.inputs.len()).filter(|&from| is_live(from)) {
            while is_live(to) {
                to += 1;
            }
            self.inputs[to] = self.inputs[from];
            add_move(&mut self.moves, from, to);
            to += 1;
        }
        self.inputs.truncate(live);
        self.live.fill(LaneMask::MAX);
        self.live.truncate(tiles);
        self.mask_padding();
        let last_lanes = self.live.last().copied().unwrap_or(0);
        kernels.compact(&self.moves, &mut self.rows, self.neurons, tiles, last_lanes);
        self.rows.truncate(tiles * self.neurons);
    }

    /// Gives the columns away, ascending by input; only the live ones if empty ones `may_drop`.
    pub(super) fn take_columns(&mut self, kernels: &Kernels, may_drop: bool) -> Vec<Column> {
        let mut columns = Vec::with_capacity(self.len());
        for (t, inputs) in self.inputs.chunks(LANES).enumerate() {
            let lanes = if may_drop { self.live[t] } else { first_lanes(inputs.len()) };
            let tile = &self.rows[t * self.neurons..][..self.neurons];
            let inputs = lanes_of(lanes).map(|lane| inputs[lane]);
            let found = inputs.zip(kernels.load_columns(tile, lanes));
            columns.extend(found.map(|(input, values)| Column { input, values }));
        }
        columns.sort_unstable_by_key(|column| column.input);
        columns
    }

    fn reset(&mut self, neurons: usize, columns: usize) {
        self.neurons = neurons;
        self.inputs.clear();
        self.rows.clear();
        self.rows.resize(tiles_for(columns) * neurons, LaneRow::ZERO);
        self.live.clear();
        self.live.resize(tiles_for(columns), LaneMask::MAX);
    }

    /// Cuts the tiles that no column lies in.
    fn forget_spare_tiles(&mut self) {
        let tiles = tiles_for(self.inputs.len());
        self.rows.truncate(tiles * self.neurons);
        self.live.truncate(tiles);
        self.mask_padding();
    }

    /// Padding is never live, whatever a layer makes of it.
    fn mask_padding(&mut self) {
        let columns = self.inputs.len();
        if let Some(last) = self.live.last_mut() {
            *last &= first_lanes(columns - columns.saturating_sub(1) / LANES * LANES);
        }
    }
}

/// Adds the move of column `from` to place `to`; moves between the same two tiles are one.
fn add_move(moves: &mut Vec<LaneMoves>, from: usize, to: usize) {
    let (from_tile, to_tile) = (from / LANES, to / LANES);
    if moves.last().is_none_or(|last| (last.from_tile, last.to_tile) != (from_tile, to_tile)) {
        moves.push(LaneMoves { from_tile, to_tile, to_lanes: 0, from_lanes: [0; LANES] });
    }
    if let Some(last) = moves.last_mut() {
        last.to_lanes |= 1 << (to % LANES);
        last.from_lanes[to % LANES] = (from % LANES) as u32;
    }
}
