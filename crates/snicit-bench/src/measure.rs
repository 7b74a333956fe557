//! Does one task and times it.

use std::time::{Duration, Instant};

use snicit::{Method, Plan, Prepared, SnicitOptions, StageTimes};

use crate::BenchError;
use crate::contestants::Contestants;
use crate::counting::{accuracy, statistics};
use crate::embedding;
use crate::memory::lacks_memory;
use crate::not_run::Cause;
use crate::record::{Finding, Measurement, Repetition};
use crate::result_id::Grid;
use crate::statistics::FEWEST_REPETITIONS;
use crate::task::{Task, Workload};
use crate::truth::Truths;
use crate::workloads::{Load, Loaded, Workloads};

/// An inference that takes longer needs none before it to warm up: what warming up saves is a thousandth of it.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// How often an inference is repeated: at least `fewest` times; up to `most`, as long as it takes no more
/// than `seconds` in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repetitions {
    /// At least so many.
    pub fewest: usize,
    /// At least so many of SNICIT and XY-2021 where one takes less than a second: with fewer, two results cannot be
    /// compared.
    pub fewest_compared: usize,
    /// At most so many.
    pub most: usize,
    /// No further one is begun after so long.
    pub seconds: f64,
}

impl Repetitions {
    /// Enough for an interval where that is cheap.
    pub fn of(grid: Grid) -> Self {
        match grid {
            Grid::Quick => Repetitions { fewest: 3, fewest_compared: 3, most: 9, seconds: 1.0 },
            Grid::Full => Repetitions { fewest: 5, fewest_compared: 5, most: 25, seconds: 20.0 },
        }
    }

    /// Few, so that much can be measured in little time.
    pub fn within_a_budget() -> Self {
        Repetitions { fewest: 2, fewest_compared: FEWEST_REPETITIONS, most: 9, seconds: 1.5 }
    }

    /// Exactly so many.
    pub fn exactly(repetitions: usize) -> Self {
        Repetitions {
            fewest: repetitions,
            fewest_compared: repetitions,
            most: repetitions,
            seconds: f64::INFINITY,
        }
    }

    /// At least so many of a method of which `one` takes so long, wall-clock.
    pub(crate) fn fewest_of(&self, method: &str, one: Duration) -> usize {
        let compared = [Method::Snicit, Method::Xy2021].iter().any(|main| main.name() == method);
        if compared && one < SLOW { self.fewest_compared } else { self.fewest }
    }
}

/// Why a task has no finding.
#[derive(Debug)]
pub enum Failed {
    /// This point cannot be had here; the others can.
    NotRun(Cause, String),
    /// The data of its workload are missing or damaged; those of others may not be.
    Data(String),
}

impl Failed {
    /// What our own engine refused.
    pub(crate) fn engine(error: snicit::Error) -> Self {
        Failed::NotRun(Cause::Engine, error.to_string())
    }
}

impl From<BenchError> for Failed {
    fn from(error: BenchError) -> Self {
        Failed::Data(error.to_string())
    }
}

/// What a task took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Reading or generating the network, if that was done.
    pub(crate) network: Option<Load>,
    /// Reading, rebuilding or drawing the inputs, if that was done.
    pub(crate) inputs: Option<Load>,
    /// Preparing it for the method, if that was done.
    pub(crate) prepare: Option<Duration>,
    /// All inferences, with what is not counted in their times.
    pub(crate) inferences: Duration,
    /// How many these were.
    pub(crate) runs: usize,
}

/// What is repeated.
struct Repeated<'a> {
    method: &'a str,
    /// Wall-clock time of the first inference.
    first: Duration,
    /// The times of the first, if it counts.
    kept: Option<Repetition>,
}

/// A network prepared for the last task; the next may differ in the batch size only.
struct LastPrepared {
    workload: Workload,
    method: String,
    threshold_layer: usize,
    prepared: Box<dyn Prepared>,
    prepare_ms: f64,
}

/// Does tasks, one after another. Truths are computed once a workload.
pub struct Bench<'a> {
    contestants: Contestants<'a>,
    workloads: Workloads,
    repetitions: Repetitions,
    truths: Truths,
    last: Option<LastPrepared>,
    spent: Spent,
}

