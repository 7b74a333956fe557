//! What was found at a point, and everything needed to judge it.

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::not_run::Cause;
use crate::result_id::{Grid, ResultId};
use crate::statistics;
use crate::task::Task;

/// A finished point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What was done.
    pub task: Task,
    /// What came out.
    pub finding: Finding,
    /// Where network and inputs came from.
    pub sources: Sources,
    /// On what it ran.
    pub environment: Environment,
    /// When, UTC, ISO 8601.
    pub date: String,
}

impl Record {
    /// The measurement, if the task was an inference.
    pub fn measurement(&self) -> Option<&Measurement> {
        match &self.finding {
            Finding::Inference(measurement) => Some(measurement),
            _ => None,
        }
    }
}

/// Where network and inputs came from, a phrase each, and what files are known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// The network.
    pub network: String,
    /// What the network's files are known by; nothing where the phrase says it all.
    pub network_identity: Option<String>,
    /// The inputs.
    pub inputs: String,
    /// What the file of the inputs is known by; nothing where the phrase says it all.
    pub inputs_identity: Option<String>,
    /// What the file of the categories beside both is known by, where there is one to compare answers with.
    pub categories_identity: Option<String>,
}

/// What came out of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Finding {
    /// Of [`Task::Inference`].
    Inference(Measurement),
    /// Of [`Task::Statistics`].
    Statistics(Statistics),
    /// Of [`Task::Embedding`].
    Embedding(Embedding),
}

/// Repeated inferences of one workload. Times do not include loading and preparing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Preparing the network for the method, once, ms.
    pub prepare_ms: f64,
    /// One inference by the clock on the wall, with what the stages' times leave out, such as the way to a GPU and back;
    /// on average, the first included, ms.
    pub inference_ms: f64,
    /// The timed repetitions, in their order, after one that is not kept where an inference takes no more than a second.
    pub repetitions: Vec<Repetition>,
    /// The layer of the whole network after which SNICIT converted; divides the times of other methods.
    pub threshold_layer: usize,
    /// Columns that entered each layer, and those of the output; summed over batches.
    pub live_columns: Vec<u64>,
    /// Connections of each layer.
    pub layer_connections: Vec<u64>,
    /// Centroids, summed over batches.
    pub centroids: Option<u64>,
    /// Inputs whose last column is not all zero.
    pub categories: u64,
    /// The check of the answer, where there is something to compare it with.
    pub answer: Option<Answer>,
    /// Share of the inputs that were classified rightly, where they have labels.
    pub accuracy: Option<f64>,
}

/// Whether the answer is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What it was compared with.
    pub against: String,
    /// How it differs; nothing if it does not.
    pub difference: Option<String>,
}

/// One repetition: wall-clock time of the stages, all batches together, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repetition {
    /// Layers up to the threshold layer.
    pub pre_convergence_ms: f64,
    /// Cluster-based conversion.
    pub conversion_ms: f64,
    /// Layers behind the threshold layer.
    pub post_convergence_ms: f64,
    /// Recovery.
    pub recovery_ms: f64,
}

impl Repetition {
    /// The four stages, in their order.
    pub fn stages(&self) -> [f64; 4] {
        [self.pre_convergence_ms, self.conversion_ms, self.post_convergence_ms, self.recovery_ms]
    }

    /// All stages.
    pub fn total_ms(&self) -> f64 {
        self.stages().iter().sum()
    }
}

impl Measurement {
    /// The total of each repetition, ms.
    pub fn totals_ms(&self) -> Vec<f64> {
        self.repetitions.iter().map(Repetition::total_ms).collect()
    }

    /// The median total, ms.
    pub fn median_ms(&self) -> f64 {
        statistics::median(&self.totals_ms())
    }

    /// The average time of a layer behind the threshold layer of each repetition, ms; nothing where there is
    /// no such layer.
    pub fn post_layer_ms(&self) -> Option<Vec<f64>> {
        let layers = self.live_columns.len().saturating_sub(1).checked_sub(self.threshold_layer)?;
        let average = |repetition: &Repetition| repetition.post_convergence_ms / layers as f64;
        (layers > 0).then(|| self.repetitions.iter().map(average).collect())
    }

