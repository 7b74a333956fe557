//! One batch on its way through the layers: where it comes from, who watches, what is counted.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::merge::Twins;
use crate::engine::{EarlyExit, StageTimes};
use crate::{Column, Error, InputBatch, Network, Observer};

/// Columns on their way into a layer.
pub(super) enum Source<'a> {
    /// Those of the batch's inputs that lie in the range, counted from the batch's first.
    Inputs(&'a InputBatch<'a>, Range<usize>),
    /// The columns after an earlier layer, ascending by input; those missing are empty.
    Columns(Vec<Column>),
}

impl<'a> Source<'a> {
    /// Number of columns.
    pub(super) fn len(&self) -> usize {
        match self {
            Source::Inputs(_, range) => range.len(),
            Source::Columns(columns) => columns.len(),
        }
    }

    /// Cuts the source into consecutive pieces of `size` columns; the last may be smaller.
    pub(super) fn cut(self, size: usize) -> Vec<Source<'a>> {
        let pieces = self.len().div_ceil(size);
        match self {
            Source::Inputs(batch, range) => {
                let starts = range.clone().step_by(size);
                let piece = |start: usize| start..range.end.min(start + size);
                starts.map(|start| Source::Inputs(batch, piece(start))).collect()
            }
            Source::Columns(columns) => {
                let mut columns = columns.into_iter();
                let piece = |_| Source::Columns(columns.by_ref().take(size).collect());
                (0..pieces).map(piece).collect()
            }
        }
    }

    /// The columns themselves; inputs that are empty only if they may not be dropped.
    pub(super) fn into_columns(self, may_drop: bool) -> Vec<Column> {
        match self {
            Source::Columns(columns) => columns,
            Source::Inputs(batch, range) => {
                let (inputs, first) = (batch.inputs(), batch.range().start);
                let column = |k: usize| {
                    let mut values = vec![0.0; inputs.features()];
                    let mut empty = true;
                    inputs.for_each_nonzero(first + k, |feature, value| {
                        values[feature] = value;
                        empty = false;
                    });
                    let values = values.into_boxed_slice();
                    (!(may_drop && empty)).then_some(Column { input: k as u32, values })
                };
                range.filter_map(column).collect()
            }
        }
    }
}

/// What becomes of a batch.
pub(super) struct BatchResult {
    /// The columns after the last layer, ascending by input; those missing are empty.
    pub(super) columns: Vec<Column>,
    pub(super) times: StageTimes,
    /// Number of centroids; `None` for methods that have none.
    pub(super) centroids: Option<usize>,
}

/// What the stages of one inference share.
pub(super) struct Run<'a> {
    observer: &'a dyn Observer,
    /// Threads that share the work; 1 stays on the caller's.
    threads: usize,
    layers: usize,
    /// From this layer (0-based) on, an empty column stays empty and may be dropped.
    drop_from: usize,
    live_columns: Vec<AtomicU64>,
    /// Where equal columns are to be merged, those that were.
    twins: Option<Twins>,
    /// Where layers may be skipped, if they are to be.
    early_exit: Option<&'a EarlyExit>,
    /// The first layer (0-based) that was skipped.
    exited: OnceLock<usize>,
}

impl<'a> Run<'a> {
    pub(super) fn new(network: &Network, threads: usize, observer: &'a dyn Observer) -> Self {
        let layers = network.layers().len();
        let live_columns = (0..=layers).map(|_| AtomicU64::new(0)).collect();
        let drop_from = network.preserves_zero_from();
        Run {
            observer,
            threads,
            layers,
            drop_from,
            live_columns,
            twins: None,
            early_exit: None,
            exited: OnceLock::new(),
        }
    }

    /// The same run, but equal columns are merged on the way.
    pub(super) fn merging_equal_columns(self) -> Self {
        Run { twins: Some(Twins::default()), ..self }
    }

