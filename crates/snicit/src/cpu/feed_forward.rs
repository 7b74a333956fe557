//! Plain feed-forward with compaction, the frame of BF-2019 and XY-2021.
//!
//! The columns are cut into chunks that fit a core's cache. A core takes a chunk through several layers,
//! dropping columns as they become empty; no core waits for another. When chunks have become thin, the
//! surviving columns are collected and cut anew: that ends a *phase*.

use std::ops::Range;

use super::chunk::Chunk;
use super::divided::{self, worth_dividing};
use super::kernels::Kernels;
use super::run::{Run, Source};
use super::spmm::{PreparedLayer, SpmmScratch};
use super::tile::{LANES, tiles_for};
use crate::{Column, Error};

/// A method that computes layers in full.
pub(super) trait FeedForwardMethod: Send + Sync {
    /// Sends `source` through the layers `layers` (0-based) and gives what comes out, ascending by
    /// input; columns that are missing are empty. If the run exits early, they come from the layer before.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn pass(
        &self,
        run: &Run<'_>,
        source: Source<'_>,
        layers: Range<usize>,
    ) -> Result<Vec<Column>, Error>;
}

/// The layers of a network for a method that drops empty columns between layers.
pub(super) struct CompactingFeedForward {
    kernels: Kernels,
    layers: Vec<PreparedLayer>,
}

impl CompactingFeedForward {
    pub(super) fn new(kernels: Kernels, layers: Vec<PreparedLayer>) -> Self {
        CompactingFeedForward { kernels, layers }
    }

    /// Up to how many columns are computed faster one by one.
    fn few_columns(&self, phase: &Range<usize>) -> usize {
        self.layers[phase.clone()].iter().map(|layer| layer.spmm.few_columns()).min().unwrap_or(0)
    }

    /// Takes columns through the layers of a phase one by one, each layer on `threads` threads if it is large.
    fn pass_columns(
        &self,
        run: &Run<'_>,
        piece: Source<'_>,
        phase: Range<usize>,
        threads: usize,
    ) -> Result<Vec<Column>, Error> {
        let before = piece.len();
        let columns = piece.into_columns(run.may_drop_before(phase.start));
        run.spared_from(phase.start, before - columns.len());
        let mut scratch = SpmmScratch::default();
        let mut passed = Vec::with_capacity(columns.len());
        'columns: for Column { input, values } in columns {
            let (mut values, mut next) = (values.into_vec(), Vec::new());
            for layer in phase.clone() {
                run.enter_layer(layer, 1)?;
                let prepared = &self.layers[layer];
                next.resize(prepared.spmm.outputs(), 0.0);
                let live = divided::multiply_column(prepared, &values, &mut next, &mut scratch, threads);
                std::mem::swap(&mut values, &mut next);
                let dropped = !live && run.may_drop_before(layer + 1);
                run.passed_layer(layer, 1, usize::from(dropped));
                if dropped {
                    continue 'columns;
                }
            }
            passed.push(Column { input, values: values.into_boxed_slice() });
        }
        Ok(passed)
    }

    /// Takes a chunk of columns through the layers of a phase, each layer on `threads` threads if it is large.
    fn pass_chunk(
        &self,
        run: &Run<'_>,
        chunk: &mut Chunk,
        piece: Source<'_>,
        phase: Range<usize>,
        threads: usize,
    ) -> Result<Vec<Column>, Error> {
        let before = piece.len();
        chunk.load(&self.kernels, piece, run.may_drop_before(phase.start));
        run.spared_from(phase.start, before - chunk.len());
        for layer in phase.clone() {
            let before = chunk.len();
            if before == 0 {
                return Ok(Vec::new());
            }
            run.enter_layer(layer, before)?;
            let live = chunk.pass(&self.layers[layer], threads);
            if run.may_drop_before(layer + 1) {
                chunk.compact(&self.kernels, live);
            }
            run.passed_layer(layer, before, before - chunk.len());
        }
        let may_drop = run.may_drop_before(phase.end);
        let before = chunk.len();
        let columns = chunk.take_columns(&self.kernels, may_drop);
        run.spared_from(phase.end, before - columns.len());
        Ok(columns)
    }
}

