//! One batch: uploaded, sent through the layers or through the graphs that were recorded of them, and downloaded.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::PoisonError;
use std::time::Instant;

use rayon::prelude::*;
use snicit::network::MergedNeurons;
use snicit::{Column, Error, Inputs, Observer, Outcome, Output, Report};

use super::{CudaPrepared, MAX_BATCH};
use crate::CudaError;
use crate::clock::Clock;
use crate::columns::{self, Columns, Layout};
use crate::error::DriverContext;
use crate::recording::{Recorder, Recording};
use crate::run::{GatherColumnsArguments, Run, Sending, Sent, upload};
use crate::runtime::{Kernel, PinnedBuffer};
use crate::workspace::{Workspace, count_slots};

/// Batch sizes whose work is kept recorded.
const MAX_RECORDINGS: usize = 4;

/// What a batch needs, on both sides.
pub(super) struct BatchMemory {
    workspace: Workspace,
    /// Where counts, then inputs, arrive on the host.
    results: PinnedBuffer,
    /// By batch size.
    recordings: HashMap<usize, Recording>,
}

impl CudaPrepared {
    /// The inputs `range` as one batch.
    pub(super) fn infer_at_once(
        &self,
        inputs: &Inputs,
        range: Range<usize>,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let batch = range.len();
        if batch > MAX_BATCH {
            return Err(CudaError::TooManyInputs { inputs: batch, limit: MAX_BATCH }.into());
        }
        let layers = self.needs.layers;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = self.memory_for(&mut memory, inputs, batch)?;
        let upload_start = Instant::now();
        upload(&mut memory.workspace, inputs, range, layers)?;
        let upload = upload_start.elapsed();
        let passes = [0..self.threshold_layer, self.threshold_layer..layers];
        self.method.make_ready(&self.gpu, &mut memory.workspace, batch, &passes)?;

        let clock = Clock::new(&self.gpu.device)?;
        let sent = self.compute(memory, inputs, batch, &clock, observer);
        // Whatever happened, nothing may be under way when the memory is used again.
        let waited = self.gpu.stream.synchronize().to("compute");
        let sent = sent?;
        waited?;
        let BatchMemory { workspace, results, .. } = memory;

        let (counts, live_inputs) = results.numbers().split_at(count_slots(layers));
        let columns = &sent.columns;
        let live = counts[columns.count] as usize;
        let live_inputs: Vec<u32> = match columns.inputs {
            0 => (0..live as u32).collect(),
            _ => live_inputs[..live].to_vec(),
        };
        let mut live_columns: Vec<u64> =
            sent.entered.iter().map(|&count| u64::from(counts[count])).collect();
        live_columns.push(live as u64);
        let report = Report {
            threshold_layer: self.threshold_layer,
            times: clock.times()?,
            upload,
            live_columns,
            centroids: sent.centroid_count.map(|count| u64::from(counts[count])),
            reduction: self.merged_neurons.as_ref().map(MergedNeurons::reduction),
            early_exit: sent.exit_count.filter(|&left| counts[left] == 0).map(|_| self.threshold_layer),
        };
        let mut columns = self.download(workspace, columns, &live_inputs)?;
        if let Some(merged) = &self.merged_neurons {
            let expand = |Column { input, values }| Column { input, values: merged.expand(values) };
            columns = columns.into_par_iter().map(expand).collect();
        }
        Ok(Outcome::new(Output::new(batch, self.outputs, columns), report))
    }

