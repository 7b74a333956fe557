//! SNIG-2020 (Lin and Huang, HPEC 2020): one task graph, flags instead of compaction.
//!
//! Idle workers fetch batches of columns; each batch goes through all layers without
//! waiting for any other, in two buffers that take turns. Columns stay where they are. A flag for each
//! column and section of neurons tells whether anything there is non-zero: columns without a flag are
//! not computed, sections without one are not read, and they are cleared only if they held something.

use std::ops::Range;

use super::feed_forward::FeedForwardMethod;
use super::kernels::Kernels;
use super::layout::{Epilogue, SECTION_NEURONS, Slabs, sections_for};
use super::run::{Run, Source};
use super::spmm::SpmmScratch;
use super::tile::{LANES, LaneRow, load_lane};
use crate::network::Layer;
use crate::{Column, Error};

/// Columns of a batch.
const BATCH_COLUMNS: usize = 16 * LANES;

/// The layers of a network for SNIG-2020.
pub(super) struct TaskGraphFeedForward {
    kernels: Kernels,
    layers: Vec<FlaggedLayer>,
    inputs: usize,
}

struct FlaggedLayer {
    weights: Slabs,
    epilogue: Epilogue,
    preserves_zero: bool,
}

impl TaskGraphFeedForward {
    /// `inputs` is the number of neurons before the first layer.
    pub(super) fn new<'a>(
        kernels: Kernels,
        inputs: usize,
        layers: impl Iterator<Item = &'a Layer>,
    ) -> Self {
        let layers = layers.map(|layer| FlaggedLayer {
            weights: Slabs::new(layer.weights()),
            epilogue: Epilogue::of(layer),
            preserves_zero: layer.preserves_zero(),
        });
        TaskGraphFeedForward { kernels, layers: layers.collect(), inputs }
    }
}

impl FeedForwardMethod for TaskGraphFeedForward {
    fn pass(
        &self,
        run: &Run<'_>,
        source: Source<'_>,
        layers: Range<usize>,
    ) -> Result<Vec<Column>, Error> {
        let widths = self.layers[layers.clone()].iter().map(|layer| layer.weights.outputs());
        let width = |layer: &FlaggedLayer| layer.weights.inputs();
        let entering = self.layers.get(layers.start).map_or(self.inputs, width);
        let max_width = widths.max().unwrap_or(0).max(entering);
        let batches = source.cut(BATCH_COLUMNS);
        let columns = run.map(batches, SpmmScratch::default, |scratch, piece| {
            let mut batch = FlaggedBatch::new(piece, entering, max_width);
            let mut neurons = entering;
            for layer in layers.clone() {
                let FlaggedLayer { weights, preserves_zero, .. } = &self.layers[layer];
                batch.choose_columns(neurons, *preserves_zero);
                run.enter_layer(layer, batch.chosen.len())?;
                batch.pass(&self.kernels, &self.layers[layer], scratch);
                neurons = weights.outputs();
                run.passed_layer(layer, batch.len(), 0);
            }
            let before = batch.len();
            let columns = batch.into_columns(neurons, run.may_drop_before(layers.end));
            run.spared_from(layers.end, before - columns.len());
            Ok(columns)
        })?;
        let columns: Vec<Column> = columns.into_iter().flatten().collect();
        run.exits_before(layers.end, &columns);
        Ok(columns)
    }
}

/// A batch in its two buffers.
struct FlaggedBatch {
    inputs: Vec<u32>,
    current: FlaggedColumns,
    /// Receives the next layer; holds what was computed two layers ago until it is overwritten.
    next: FlaggedColumns,
    /// The columns to compute in the present layer, ascending.
    chosen: Vec<usize>,
    tile: Vec<LaneRow>,
    output_tile: Vec<LaneRow>,
}

