//! A network prepared for a method on a GPU.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use snicit::engine::{EarlyExit, validate_batch};
use snicit::network::MergedNeurons;
use snicit::{
    Column, Error, FeedForward, InputBatch, Inputs, Layer, Method, Network, Observer, Outcome, Output,
    Plan, Prepared, Report, SnicitOptions,
};

use crate::arguments::GatherColumnsArguments;
use crate::bf2019::ScatterSpmm;
use crate::clock::{Clock, Stage};
use crate::columns::{self, Columns, Layout};
use crate::early_exit::ThresholdExit;
use crate::engine::Gpu;
use crate::error::DriverContext;
use crate::feed_forward::{CompactingFeedForward, FeedForwardMethod};
use crate::fused::{FusedFeedForward, FusionPlan};
use crate::mini_blocks::MiniBlockFeedForward;
use crate::recording::{Recorder, Recording};
use crate::run::{Run, Sending, Sent, upload};
use crate::runtime::{Kernel, PinnedBuffer};
use crate::snicit::{PerLayerUpdate, PersistentUpdate, PostConvergence, Snicit};
use crate::snig2020::TaskGraphFeedForward;
use crate::spmm::Spmm;
use crate::weights::WeightStore;
use crate::workspace::{Needs, Workspace, count_slots};
use crate::xy2021::{self, Choice};
use crate::{CudaError, CudaOptions, UpdateSchedule};

/// Batches are counted in 32 bits, with room for rounding up.
const MAX_BATCH: usize = 1 << 31;

/// So many layers behind the threshold layer make a network a deep one.
const DEEP: usize = 64;

/// Batch sizes whose work is kept recorded.
const MAX_RECORDINGS: usize = 4;

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

/// What a batch needs, on both sides.
struct BatchMemory {
    workspace: Workspace,
    /// Where counts, then inputs, arrive on the host.
    results: PinnedBuffer,
    /// By batch size.
    recordings: HashMap<usize, Recording>,
}