    /// The memory of the last batch if it does, else new.
    fn memory_for<'a>(
        &self,
        memory: &'a mut Option<BatchMemory>,
        inputs: &Inputs,
        batch: usize,
    ) -> Result<&'a mut BatchMemory, CudaError> {
        let binary = matches!(inputs, Inputs::Bits(_));
        if memory.as_ref().is_none_or(|memory| !memory.workspace.serves(batch, binary)) {
            // The old one first: both may not fit.
            *memory = None;
            let device = &self.gpu.device;
            let workspace = Workspace::new(device, &self.needs, batch, binary)?;
            let numbers = count_slots(self.needs.layers) + batch;
            let results = PinnedBuffer::zeroed(device, numbers * size_of::<u32>())?;
            return Ok(memory.insert(BatchMemory { workspace, results, recordings: HashMap::new() }));
        }
        memory.as_mut().ok_or(CudaError::Driver { action: "keep memory", reason: String::new() })
    }

    /// Does the work of a batch that was uploaded: recorded work if there is some for this size. Returns
    /// when the answer is where it says.
    fn compute(
        &self,
        memory: &mut BatchMemory,
        inputs: &Inputs,
        batch: usize,
        clock: &Clock,
        observer: &dyn Observer,
    ) -> Result<Sent, Error> {
        if !self.method.can_be_recorded() {
            clock.start(&self.gpu.stream)?;
            let (sent, _) = self.send(memory, inputs, batch, Sending::Direct { clock, observer })?;
            return Ok(sent);
        }
        if !memory.recordings.contains_key(&batch) {
            // Few sizes come up again: the usual one and that of the last batch. Graphs cannot be given up while
            // another is recorded.
            if memory.recordings.len() >= MAX_RECORDINGS {
                memory.recordings.clear();
            }
            let recorder = Recorder::new(&self.gpu.stream)?;
            let (sent, recorder) = self.send(memory, inputs, batch, Sending::Recorded(recorder))?;
            if let Some(recorder) = recorder {
                memory.recordings.insert(batch, Recording::new(recorder, sent)?);
            }
        }
        let recording = &memory.recordings[&batch];
        recording.replay(&self.gpu.device, &self.gpu.stream, batch, clock, observer)?;
        Ok(recording.sent.clone())
    }

    /// Sends all work of a batch.
    fn send(
        &self,
        memory: &mut BatchMemory,
        inputs: &Inputs,
        batch: usize,
        sending: Sending<'_>,
    ) -> Result<(Sent, Option<Recorder>), Error> {
        let BatchMemory { workspace, results, .. } = memory;
        let stream = &*self.gpu.stream;
        let drop_from = self.network.preserves_zero_from();
        let (threshold, layers) = (self.threshold_layer, self.needs.layers);
        let mut run = Run::new(&self.gpu, stream, workspace, batch, layers, drop_from, sending);
        let columns = run.source(inputs, !self.method.takes_empty_inputs())?;
        let (columns, centroid_count) = self.method.infer(&mut run, columns, threshold, self.exit)?;
        let counts = &workspace.counts;
        results.download_later(stream, 0, counts.pointer(), counts.bytes())?;
        if columns.inputs != 0 {
            let bytes = batch * size_of::<u32>();
            results.download_later(stream, counts.bytes(), columns.inputs, bytes)?;
        }
        Ok(run.finish(columns, centroid_count)?)
    }

    /// Brings the columns to the host; `live_inputs` says whose they are.
    fn download(
        &self,
        workspace: &Workspace,
        columns: &Columns,
        live_inputs: &[u32],
    ) -> Result<Vec<Column>, CudaError> {
        let run = Run::new(&self.gpu, &self.gpu.stream, workspace, 0, 0, 0, Sending::Quiet);
        let mut columns = run.to_input_major(*columns)?;
        if columns.slots != 0 {
            let gathered = columns.written(Layout::InputMajor, columns.other_buffer(), columns.neurons);
            let arguments = GatherColumnsArguments {
                from: run.activations(columns.buffer),
                slots: columns.slots,
                count: run.count(columns.count),
                neurons: columns.neurons as u32,
                to: run.activations(gathered.buffer),
            };
            run.launch(Kernel::GatherColumns, 256, arguments)?;
            columns = gathered;
        }
        self.gpu.stream.synchronize().to("compute")?;
        columns::download(&workspace.activations[columns.buffer], columns.neurons, live_inputs)
    }
}
