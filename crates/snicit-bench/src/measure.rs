//! Does one task and times it.

use std::time::{Duration, Instant};

use snicit::{Categories, Engine, Method, Outcome, Plan, Prepared, SnicitOptions, StageTimes};

use crate::BenchError;
use crate::embedding;
use crate::environment::available_memory;
use crate::record::{Answer, Finding, Measurement, Repetition, Statistics};
use crate::result_id::Grid;
use crate::task::{Task, Workload};
use crate::workloads::{Loaded, Workloads, reference_cost, reference_truth};

/// How often an inference is repeated: at least `fewest` times; up to `most`, as long as it takes no more
/// than `seconds` in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repetitions {
    /// At least so many.
    pub fewest: usize,
    /// At most so many.
    pub most: usize,
    /// No further one is begun after so long.
    pub seconds: f64,
}

impl Repetitions {
    /// Enough for an interval where that is cheap.
    pub fn of(grid: Grid) -> Self {
        match grid {
            Grid::Quick => Repetitions { fewest: 3, most: 9, seconds: 1.0 },
            Grid::Full => Repetitions { fewest: 5, most: 25, seconds: 20.0 },
        }
    }

    /// Exactly so many.
    pub fn exactly(repetitions: usize) -> Self {
        Repetitions { fewest: repetitions, most: repetitions, seconds: f64::INFINITY }
    }
}

/// Why a task has no finding.
#[derive(Debug)]
pub enum Failed {
    /// This point cannot be had here; the others can.
    NotRun(String),
    /// Nothing can be had.
    Fatal(BenchError),
}

impl<E: Into<BenchError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed::Fatal(error.into())
    }
}

/// Does tasks, one after another. Truths are computed once a workload.
pub struct Bench<'a> {
    engine: &'a dyn Engine,
    workloads: Workloads,
    repetitions: Repetitions,
    /// The most multiply-adds a truth may cost.
    truth_limit: f64,
    truth: Option<(Workload, Truth)>,
}

/// What the categories of a workload are compared with.
#[derive(Clone)]
struct Truth {
    against: String,
    categories: Categories,
}

impl<'a> Bench<'a> {
    /// On `engine`, with networks and inputs from `workloads`.
    pub fn new(
        engine: &'a dyn Engine,
        workloads: Workloads,
        grid: Grid,
        repetitions: Repetitions,
    ) -> Self {
        let truth_limit = match grid {
            Grid::Quick => 1e10,
            Grid::Full => 2e11,
        };
        Bench { engine, workloads, repetitions, truth_limit, truth: None }
    }