enum PreparedMethod {
    FeedForward(Box<dyn FeedForwardMethod>),
    Snicit(Box<Snicit>),
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
        let mut preparation = Preparation {
            gpu: &gpu,
            network,
            options,
            choices: Vec::new(),
            found: Vec::new(),
            fused: 0,
        };
        let mut chunks = None;
        let layers = network.layers().len();
        let method = match plan.method {
            Method::Bf2019 => preparation.feed_forward(FeedForward::Bf2019, threshold_layer)?,
            Method::Snig2020 => preparation.feed_forward(FeedForward::Snig2020, threshold_layer)?,
            Method::Xy2021 => preparation.feed_forward(FeedForward::Xy2021, threshold_layer)?,
            Method::Snicit => {
                let schedule = options.update;
                let options = &plan.snicit;
                let blocks = preparation.mini_blocks(options, threshold_layer)?;
                chunks = blocks.as_ref().map(MiniBlockFeedForward::needs);
                let before: Box<dyn FeedForwardMethod> = match blocks {
                    Some(blocks) => {
                        preparation.found.push(blocks.note());
                        Box::new(blocks)
                    }
                    None => {
                        preparation.method(options.pre_convergence, threshold_layer, threshold_layer)?
                    }
                };
                let behind = preparation.post_convergence(options, threshold_layer, schedule)?;
                let neurons = match threshold_layer {
                    0 => network.inputs(),
                    t => network.layers()[t - 1].outputs(),
                };
                let snicit = Snicit::new(before, threshold_layer, neurons, options, behind);
                PreparedMethod::Snicit(Box::new(snicit))
            }
        };
        let pre_convergence = match plan.method {
            Method::Snicit => plan.snicit.pre_convergence.into(),
            method => method,
        };
        let conversion = match &method {
            PreparedMethod::Snicit(snicit) => Some(snicit.conversion.needs()),
            PreparedMethod::FeedForward(_) => None,
        };
        let max_width = network.max_width();
        let flagged = pre_convergence == Method::Snig2020;
        let needs = Needs {
            layers,
            features: network.inputs(),
            max_width,
            sections: if flagged { gpu.shape.sections(max_width) } else { 0 },
            bit_rows: chunks.is_none()
                && (pre_convergence == Method::Xy2021 || plan.method == Method::Snicit),
            chunks,
            split_inputs: preparation
                .choices
                .iter()
                .map(|choice| choice.split_inputs)
                .max()
                .unwrap_or(0),
            conversion,
        };
        let mut notes = preparation.notes();
        notes.append(&mut preparation.found);
        notes.push(method.weights_note());
        notes.extend(method.update_note());
        notes.extend(merged_neurons.as_ref().map(|merged| merged.reduction().to_string()));
        if plan.early_exit {
            notes.push(EarlyExit::note(early_exit.as_ref(), layers));
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

    /// The inputs `range` as one batch.
    fn infer_at_once(
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
        self.make_ready(&mut memory.workspace, batch)?;

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

    fn make_ready(&self, workspace: &mut Workspace, batch: usize) -> Result<(), CudaError> {
        let (threshold, layers) = (self.threshold_layer, self.needs.layers);
        let passes = [0..threshold, threshold..layers];
        match &self.method {
            PreparedMethod::FeedForward(method) => {
                method.make_ready(&self.gpu, workspace, batch, &passes)
            }
            PreparedMethod::Snicit(snicit) => {
                snicit.pre_convergence.make_ready(&self.gpu, workspace, batch, &passes[..1])
            }
        }
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
        let takes_empty = match &self.method {
            PreparedMethod::FeedForward(method) => method.takes_empty_inputs(),
            PreparedMethod::Snicit(snicit) => snicit.pre_convergence.takes_empty_inputs(),
        };
        let columns = run.source(inputs, !takes_empty)?;
        let (columns, centroid_count) = match &self.method {
            PreparedMethod::Snicit(snicit) => {
                let (columns, centroid_count) = snicit.infer(&mut run, columns, self.exit)?;
                (columns, Some(centroid_count))
            }
            PreparedMethod::FeedForward(method) => {
                run.ends_with_the_last_layer();
                let mut columns = method.pass(&mut run, columns, 0..threshold)?;
                let mut checked = None;
                if threshold < layers {
                    run.stages_done(&[Stage::PreConvergence, Stage::Conversion])?;
                    if let Some(exit) = self.exit
                        && let Some(found) = exit.check(&mut run, columns)?
                    {
                        (columns, checked) = (found.0, Some(found.1));
                    }
                    columns = method.pass(&mut run, columns, threshold..layers)?;
                }
                let columns = method.hand_over(&mut run, columns, layers)?;
                if let Some(checked) = checked {
                    checked.fill(&run, columns)?;
                }
                // What is recorded behind a stage is launched by itself, which costs microseconds.
                let stages = [Stage::PreConvergence, Stage::Conversion, Stage::PostConvergence];
                run.stages_done(if threshold < layers { &stages[2..] } else { &stages })?;
                (columns, None)
            }
        };
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

impl PreparedMethod {
    fn can_be_recorded(&self) -> bool {
        match self {
            PreparedMethod::FeedForward(method) => method.can_be_recorded(),
            PreparedMethod::Snicit(snicit) => {
                snicit.pre_convergence.can_be_recorded()
                    && !snicit.post_convergence.weights().is_streamed()
            }
        }
    }

    fn update_note(&self) -> Option<String> {
        let PreparedMethod::Snicit(snicit) = self else { return None };
        let PostConvergence::Persistent(update) = &snicit.post_convergence else { return None };
        let plural = if update.launches() == 1 { "" } else { "es" };
        Some(format!("post-convergence update in {} launch{plural}", update.launches()))
    }

    fn weights_note(&self) -> String {
        let stores = match self {
            PreparedMethod::FeedForward(method) => vec![method.weights()],
            PreparedMethod::Snicit(snicit) => {
                vec![snicit.pre_convergence.weights(), snicit.post_convergence.weights()]
            }
        };
        let megabytes = stores.iter().map(|store| store.bytes()).sum::<u64>() as f64 / 1e6;
        if stores.iter().any(|store| store.is_streamed()) {
            format!("weights: {megabytes:.1} MB, streamed from the host")
        } else {
            format!("weights: {megabytes:.1} MB on the GPU")
        }
    }
}

/// Brings layers into the form of a method, and remembers what was found on the way.
struct Preparation<'a> {
    gpu: &'a Gpu,
    network: &'a Network,
    options: &'a CudaOptions,
    choices: Vec<Choice>,
    /// What else is worth telling.
    found: Vec<String>,
    /// Layers that are taken together with others.
    fused: usize,
}

impl Preparation<'_> {
    /// All layers, to be passed in two passes, up to the threshold layer and behind.
    fn feed_forward(
        &mut self,
        method: FeedForward,
        threshold_layer: usize,
    ) -> Result<PreparedMethod, CudaError> {
        let layers = self.network.layers().len();
        Ok(PreparedMethod::FeedForward(self.method(method, layers, threshold_layer)?))
    }

    /// The network's first `layers` layers, of which no two are taken together across layer `boundary`.
    fn method(
        &mut self,
        method: FeedForward,
        layers: usize,
        boundary: usize,
    ) -> Result<Box<dyn FeedForwardMethod>, CudaError> {
        let of_layers = || self.network.layers()[..layers].iter().map(AsRef::as_ref);
        if method == FeedForward::Snig2020 {
            let shape = self.gpu.shape;
            let (products, weights) = self.store(0, layers, |layer| ScatterSpmm::build(layer, shape))?;
            let max_width = self.network.max_width();
            let method = TaskGraphFeedForward::new(of_layers(), products, weights, shape, max_width);
            return Ok(Box::new(method));
        }
        if method == FeedForward::Xy2021
            && let Some(method) = self.fused(layers, boundary)?
        {
            return Ok(Box::new(method));
        }
        let (products, weights, choices) = self.products(method, 0, layers)?;
        let method = CompactingFeedForward::new(of_layers(), products, weights);
        self.choices.extend(choices);
        Ok(Box::new(method))
    }

    /// The network's first `layers` layers by the engine's mini-blocks, where that is wanted and fit.
    fn mini_blocks(
        &self,
        snicit: &SnicitOptions,
        layers: usize,
    ) -> Result<Option<MiniBlockFeedForward>, CudaError> {
        if snicit.pre_convergence != FeedForward::Xy2021 {
            return Ok(None);
        }
        let CudaOptions { weights, mini_blocks, .. } = *self.options;
        MiniBlockFeedForward::new(self.gpu, weights, self.network, layers, mini_blocks)
    }

    /// The network's first `layers` layers by XY-2021, if some of them are dense.
    fn fused(&mut self, layers: usize, boundary: usize) -> Result<Option<FusedFeedForward>, CudaError> {
        let of_network: Vec<&Layer> =
            self.network.layers()[..layers].iter().map(AsRef::as_ref).collect();
        let Some(plan) = FusionPlan::find(&of_network, boundary, self.gpu.dense) else {
            return Ok(None);
        };
        for layer in 0..layers {
            self.check_connections(layer)?;
        }
        let (built, weights) =
            WeightStore::new(&self.gpu.device, self.options.weights, plan.len(), |step| {
                let (step, choices, bytes) =
                    plan.build(step, &of_network, self.gpu.dense, &self.gpu.device);
                Ok(((step, choices), bytes))
            })?;
        let (steps, choices): (Vec<_>, Vec<_>) = built.into_iter().unzip();
        self.choices.extend(choices.into_iter().flatten());
        self.fused += plan.fused_layers();
        Ok(Some(FusedFeedForward::new(steps, weights)))
    }

    /// The layers from `first` on.
    fn post_convergence(
        &mut self,
        options: &SnicitOptions,
        first: usize,
        schedule: UpdateSchedule,
    ) -> Result<PostConvergence, CudaError> {
        let layers: Vec<&Layer> = self.network.layers()[first..].iter().map(AsRef::as_ref).collect();
        let method = options.post_convergence;
        // The dense product is for many columns. Behind the conversion of a deep network a few are left.
        let prefers_dense = || {
            layers.len() < DEEP
                && layers.iter().any(|layer| xy2021::prefers_dense(layer, self.gpu.dense))
        };
        if schedule == UpdateSchedule::Persistent && method == FeedForward::Xy2021 && !prefers_dense() {
            let check = |index| self.check_connections(first + index);
            let built =
                PersistentUpdate::build(self.gpu, self.options.weights, &layers, options, check)?;
            if let Some((update, choices)) = built {
                self.choices.extend(choices);
                return Ok(PostConvergence::Persistent(update));
            }
        }
        let (products, weights, choices) = self.products(method, first, layers.len())?;
        self.choices.extend(choices);
        let update = PerLayerUpdate::new(layers.into_iter(), products, weights, options);
        Ok(PostConvergence::PerLayer(update))
    }

    #[allow(clippy::type_complexity, reason = "a triple that is taken apart at once")]
    fn products(
        &self,
        method: FeedForward,
        first: usize,
        layers: usize,
    ) -> Result<(Vec<Box<dyn Spmm>>, WeightStore, Vec<Choice>), CudaError> {
        if method == FeedForward::Xy2021 {
            let (built, weights) = self.store(first, layers, |layer| {
                let (spmm, choice, bytes) = xy2021::build(layer, self.gpu.dense, &self.gpu.device);
                ((spmm, choice), bytes)
            })?;
            let (products, choices) = built.into_iter().unzip();
            return Ok((products, weights, choices));
        }
        // SNIG-2020 differs from BF-2019 in how columns are kept, not in its product.
        let shape = self.gpu.shape;
        let (products, weights) = self.store(first, layers, |layer| {
            let (spmm, bytes) = ScatterSpmm::build(layer, shape);
            (Box::new(spmm) as Box<dyn Spmm>, bytes)
        })?;
        Ok((products, weights, Vec::new()))
    }

    /// Builds `layers` layers from `first` on and stores their weights.
    fn store<F: Send>(
        &self,
        first: usize,
        layers: usize,
        build: impl Fn(&Layer) -> (F, Vec<u8>) + Sync,
    ) -> Result<(Vec<F>, WeightStore), CudaError> {
        WeightStore::new(&self.gpu.device, self.options.weights, layers, |index| {
            self.check_connections(first + index)?;
            Ok(build(&self.network.layers()[first + index]))
        })
    }

    /// The kernels count the connections of a layer (0-based) in 32 bits.
    fn check_connections(&self, layer: usize) -> Result<(), CudaError> {
        let connections = self.network.layers()[layer].weights().connections();
        if u32::try_from(connections).is_err() {
            return Err(CudaError::TooManyConnections { layer: layer + 1, connections });
        }
        Ok(())
    }

    fn notes(&self) -> Vec<String> {
        let dense = self.choices.iter().filter(|choice| choice.dense).count();
        let searched = self.choices.len() - dense;
        let mut notes = Vec::new();
        if dense > 0 {
            let (all, fused) = (self.choices.len(), self.fused);
            let together = if fused > 0 { format!(", {fused} of them fused") } else { String::new() };
            notes.push(format!("dense product on tensor cores in {dense} of {all} layers{together}"));
        }
        let strips: Vec<f64> = self
            .choices
            .iter()
            .filter(|choice| choice.strips)
            .map(|choice| choice.mean_outputs)
            .collect();
        match (searched, strips.len()) {
            (0, _) => {}
            (searched, 0) => notes.push(format!("no mini-blocks in {searched} layers: general kernel")),
            (searched, with) => {
                let mean = strips.iter().sum::<f64>() / with as f64;
                let of = format!("{with} of {searched} layers");
                notes.push(format!("mini-blocks in {of}, {mean:.1} outputs on average"));
            }
        }
        notes
    }
}