impl<'a> Bench<'a> {
    /// By `contestants`, with networks and inputs from `workloads`. The reference gives the truth where it costs no
    /// more than `truth_limit` multiply-adds.
    pub(crate) fn new(
        contestants: Contestants<'a>,
        workloads: Workloads,
        repetitions: Repetitions,
        truth_limit: f64,
    ) -> Self {
        let (truths, spent) = (Truths::new(truth_limit), Spent::default());
        Bench { contestants, workloads, repetitions, truths, last: None, spent }
    }

    /// Sentences for the user since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        self.workloads.take_notes()
    }

    /// What is wrong with the data of a workload, as far as that can be told without loading it.
    pub(crate) fn missing_data(&mut self, workload: &Workload) -> Option<String> {
        self.workloads.missing_data(workload)
    }

    /// Whether the network of a workload is held, or small.
    pub(crate) fn holds(&self, workload: &Workload) -> bool {
        self.workloads.holds(workload)
    }

    /// What the last task took.
    pub(crate) fn spent(&self) -> Spent {
        self.spent
    }

    /// Does `task`. A network that has to be loaded is loaded with at least `deepest` layers.
    ///
    /// # Errors
    /// [`Failed::NotRun`] if it cannot be done here, [`Failed::Data`] if data are missing or damaged.
    pub(crate) fn run(
        &mut self,
        task: &Task,
        deepest: usize,
    ) -> Result<(Finding, crate::record::Sources), Failed> {
        self.spent = Spent::default();
        // What is held already has its memory.
        if !self.holds(task.workload())
            && let Some(reason) = lacks_memory(task.workload())
        {
            return Err(Failed::NotRun(Cause::Memory, reason));
        }
        if self.last.as_ref().is_some_and(|last| last.workload != *task.workload()) {
            // The next one needs the memory.
            self.last = None;
        }
        let loaded = self.workloads.load_deep(task.workload(), deepest)?;
        (self.spent.network, self.spent.inputs) = self.workloads.take_loads();
        let finding = match task {
            Task::Inference { method, threshold_layer, batch, workload } => {
                self.infer(workload, &loaded, method, *threshold_layer, *batch)?
            }
            Task::Statistics { .. } => Finding::Statistics(statistics(&loaded)),
            Task::Embedding { layer, .. } => self.embed(&loaded, *layer)?,
        };
        Ok((finding, loaded.sources))
    }

    fn infer(
        &mut self,
        workload: &Workload,
        loaded: &Loaded,
        method: &str,
        threshold_layer: usize,
        batch: usize,
    ) -> Result<Finding, Failed> {
        let cause = self.cause_of_refusal(method);
        let refused = |error: snicit::Error| Failed::NotRun(cause, error.to_string());
        let threshold_layer = threshold_layer + loaded.dense_layers;
        let last = match self.last.take() {
            Some(last) if last.is(workload, method, threshold_layer) => last,
            other => {
                // Both may not fit the memory.
                drop(other);
                let start = Instant::now();
                let prepared = self.prepare(workload, loaded, method, threshold_layer)?;
                self.spent.prepare = Some(start.elapsed());
                LastPrepared {
                    workload: workload.clone(),
                    method: method.to_owned(),
                    threshold_layer,
                    prepared,
                    prepare_ms: ms(start.elapsed()),
                }
            }
        };
        let start = Instant::now();
        // The first one warms caches and is not kept; its answer is.
        let first = last.prepared.infer_in_batches(&loaded.inputs, batch, &()).map_err(refused)?;
        let times = &first.report.times;
        let kept = (times.total() > SLOW).then(|| repetition(times));
        let mut runs = usize::from(kept.is_none());
        let repeated = Repeated { method, first: start.elapsed(), kept };
        let repetitions = self.repeat(repeated, &*last.prepared, loaded, batch).map_err(refused)?;
        runs += repetitions.len();
        (self.spent.inferences, self.spent.runs) = (start.elapsed(), runs);
        let prepare_ms = last.prepare_ms;
        let categories = first.output.categories();
        let checked = loaded.labels.is_none();
        // A truth that has to be computed needs the memory.
        let computes = checked && !self.truths.knows(workload) && method != Method::Xy2021.name();
        self.last = (!computes).then_some(last);
        let answer = if checked {
            if !self.truths.knows(workload) {
                let beside = self.workloads.categories_beside(workload, loaded)?;
                let engine = self.contestants.engine;
                self.truths.find(workload, loaded, beside, engine, method, &categories)?;
            }
            self.truths.check(workload, method, &categories)
        } else {
            None
        };
        let layers = loaded.network.layers();
        Ok(Finding::Inference(Measurement {
            prepare_ms,
            inference_ms: ms(self.spent.inferences) / runs as f64,
            repetitions,
            threshold_layer,
            live_columns: first.report.live_columns.clone(),
            layer_connections: layers.iter().map(|layer| layer.weights().connections() as u64).collect(),
            centroids: first.report.centroids,
            categories: categories.len() as u64,
            answer,
            accuracy: loaded.labels.as_ref().map(|labels| accuracy(&first, labels)),
        }))
    }

    /// The network for one of our methods or a peer.
    fn prepare(
        &self,
        workload: &Workload,
        loaded: &Loaded,
        method: &str,
        threshold_layer: usize,
    ) -> Result<Box<dyn Prepared>, Failed> {
        let cause = self.cause_of_refusal(method);
        let refused = |error: snicit::Error| Failed::NotRun(cause, error.to_string());
        let Contestants { engine, peers, .. } = self.contestants;
        if let Some(peer) = peers.iter().find(|peer| peer.name() == method) {
            return peer.prepare(&loaded.network, threshold_layer).map_err(refused);
        }
        let method: Method = method
            .parse()
            .map_err(|_| Failed::NotRun(cause, format!("this version has no method {method}")))?;
        let options = match workload {
            Workload::Sdgc { .. } => SnicitOptions::sdgc(),
            Workload::MediumScale { .. } => SnicitOptions::medium_scale(),
        };
        let plan = Plan::new(method).at_threshold_layer(threshold_layer).with_snicit(options);
        engine.prepare(&loaded.network, &plan).map_err(refused)
    }

    /// A peer may not manage what our engine must.
    fn cause_of_refusal(&self, method: &str) -> Cause {
        let is_peer = self.contestants.peers.iter().any(|peer| peer.name() == method);
        if is_peer { Cause::Peer } else { Cause::Engine }
    }

    /// Further inferences, after the first.
    fn repeat(
        &self,
        Repeated { method, first, kept }: Repeated<'_>,
        prepared: &dyn Prepared,
        loaded: &Loaded,
        batch: usize,
    ) -> Result<Vec<Repetition>, snicit::Error> {
        let Repetitions { most, seconds, .. } = self.repetitions;
        let begin = Instant::now();
        let mut repetitions = Vec::from_iter(kept);
        let mut runs = 0;
        loop {
            let took = begin.elapsed();
            let one = if runs == 0 { first } else { took / runs };
            let enough = repetitions.len() >= self.repetitions.fewest_of(method, one);
            if enough && (repetitions.len() >= most || took.as_secs_f64() >= seconds) {
                return Ok(repetitions);
            }
            let outcome = prepared.infer_in_batches(&loaded.inputs, batch, &())?;
            repetitions.push(repetition(&outcome.report.times));
            runs += 1;
        }
    }

    fn embed(&self, loaded: &Loaded, layer: usize) -> Result<Finding, Failed> {
        let layers = layer + loaded.dense_layers;
        let network = loaded.network.truncated(layers);
        let engine = self.contestants.engine;
        let prepared = engine.prepare(&network, &Plan::new(Method::Xy2021)).map_err(Failed::engine)?;
        let outcome = prepared.infer(&loaded.inputs).map_err(Failed::engine)?;
        let labels = loaded.labels.clone().unwrap_or_default();
        Ok(Finding::Embedding(embedding::embed(&outcome.output.to_activations(), labels)))
    }
}

impl LastPrepared {
    fn is(&self, workload: &Workload, method: &str, threshold_layer: usize) -> bool {
        self.workload == *workload && self.method == method && self.threshold_layer == threshold_layer
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn repetition(times: &StageTimes) -> Repetition {
    Repetition {
        pre_convergence_ms: ms(times.pre_convergence),
        conversion_ms: ms(times.conversion),
        post_convergence_ms: ms(times.post_convergence),
        recovery_ms: ms(times.recovery),
    }
}