    /// The same run, but it exits where `early_exit` allows it.
    pub(super) fn exiting_early(self, early_exit: Option<&'a EarlyExit>) -> Self {
        Run { early_exit, ..self }
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// `of(scratch, item)` for each of `items`, in their order, on all threads of the run. `scratch` is
    /// made anew for each thread, or more often.
    ///
    /// # Errors
    /// That of any item that fails.
    pub(super) fn map<I: Send, S, T: Send>(
        &self,
        items: Vec<I>,
        scratch: impl Fn() -> S + Sync + Send,
        of: impl Fn(&mut S, I) -> Result<T, Error> + Sync + Send,
    ) -> Result<Vec<T>, Error> {
        if self.threads == 1 || items.len() <= 1 {
            let mut scratch = scratch();
            return items.into_iter().map(|item| of(&mut scratch, item)).collect();
        }
        items.into_par_iter().map_init(scratch, of).collect()
    }

    /// Whether a column that is empty when it enters layer `layer` (0-based) may be dropped.
    pub(super) fn may_drop_before(&self, layer: usize) -> bool {
        layer >= self.drop_from
    }

    /// From which layer (0-based) on empty columns may be dropped; beyond the last if nowhere.
    pub(super) fn drop_from(&self) -> usize {
        self.drop_from
    }

    /// Whether equal columns are merged on the way.
    pub(super) fn merges_equal(&self) -> bool {
        self.twins.is_some()
    }

    /// Counts `columns` live columns that enter layer `layer` (0-based).
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the observer wants it.
    pub(super) fn enter_layer(&self, layer: usize, columns: usize) -> Result<(), Error> {
        self.live_columns[layer].fetch_add(columns as u64, Ordering::Relaxed);
        self.check()
    }

    /// Asks the observer whether to go on.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if not.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.observer.cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Tells the observer that `columns` columns have passed layer `layer` (0-based), and that `dropped`
    /// others need not pass the layers behind it.
    pub(super) fn passed_layer(&self, layer: usize, columns: usize, dropped: usize) {
        let spared = dropped * (self.layers - 1 - layer);
        self.observer.advanced((columns + spared) as u64);
    }

    /// Tells the observer that `columns` columns need not pass layer `layer` (0-based) and those behind.
    pub(super) fn spared_from(&self, layer: usize, columns: usize) {
        self.observer.advanced((columns * (self.layers - layer)) as u64);
    }

    /// Sets columns aside that are equal to another when they enter layer `layer` (0-based), if this run
    /// merges.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn merge_equal(&self, layer: usize, columns: Vec<Column>) -> Result<Vec<Column>, Error> {
        let Some(twins) = &self.twins else { return Ok(columns) };
        let before = columns.len();
        let kept = twins.set_aside(self, columns)?;
        self.spared_from(layer, before - kept.len());
        Ok(kept)
    }

    /// Puts the columns back that were set aside.
    pub(super) fn restore_equal(&mut self, columns: Vec<Column>) -> Vec<Column> {
        match self.twins.take() {
            Some(twins) => twins.restore(columns),
            None => columns,
        }
    }

    /// From which layer (0-based) on the run may exit, if at all.
    pub(super) fn exit_from(&self) -> Option<usize> {
        self.early_exit.map(EarlyExit::from)
    }

    /// Whether layer `layer` (0-based) and those behind it need not be computed for `columns`, all there are.
    /// If so, that is said to the observer and kept.
    pub(super) fn exits_before(&self, layer: usize, columns: &[Column]) -> bool {
        let Some(bound) = self.early_exit.and_then(|exit| exit.bound_before(layer)) else {
            return false;
        };
        let settled = |column: &Column| {
            let all = |value: f32| column.values.iter().all(|&y| y == value);
            all(bound) || all(0.0)
        };
        let exits = columns.iter().all(settled);
        if exits && self.exited.set(layer).is_ok() {
            self.spared_from(layer, columns.len());
        }
        exits
    }

    /// The first layer (0-based) that was skipped, if some were.
    pub(super) fn exited(&self) -> Option<usize> {
        self.exited.get().copied()
    }

    /// What the layers that were skipped make of `columns`: columns of `outputs` values without the zero
    /// ones.
    ///
    /// # Errors
    /// None, but that of [`Run::map`].
    pub(super) fn finish_exit(
        &self,
        columns: Vec<Column>,
        outputs: usize,
    ) -> Result<Vec<Column>, Error> {
        let Some(exit) = self.early_exit else { return Ok(columns) };
        let saturated = columns.into_iter().filter(|column| column.values.iter().any(|&y| y != 0.0));
        let finished = |(): &mut (), Column { input, .. }| {
            Ok(Column { input, values: vec![exit.output(); outputs].into_boxed_slice() })
        };
        self.map(saturated.collect(), || (), finished)
    }

    /// The counts of all layers, and of the `output` columns behind the last.
    pub(super) fn into_live_columns(self, output: usize) -> Vec<u64> {
        let mut live: Vec<u64> = self.live_columns.into_iter().map(AtomicU64::into_inner).collect();
        live[self.layers] = output as u64;
        live
    }
}
