//! A network prepared for a library.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use snicit::engine::validate_batch;
use snicit::{Error, InputBatch, Inputs, Network, Observer, Outcome, Prepared};

use super::batch::BatchMemory;
use super::cublas::DenseProduct;
use super::cusparse::SparseProduct;
use super::library::{Library, LibraryFunctions};
use super::product::Product;
use crate::CudaError;
use crate::engine::Gpu;

/// The libraries count in 32 bits in places.
const MAX_ACTIVATIONS: usize = (1 << 31) - 1;

/// A network whose layers a library computes.
pub(super) struct PreparedPeer {
    pub(super) gpu: Gpu,
    pub(super) network: Network,
    pub(super) threshold_layer: usize,
    /// Before the product: what it planned must go first.
    memory: Mutex<Option<BatchMemory>>,
    pub(super) product: Box<dyn Product>,
    library: Arc<Library>,
    keep_batch_size: bool,
    largest_batch: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

impl PreparedPeer {
    pub(super) fn new(
        gpu: Gpu,
        library: Arc<Library>,
        network: &Network,
        threshold_layer: usize,
        keep_batch_size: bool,
    ) -> Result<Self, CudaError> {
        let product: Box<dyn Product> = match &library.functions {
            LibraryFunctions::CuSparse(functions) => {
                Box::new(SparseProduct::new(*functions, Arc::clone(&library), &gpu, network)?)
            }
            LibraryFunctions::CuBlas(functions) => {
                Box::new(DenseProduct::new(*functions, Arc::clone(&library), &gpu, network)?)
            }
        };
        Ok(PreparedPeer {
            gpu,
            network: network.clone(),
            threshold_layer,
            memory: Mutex::new(None),
            product,
            library,
            keep_batch_size,
            largest_batch: AtomicUsize::new(MAX_ACTIVATIONS / network.max_width().max(1)),
            notes: Mutex::new(Vec::new()),
        })
    }

    fn infer_range(
        &self,
        inputs: &Inputs,
        range: Range<usize>,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done: Option<Outcome> = None;
        let mut start = range.start;
        while start < range.end {
            let largest = self.largest_batch.load(Ordering::Relaxed).max(1);
            // Batches of one size: each size is planned anew.
            let pieces = range.len().div_ceil(largest);
            let batch = start..range.end.min(start + range.len().div_ceil(pieces));
            let outcome = match self.infer_at_once(&mut memory, inputs, batch.clone(), observer) {
                Err(Error::Device(error))
                    if !self.keep_batch_size && batch.len() > 1 && is_full(&*error) =>
                {
                    *memory = None;
                    self.largest_batch.store(batch.len().div_ceil(2), Ordering::Relaxed);
                    self.note(format!("batches of {} inputs did not fit ({error})", batch.len()));
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

    fn infer_at_once(
        &self,
        memory: &mut Option<BatchMemory>,
        inputs: &Inputs,
        range: Range<usize>,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let binary = matches!(inputs, Inputs::Bits(_));
        if memory.as_ref().is_none_or(|memory| !memory.serves(range.len(), binary)) {
            // The old one first: both may not fit.
            *memory = None;
            let (made, note) = BatchMemory::new(self, range.len(), binary)?;
            self.note(format!("{} {}: {note}", self.library.kind().name(), self.library.version()));
            *memory = Some(made);
        }
        let Some(memory) = memory else { return Err(Error::NoInputs) };
        let outcome = memory.infer(self, inputs, range, observer);
        if outcome.is_err() {
            // Nothing may be under way when the memory is used again or freed.
            let _ = self.gpu.stream.synchronize();
        }
        outcome
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}

fn is_full(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(CudaError::OutOfMemory { .. }))
}

impl Prepared for PreparedPeer {
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