    /// The median time of each stage, ms.
    pub fn median_stages_ms(&self) -> [f64; 4] {
        [0, 1, 2, 3].map(|stage| {
            statistics::median(&self.repetitions.iter().map(|r| r.stages()[stage]).collect::<Vec<_>>())
        })
    }
}

/// Counts of a network and its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Neurons of the widest layer.
    pub neurons: u64,
    /// Layers.
    pub layers: u64,
    /// Connections of all layers.
    pub connections: u64,
    /// Connections into the neuron that has most.
    pub largest_fan_in: u64,
    /// The bias, where it is one for all neurons of all layers.
    pub bias: Option<f64>,
    /// Connections over all possible ones.
    pub density: f64,
    /// Inputs.
    pub inputs: u64,
    /// Non-zero features of all inputs.
    pub ones: u64,
}

/// Activations after some layer, in two dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// x and y of each input.
    pub points: Vec<[f32; 2]>,
    /// The class of each input, from 0.
    pub labels: Vec<u8>,
    /// t-SNE's perplexity.
    pub perplexity: f32,
}

/// A point that was not measured, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotRun {
    /// What was to be done.
    pub task: Task,
    /// What kind of reason it is.
    pub cause: Cause,
    /// Why it was not.
    pub reason: String,
}

/// A table or figure of the paper: all its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultFile {
    /// Which table or figure.
    pub result: ResultId,
    /// Reduced or full.
    pub grid: Grid,
    /// The command that made it.
    pub command: String,
    /// When, UTC, ISO 8601.
    pub date: String,
    /// On what the last point ran.
    pub environment: Environment,
    /// The finished points.
    pub records: Vec<Record>,
    /// The others.
    pub not_run: Vec<NotRun>,
}

impl ResultFile {
    /// The inferences among the records.
    pub fn inferences(&self) -> impl Iterator<Item = Inference<'_>> {
        self.records.iter().filter_map(|record| match (&record.task, &record.finding) {
            (
                Task::Inference { workload, method, threshold_layer, batch },
                Finding::Inference(measurement),
            ) => Some(Inference {
                workload,
                method,
                threshold_layer: *threshold_layer,
                batch: *batch,
                measurement,
            }),
            _ => None,
        })
    }

    /// Whether an answer differs from what it was compared with.
    pub fn wrong(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| {
            let answer = record.measurement().and_then(|measurement| measurement.answer.as_ref());
            answer.is_some_and(|answer| answer.difference.is_some())
        })
    }

    /// Points during which more processes wanted to run than there are cores for: their times are noise.
    pub fn busy(&self) -> usize {
        let busy = |record: &&Record| {
            let environment = &record.environment;
            environment.load_average.is_some_and(|load| load > environment.cores as f64 * 1.5)
        };
        self.records.iter().filter(busy).count()
    }

    /// Where networks and inputs came from, each pair of phrases once.
    pub fn sources(&self) -> Vec<&Sources> {
        let mut sources: Vec<&Sources> = self.records.iter().map(|record| &record.sources).collect();
        let phrases = |sources: &&Sources| (sources.network.clone(), sources.inputs.clone());
        sources.sort_by_key(phrases);
        // The layers of networks of different depth are different files in the same folder.
        sources.dedup_by_key(|sources| phrases(sources));
        sources
    }
}

/// The task and the measurement of an inference side by side.
#[derive(Debug, Clone, Copy)]
pub struct Inference<'a> {
    /// The network and its inputs.
    pub workload: &'a crate::Workload,
    /// The method's name.
    pub method: &'a str,
    /// The threshold layer as the task counts it.
    pub threshold_layer: usize,
    /// Inputs that went through together.
    pub batch: usize,
    /// What was measured.
    pub measurement: &'a Measurement,
}
