//! A chunk: the columns that one core takes through several layers while they stay in its cache.

use std::ops::Range;

use super::kernels::{Kernels, LaneMoves};
use super::run::Source;
use super::spmm::{PreparedLayer, SpmmScratch};
use super::tile::{LANES, LaneMask, LaneRow, load_lane, store_lane, tiles_for};
use crate::{Column, InputBatch};

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
    pub(super) fn load(&mut self, source: Source<'_>, may_drop: bool) {
        match source {
            Source::Inputs(batch, range) => self.load_inputs(batch, range, may_drop),
            Source::Columns(columns) => self.load_columns(columns),
        }
    }

    fn load_inputs(&mut self, batch: &InputBatch<'_>, range: Range<usize>, may_drop: bool) {
        let first = batch.range().start;
        let inputs = batch.inputs();
        self.reset(inputs.features(), range.len());
        for k in range {
            let lane = self.inputs.len();
            let tile = &mut self.rows[lane / LANES * self.neurons..];
            let mut empty = true;
            inputs.for_each_nonzero(first + k, |feature, value| {
                tile[feature].0[lane % LANES] = value;
                empty = false;
            });
            if !(may_drop && empty) {
                self.inputs.push(k as u32);
            }
        }
        self.forget_spare_tiles();
    }

    fn load_columns(&mut self, columns: Vec<Column>) {
        self.reset(columns.first().map_or(0, |column| column.values.len()), columns.len());
        for (k, column) in columns.into_iter().enumerate() {
            store_lane(&mut self.rows[k / LANES * self.neurons..], k % LANES, &column.values);
            self.inputs.push(column.input);
        }
        self.forget_spare_tiles();
    }

    /// Columns, live or not.
    pub(super) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Computes one layer and gives the number of columns that are live after it.
    pub(super) fn pass(&mut self, layer: &PreparedLayer) -> usize {
        self.neurons = layer.spmm.outputs();
        // Kernels write every row: what is in the buffer from before does not matter.
        self.next_rows.resize(self.live.len() * self.neurons, LaneRow::ZERO);
        let Chunk { rows, next_rows, live, scratch, .. } = self;
        layer.spmm.multiply(&layer.epilogue, rows, next_rows, live, scratch);
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
        // Live columns behind the first `live` fill the holes among these.
        let is_live = |k: &usize| self.live[k / LANES] >> (k % LANES) & 1 == 1;
        let holes = (0..live).filter(|k| !is_live(k));
        let movers = (live..self.len()).filter(is_live);
        let pairs: Vec<(usize, usize)> = movers.zip(holes).collect();
        self.moves.clear();
        for (from, to) in pairs {
            self.inputs[to] = self.inputs[from];
            add_move(&mut self.moves, from, to);
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
    pub(super) fn take_columns(&mut self, may_drop: bool) -> Vec<Column> {
        let keep = |k: &usize| !may_drop || self.live[k / LANES] >> (k % LANES) & 1 == 1;
        let column = |k: usize| {
            let tile = &self.rows[k / LANES * self.neurons..][..self.neurons];
            Column { input: self.inputs[k], values: load_lane(tile, k % LANES) }
        };
        let mut columns: Vec<Column> = (0..self.len()).filter(keep).map(column).collect();
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
        let columns = self.inputs.len() % LANES;
        if let Some(last) = self.live.last_mut().filter(|_| columns != 0) {
            *last &= (1 << columns) - 1;
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
