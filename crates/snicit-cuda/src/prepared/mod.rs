//! A network prepared for a method on a GPU: [`preparation`] brings it into the form of its [`method`], [`batch`]
//! sends one batch through it.

mod batch;
mod method;
mod preparation;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use snicit::engine::{EarlyExit, validate_batch};
use snicit::network::MergedNeurons;
use snicit::{Error, InputBatch, Inputs, Network, Observer, Outcome, Plan, Prepared};

use crate::early_exit::ThresholdExit;
use crate::engine::Gpu;
use crate::workspace::Needs;
use crate::{CudaError, CudaOptions};
use batch::BatchMemory;
use method::PreparedMethod;
use preparation::Preparation;

/// Batches are counted in 32 bits, with room for rounding up.
const MAX_BATCH: usize = 1 << 31;

/// A network made ready on a GPU.
pub struct CudaPrepared {
    gpu: Gpu,
    /// The network that is computed.
    network: Network,
    /// Where equal neurons were merged, how `network` came about.
    merged_neurons: Option<MergedNeurons>,
    /// Neurons of the last layer that the caller knows.
    outputs: usize,
    threshold_layer: usize,
    exit: Option<ThresholdExit>,
    method: PreparedMethod,
    needs: Needs,
    keep_batch_size: bool,
    preparation: Duration,
    notes: Mutex<Vec<String>>,
    memory: Mutex<Option<BatchMemory>>,
    /// The largest batch that is tried; shrinks when memory runs out.
    largest_batch: AtomicUsize,
}

impl CudaPrepared {
    pub(crate) fn new(
        gpu: Gpu,
        options: &CudaOptions,
        network: &Network,
        plan: &Plan,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let threshold_layer = plan.threshold_layer(network)?;
        let outputs = network.outputs();
        let merged_neurons = plan.merge_equal_neurons.then(|| MergedNeurons::of(network)).transpose()?;
        let network = merged_neurons.as_ref().map_or(network, MergedNeurons::network);
        let early_exit = plan.early_exit.then(|| EarlyExit::of(network)).flatten();
        let exit = early_exit.as_ref().and_then(|exit| ThresholdExit::new(exit, threshold_layer));
        let mut preparation = Preparation::new(&gpu, network, options);
        let method = preparation.prepare(plan, threshold_layer)?;
        let needs = preparation.needs(plan, &method);
        let mut notes = preparation.notes();
        notes.push(method.weights_note());
        notes.extend(method.update_note());
        notes.extend(merged_neurons.as_ref().map(|merged| merged.reduction().to_string()));
        if plan.early_exit {
            notes.push(EarlyExit::note(early_exit.as_ref(), network.layers().len()));
        }
        if plan.merge_equal_columns {
            notes.push(
                "on the GPU only SNICIT's mini-blocks merge equal columns, with or without this extra"
                    .to_owned(),
            );
        }
        Ok(CudaPrepared {
            network: network.clone(),
            merged_neurons,
            outputs,
            threshold_layer,
            exit,
            method,
            needs,
            keep_batch_size: options.keep_batch_size,
            preparation: start.elapsed(),
            notes: Mutex::new(notes),
            memory: Mutex::new(None),
            largest_batch: AtomicUsize::new(MAX_BATCH),
            gpu,
        })
    }

    /// How long it took to bring the weights into their form and, if they are resident, to the GPU.
    pub fn preparation_time(&self) -> Duration {
        self.preparation
    }

    /// The inputs `range`, in as many batches as memory demands.
    fn infer_range(
        &self,
        inputs: &Inputs,
        range: Range<usize>,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let mut done: Option<Outcome> = None;
        let mut start = range.start;
        while start < range.end {
            let largest = self.largest_batch.load(Ordering::Relaxed);
            let batch = start..range.end.min(start.saturating_add(largest));
            let outcome = match self.infer_at_once(inputs, batch.clone(), observer) {
                Err(error) if self.may_halve(&error, batch.len()) => {
                    let half = batch.len().div_ceil(2);
                    self.largest_batch.store(half, Ordering::Relaxed);
                    let note =
                        format!("batches of {half} inputs: {} did not fit ({error})", batch.len());
                    self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
                    continue;
                }
                outcome => outcome?,
            };
            start = batch.end;
            match &mut done {
                Some(done) => done.append(outcome),
                None => done = Some(outcome),
            }
        }
        done.ok_or(Error::NoInputs)
    }

    fn may_halve(&self, error: &Error, batch: usize) -> bool {
        let Error::Device(error) = error else { return false };
        let full = matches!(
            error.downcast_ref(),
            Some(CudaError::OutOfMemory { .. } | CudaError::TooManyInputs { .. })
        );
        full && batch > 1 && !self.keep_batch_size
    }
}

impl Prepared for CudaPrepared {
    fn features(&self) -> usize {
        self.network.inputs()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn infer_batch(&self, batch: &InputBatch<'_>, observer: &dyn Observer) -> Result<Outcome, Error> {
        validate_batch(batch, self.features())?;
        self.infer_range(batch.inputs(), batch.range(), observer)
    }
}