impl FeedForwardMethod for CompactingFeedForward {
    fn pass(
        &self,
        run: &Run<'_>,
        mut source: Source<'_>,
        layers: Range<usize>,
    ) -> Result<Vec<Column>, Error> {
        let mut start = layers.start;
        loop {
            let phase = start..layers.end.min(phase_end(start, run));
            let layers_of_phase = &self.layers[phase.clone()];
            // The threads of a piece: all of them if there is but one.
            let (size, threads) = if divides(layers_of_phase, source.len(), run.threads()) {
                (source.len(), run.threads())
            } else {
                (chunk_columns(layers_of_phase, source.len(), run.threads()), 1)
            };
            let pieces = source.cut(size);
            let columns = run.map(pieces, Chunk::default, |chunk, piece| {
                if piece.len() <= self.few_columns(&phase) {
                    self.pass_columns(run, piece, phase.clone(), threads)
                } else {
                    self.pass_chunk(run, chunk, piece, phase.clone(), threads)
                }
            })?;
            let columns: Vec<Column> = columns.into_iter().flatten().collect();
            start = phase.end;
            if run.exits_before(start, &columns) || start == layers.end {
                return Ok(columns);
            }
            source = Source::Columns(if phase.start >= ALIKE_FROM {
                run.merge_equal(start, columns)?
            } else {
                columns
            });
        }
    }
}

/// Where the run may exit, it looks whether it does after so many layers.
pub(super) const LAYERS_BETWEEN_EXITS: usize = 8;

/// Columns are not compared behind earlier layers than this (0-based): while most columns still die, few
/// are equal.
const ALIKE_FROM: usize = 8;

/// Where the phase that begins with layer `start` (0-based) ends. Columns die early or not at all, so phases
/// are short at first and then as long as all before them. Where no column may be dropped or merged,
/// there is nothing to end a phase for.
fn phase_end(start: usize, run: &Run<'_>) -> usize {
    const SHORTEST: usize = 4;
    let end = start + start.max(SHORTEST);
    let end = if run.merges_equal() { end } else { end.max(run.drop_from()) };
    run.exit_from().map_or(end, |from| end.min(from.max(start + LAYERS_BETWEEN_EXITS)))
}

/// Whether the threads take all `columns` together through the layers, each some outputs: if there are fewer tiles
/// than threads, and hardly any work in layers that are too small for that.
fn divides(layers: &[PreparedLayer], columns: usize, threads: usize) -> bool {
    const SMALL_SHARE: usize = 16;
    if columns == 0 || tiles_for(columns) >= threads {
        return false;
    }
    let connections = layers.iter().map(|layer| layer.connections);
    let small: usize = connections.clone().filter(|&connections| !worth_dividing(connections)).sum();
    small * SMALL_SHARE < connections.sum()
}

/// Columns that a chunk should have for these layers, when there are `columns` in all.
fn chunk_columns(layers: &[PreparedLayer], columns: usize, threads: usize) -> usize {
    /// What a chunk's activations may take of a core's second-level cache; there are two buffers.
    const CHUNK_BYTES: usize = 512 << 10;
    /// Fewer tiles would read the weights too often, more gain nothing.
    const COLUMNS: Range<usize> = 4 * LANES..64 * LANES;
    /// Chunks a thread, so that the threads finish together.
    const CHUNKS_A_THREAD: usize = 4;

    let widths = layers.iter().map(|layer| layer.spmm.inputs().max(layer.spmm.outputs()));
    let column_bytes = widths.max().unwrap_or(1).max(1) * size_of::<f32>();
    let fitting = (CHUNK_BYTES / column_bytes).clamp(COLUMNS.start, COLUMNS.end);
    let fewest = layers.iter().map(|layer| layer.spmm.fewest_columns()).max().unwrap_or(0);
    let balanced =
        columns.div_ceil(threads * CHUNKS_A_THREAD).max(fewest.min(columns.div_ceil(threads)));
    let fitting = fitting.max(fewest);
    let tiles_at_once = layers.iter().map(|layer| layer.spmm.tiles_at_once()).max().unwrap_or(1);
    let a_thread = columns.div_ceil(threads).next_multiple_of(LANES);
    let together = (LANES * tiles_at_once).min(a_thread).max(LANES);
    fitting.min(balanced).max(1).next_multiple_of(together)
}