impl FlaggedBatch {
    /// Takes the columns of `source`, of `neurons` neurons each; `max_width` is the largest number of
    /// neurons that they will have.
    fn new(source: Source<'_>, neurons: usize, max_width: usize) -> Self {
        let columns = source.len();
        let mut current = FlaggedColumns::zeros(columns, max_width);
        let inputs = match source {
            Source::Inputs(batch, range) => {
                let first = batch.range().start + range.start;
                for k in 0..columns {
                    let column = current.column_mut(k);
                    batch.inputs().for_each_nonzero(first + k, |i, value| column[i] = value);
                    current.flag_nonzero(k, neurons);
                }
                range.map(|input| input as u32).collect()
            }
            Source::Columns(columns) => {
                for (k, column) in columns.iter().enumerate() {
                    current.column_mut(k)[..neurons].copy_from_slice(&column.values);
                    current.flag_nonzero(k, neurons);
                }
                columns.iter().map(|column| column.input).collect()
            }
        };
        FlaggedBatch {
            inputs,
            current,
            next: FlaggedColumns::zeros(columns, max_width),
            chosen: Vec::new(),
            tile: Vec::new(),
            output_tile: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Chooses the columns with a non-zero neuron; all, if a layer makes something of a zero column.
    fn choose_columns(&mut self, neurons: usize, preserves_zero: bool) {
        let sections = sections_for(neurons);
        let current = &self.current;
        let chosen = |&k: &usize| !preserves_zero || current.any_flag(k, sections);
        self.chosen.clear();
        self.chosen.extend((0..self.inputs.len()).filter(chosen));
    }

    /// Computes one layer for the chosen columns; the others become zero.
    fn pass(&mut self, kernels: &Kernels, layer: &FlaggedLayer, scratch: &mut SpmmScratch) {
        let outputs = layer.weights.outputs();
        self.tile.resize(layer.weights.inputs(), LaneRow::ZERO);
        self.output_tile.resize(outputs, LaneRow::ZERO);
        let SpmmScratch { active, live_sections, .. } = scratch;
        live_sections.clear();
        live_sections.resize(sections_for(outputs), 0);
        let chosen = std::mem::take(&mut self.chosen);
        for group in chosen.chunks(LANES) {
            self.load_tile(kernels, group, active);
            kernels.scatter(
                &layer.weights,
                0..outputs,
                &layer.epilogue,
                active,
                &self.tile,
                &mut self.output_tile,
                live_sections,
            );
            for (lane, &k) in group.iter().enumerate() {
                for (section, live) in live_sections.iter().enumerate() {
                    if live >> lane & 1 == 1 {
                        let start = section * SECTION_NEURONS;
                        let end = outputs.min(start + SECTION_NEURONS);
                        let column = &mut self.next.column_mut(k)[start..end];
                        load_lane(&self.output_tile[start..end], lane, column);
                        self.next.set_flag(k, section);
                    } else {
                        self.next.clear(k, section);
                    }
                }
            }
        }
        let mut computed = chosen.iter().peekable();
        for k in 0..self.inputs.len() {
            if computed.next_if_eq(&&k).is_none() {
                (0..sections_for(outputs)).for_each(|section| self.next.clear(k, section));
            }
        }
        std::mem::swap(&mut self.current, &mut self.next);
        self.chosen = chosen;
    }

    /// Brings the flagged sections of up to sixteen columns into the tile and lists its active rows.
    fn load_tile(&mut self, kernels: &Kernels, columns: &[usize], active: &mut Vec<u32>) {
        active.clear();
        let neurons = self.tile.len();
        for (section, tile) in self.tile.chunks_mut(SECTION_NEURONS).enumerate() {
            if !columns.iter().any(|&k| self.current.flag(k, section)) {
                continue;
            }
            let start = section * SECTION_NEURONS;
            let end = neurons.min(start + SECTION_NEURONS);
            let values: Vec<&[f32]> =
                columns.iter().map(|&k| &self.current.column(k)[start..end]).collect();
            kernels.store_columns(tile, &values);
            kernels.active_rows(tile, start as u32, active);
        }
    }

    /// Gives the columns away; only those that are not zero if others `may_drop`.
    fn into_columns(mut self, neurons: usize, may_drop: bool) -> Vec<Column> {
        self.choose_columns(neurons, may_drop);
        let column = |&k: &usize| Column {
            input: self.inputs[k],
            values: self.current.column(k)[..neurons].into(),
        };
        self.chosen.iter().map(column).collect()
    }
}

/// Columns with a flag for each section. A section without a flag is zero in its full length; what lies
/// behind the neurons of the present layer is left over from a wider one.
struct FlaggedColumns {
    stride: usize,
    values: Vec<f32>,
    flags: Vec<bool>,
}

impl FlaggedColumns {
    fn zeros(columns: usize, max_width: usize) -> Self {
        let sections = sections_for(max_width);
        FlaggedColumns {
            stride: sections * SECTION_NEURONS,
            values: vec![0.0; columns * sections * SECTION_NEURONS],
            flags: vec![false; columns * sections],
        }
    }

    fn column(&self, k: usize) -> &[f32] {
        &self.values[k * self.stride..][..self.stride]
    }

    fn column_mut(&mut self, k: usize) -> &mut [f32] {
        &mut self.values[k * self.stride..][..self.stride]
    }

    fn flag_index(&self, k: usize, section: usize) -> usize {
        k * (self.stride / SECTION_NEURONS) + section
    }

    fn flag(&self, k: usize, section: usize) -> bool {
        self.flags[self.flag_index(k, section)]
    }

    fn set_flag(&mut self, k: usize, section: usize) {
        let flag = self.flag_index(k, section);
        self.flags[flag] = true;
    }

    fn any_flag(&self, k: usize, sections: usize) -> bool {
        (0..sections).any(|section| self.flag(k, section))
    }

    /// Makes a section zero unless it is.
    fn clear(&mut self, k: usize, section: usize) {
        if self.flag(k, section) {
            self.column_mut(k)[section * SECTION_NEURONS..][..SECTION_NEURONS].fill(0.0);
            let flag = self.flag_index(k, section);
            self.flags[flag] = false;
        }
    }

    /// Flags what is non-zero among the first `neurons` of a column just written.
    fn flag_nonzero(&mut self, k: usize, neurons: usize) {
        for section in 0..sections_for(neurons) {
            let values = &self.column(k)[section * SECTION_NEURONS..][..SECTION_NEURONS];
            if values.iter().any(|&y| y != 0.0) {
                self.set_flag(k, section);
            }
        }
    }
}