    /// Sentences for the user since the last call.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.workloads.take_notes()
    }

    /// Does `task`.
    ///
    /// # Errors
    /// [`Failed::NotRun`] if it cannot be done here, [`Failed::Fatal`] if data are damaged.
    pub fn run(&mut self, task: &Task) -> Result<(Finding, crate::record::Sources), Failed> {
        check_memory(task.workload())?;
        let loaded = self.workloads.load(task.workload()).map_err(|error| match error {
            BenchError::Nothing(reason) => Failed::NotRun(reason),
            error => Failed::Fatal(error),
        })?;
        let finding = match task {
            Task::Inference { method, threshold_layer, batch, workload } => {
                let method: Method = method
                    .parse()
                    .map_err(|_| Failed::NotRun(format!("this version has no method {method}")))?;
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
        method: Method,
        threshold_layer: usize,
        batch: usize,
    ) -> Result<Finding, Failed> {
        let refused = |error: snicit::Error| Failed::NotRun(error.to_string());
        let options = match workload {
            Workload::Sdgc { .. } => SnicitOptions::sdgc(),
            Workload::MediumScale { .. } => SnicitOptions::medium_scale(),
        };
        let threshold_layer = threshold_layer + loaded.dense_layers;
        let plan = Plan::new(method).at_threshold_layer(threshold_layer).with_snicit(options);
        let start = Instant::now();
        let prepared = self.engine.prepare(&loaded.network, &plan).map_err(refused)?;
        let prepare_ms = ms(start.elapsed());

        let run = || prepared.infer_in_batches(&loaded.inputs, batch, &());
        // The first one warms caches and is not kept; its answer is.
        let first = run().map_err(refused)?;
        let repetitions = self.repeat(&*prepared, loaded, batch).map_err(refused)?;
        drop(prepared);
        let categories = first.output.categories();
        let answer = match &loaded.labels {
            None => self.check(workload, loaded, method, &categories)?,
            Some(_) => None,
        };
        let layers = loaded.network.layers();
        Ok(Finding::Inference(Measurement {
            prepare_ms,
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

    fn repeat(
        &self,
        prepared: &dyn Prepared,
        loaded: &Loaded,
        batch: usize,
    ) -> Result<Vec<Repetition>, snicit::Error> {
        let Repetitions { fewest, most, seconds } = self.repetitions;
        let begin = Instant::now();
        let mut repetitions = Vec::new();
        while repetitions.len() < fewest
            || repetitions.len() < most && begin.elapsed().as_secs_f64() < seconds
        {
            let outcome = prepared.infer_in_batches(&loaded.inputs, batch, &())?;
            repetitions.push(repetition(&outcome.report.times));
        }
        Ok(repetitions)
    }

    /// Compares categories with the official ones, or the float64 reference's, or, where that would take
    /// too long, XY-2021's.
    fn check(
        &mut self,
        workload: &Workload,
        loaded: &Loaded,
        method: Method,
        categories: &Categories,
    ) -> Result<Option<Answer>, Failed> {
        if self.truth.as_ref().is_none_or(|(of, _)| of != workload) {
            let truth = self.find_truth(workload, loaded)?;
            self.truth = Some((workload.clone(), truth));
        }
        let Some((_, truth)) = &self.truth else { return Ok(None) };
        if truth.against == method.name() {
            return Ok(None);
        }
        let difference = categories.check(&truth.categories).err().map(|mismatch| mismatch.to_string());
        Ok(Some(Answer { against: truth.against.clone(), difference }))
    }

    fn find_truth(&self, workload: &Workload, loaded: &Loaded) -> Result<Truth, Failed> {
        if let Some(categories) = self.workloads.official_truth(workload, &loaded.sources)? {
            return Ok(Truth { against: "official categories".to_owned(), categories });
        }
        if reference_cost(&loaded.network, loaded.inputs.len()) <= self.truth_limit {
            let categories = reference_truth(loaded);
            return Ok(Truth { against: "float64 reference".to_owned(), categories });
        }
        let refused = |error: snicit::Error| Failed::NotRun(error.to_string());
        let prepared =
            self.engine.prepare(&loaded.network, &Plan::new(Method::Xy2021)).map_err(refused)?;
        let outcome = prepared.infer(&loaded.inputs).map_err(refused)?;
        let against = Method::Xy2021.name().to_owned();
        Ok(Truth { against, categories: outcome.output.categories() })
    }

    fn embed(&self, loaded: &Loaded, layer: usize) -> Result<Finding, Failed> {
        let refused = |error: snicit::Error| Failed::NotRun(error.to_string());
        let layers = layer + loaded.dense_layers;
        let network = loaded.network.truncated(layers);
        let prepared = self.engine.prepare(&network, &Plan::new(Method::Xy2021)).map_err(refused)?;
        let outcome = prepared.infer(&loaded.inputs).map_err(refused)?;
        let labels = loaded.labels.clone().unwrap_or_default();
        Ok(Finding::Embedding(embedding::embed(&outcome.output.to_activations(), labels)))
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

/// Refuses what would not fit the memory, before it is made.
fn check_memory(workload: &Workload) -> Result<(), Failed> {
    let Workload::Sdgc { neurons, layers, inputs } = workload else { return Ok(()) };
    let connections = (neurons * layers * snicit_data::sdgc::CONNECTIONS_PER_NEURON) as u64;
    // A weight and an index, as read and as laid out; half of the columns alive in a layer, as float32.
    let needed = connections * 16 + (*neurons * *inputs) as u64 * 2;
    match available_memory() {
        Some(available) if needed > available => {
            let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
            let (needed, available) = (gib(needed), gib(available));
            Err(Failed::NotRun(format!("needs about {needed} of memory, {available} are free")))
        }
        _ => Ok(()),
    }
}

/// The share of inputs whose largest output is that of their class.
fn accuracy(outcome: &Outcome, labels: &[u8]) -> f64 {
    let mut right = 0;
    let mut columns = outcome.output.columns().iter().peekable();
    for (input, &label) in labels.iter().enumerate() {
        let column = columns.next_if(|column| column.input as usize == input);
        // Of equal outputs the first counts; an input without a column has equal ones.
        let class = column.map_or(0, |column| {
            let values = &column.values;
            (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
        });
        right += usize::from(class == usize::from(label));
    }
    right as f64 / labels.len().max(1) as f64
}

fn statistics(loaded: &Loaded) -> Statistics {
    let network = &loaded.network;
    let layers = network.layers();
    let fan_in = layers.iter().flat_map(|layer| {
        let weights = layer.weights();
        (0..layer.outputs()).map(move |output| weights.row(output).0.len() as u64)
    });
    let possible: f64 = layers.iter().map(|l| l.inputs() as f64 * l.outputs() as f64).sum();
    let biases = layers.iter().map(|layer| match layer.bias() {
        snicit::Bias::Uniform(bias) => Some(f64::from(*bias)),
        _ => None,
    });
    let mut biases: Vec<Option<f64>> = biases.collect();
    biases.dedup();
    let ones = (0..loaded.inputs.len()).map(|input| {
        let mut ones = 0;
        loaded.inputs.for_each_nonzero(input, |_, _| ones += 1);
        ones
    });
    Statistics {
        neurons: network.max_width() as u64,
        layers: layers.len() as u64,
        connections: network.connections(),
        largest_fan_in: fan_in.max().unwrap_or(0),
        bias: if let [Some(bias)] = biases[..] { Some(round_bias(bias)) } else { None },
        density: network.connections() as f64 / possible,
        inputs: loaded.inputs.len() as u64,
        ones: ones.sum(),
    }
}

/// −0.30000001192… is what float32 makes of −0.3.
fn round_bias(bias: f64) -> f64 {
    (bias * 1e6).round() / 1e6
}

/// A rough size of a task, to say how much time is left: multiply-adds, all repetitions together.
pub(crate) fn cost(task: &Task, repetitions: Repetitions) -> f64 {
    let (connections, layers, inputs) = match task.workload() {
        Workload::Sdgc { neurons, layers, inputs } => {
            ((neurons * layers * 32) as f64, *layers as f64, *inputs as f64)
        }
        Workload::MediumScale { network, inputs } => {
            let letter = crate::grid::letter(network);
            let (layers, width) = (letter.sparse_layers() as f64, letter.neurons() as f64);
            (width * width * layers * letter.density(), layers, *inputs as f64)
        }
    };
    let preparing = connections * 20.0;
    let Task::Inference { method, workload, .. } = task else { return preparing };
    let factor = match method.as_str() {
        "BF-2019" => 3.0,
        "SNIG-2020" => 5.0,
        "XY-2021" => 1.3,
        _ => 1.0,
    };
    let alive = match workload {
        Workload::Sdgc { .. } => 4.0 + 0.03 * layers,
        Workload::MediumScale { .. } => layers,
    };
    let one = connections / layers * alive * inputs * factor;
    // An inference of 1e10 takes about a second; cheap ones are repeated more often.
    let times =
        (repetitions.seconds * 1e10 / one).clamp(repetitions.fewest as f64, repetitions.most as f64);
    preparing + one * (times + 1.0)
}
