//! How long points take, learned from those that are done, and which of them fit a budget.

use std::collections::HashMap;
use std::time::Duration;

use snicit_data::sdgc::CONNECTIONS_PER_NEURON;

use crate::grid::letter;
use crate::measure::{Repetitions, SLOW, Spent};
use crate::order::rank;
use crate::task::{Task, Workload};
use crate::workloads::Load;

/// How fast each method was at its last point: the sweep goes from small to large, so that the last point is the
/// most alike.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    /// Connections that are read or generated in a second.
    network_rate: Option<f64>,
    /// Features of inputs that are read, rebuilt or drawn in a second.
    inputs_rate: Option<f64>,
    /// Connections that are prepared in a second.
    prepare_rates: HashMap<Kind, f64>,
    /// Multiply-adds of an inference in a second, as [`inference_cost`] counts them.
    inference_rates: HashMap<Kind, f64>,
}

/// What is about equally fast: a method, on trained networks or not.
type Kind = (String, bool);

fn kind(method: &str, workload: &Workload) -> Kind {
    (method.to_owned(), matches!(workload, Workload::MediumScale { .. }))
}

impl Estimates {
    /// Learns from a point that is done.
    pub(crate) fn learn(&mut self, task: &Task, spent: &Spent) {
        let connections = connections(task.workload());
        let rate = |load: Load| load.size as f64 / load.time.as_secs_f64().max(1e-6);
        self.network_rate = spent.network.map(rate).or(self.network_rate);
        self.inputs_rate = spent.inputs.map(rate).or(self.inputs_rate);
        let Task::Inference { method, workload, .. } = task else { return };
        if let Some(prepare) = spent.prepare {
            let rate = connections / prepare.as_secs_f64().max(1e-6);
            self.prepare_rates.insert(kind(method, workload), rate);
        }
        let one = spent.inferences.as_secs_f64() / spent.runs.max(1) as f64;
        self.inference_rates.insert(kind(method, workload), inference_cost(task) / one.max(1e-6));
    }

    /// How long a point will take without loading; nothing while its method is unknown.
    pub(crate) fn point(&self, task: &Task, repetitions: Repetitions) -> Option<Duration> {
        let connections = connections(task.workload());
        let Task::Inference { method, workload, .. } = task else { return Some(Duration::ZERO) };
        let kind = kind(method, workload);
        let prepare = connections / self.prepare_rates.get(&kind)?;
        let one = inference_cost(task) / self.inference_rates.get(&kind)?;
        let runs = (repetitions.seconds / one).ceil();
        // Rather one too many: some of it may be no part of the inference's own time.
        let warm_up = if one > 2.0 * SLOW.as_secs_f64() { 0.0 } else { 1.0 };
        let one_time = Duration::try_from_secs_f64(one).unwrap_or(Duration::MAX);
        let fewest = repetitions.fewest_of(method, one_time);
        let runs = warm_up + runs.clamp(fewest as f64, repetitions.most.max(fewest) as f64);
        Duration::try_from_secs_f64(prepare + one * runs).ok()
    }

    /// How long reading or generating a network will take; zero while that is not known.
    pub(crate) fn network(&self, workload: &Workload) -> Duration {
        time_of(connections(workload), self.network_rate)
    }

    /// How long loading a network and its inputs will take; zero while that is not known.
    pub(crate) fn load(&self, workload: &Workload) -> Duration {
        let features = match workload {
            Workload::Sdgc { neurons, inputs, .. } => (neurons * inputs) as f64,
            // They are small, and are loaded anew for every point.
            Workload::MediumScale { .. } => return Duration::ZERO,
        };
        self.network(workload) + time_of(features, self.inputs_rate)
    }

    /// All of `open` in this order, with loading, as far as it can be told; `held` is loaded.
    pub(crate) fn all(&self, open: &[Task], held: Option<&Workload>, repetitions: Repetitions) -> Total {
        let points: Vec<Option<Duration>> =
            open.iter().map(|task| self.point(task, repetitions)).collect();
        let mut total =
            Total { known: points.iter().flatten().sum(), complete: points.iter().all(Option::is_some) };
        // Points of one width follow one another, and its deepest network serves them all.
        let mut held = held;
        for alike in open.chunk_by(|a, b| width(a.workload()) == width(b.workload())) {
            let loads = alike.iter().map(|task| self.load(task.workload()));
            let load = loads.max().unwrap_or_default();
            let before = held.take().filter(|held| width(held) == width(alike[0].workload()));
            total.known += load.saturating_sub(before.map_or(Duration::ZERO, |held| self.load(held)));
            let is_known = self.network_rate.is_some() && self.inputs_rate.is_some();
            total.complete &= is_known || width(alike[0].workload()) == 0;
        }
        total
    }

    /// Which of `open` fit the time that is left: the most important first, among these the cheapest, so that as many
    /// as possible are run. What cannot be told yet is tried while there is time. A network is loaded once for all
    /// points of its width that are equally important; `held` is loaded.
    pub(crate) fn fitting(
        &self,
        open: &[Task],
        held: Option<&Workload>,
        repetitions: Repetitions,
        left: Duration,
    ) -> Vec<Task> {
        if left.is_zero() {
            return Vec::new();
        }
        let price = |task| self.point(task, repetitions).unwrap_or_default();
        let mut priced: Vec<(u32, Duration, &Task)> =
            open.iter().map(|task| (rank(task), price(task), task)).collect();
        priced.sort_by_key(|(rank, price, _)| (*rank, *price));
        let next = open.first().map_or(0, rank);
        let mut loaded: HashMap<(u32, usize), Duration> =
            held.map(|held| ((next, width(held)), self.load(held))).into_iter().collect();
        let (mut spent, mut fitting) = (Duration::ZERO, Vec::new());
        for (rank, price, task) in priced {
            // Deepening a network that has to be loaded anyway costs the difference.
            let (key, load) = ((rank, width(task.workload())), self.load(task.workload()));
            let before = loaded.get(&key).copied().unwrap_or_default();
            let with = spent + price + load.saturating_sub(before);
            if with <= left {
                spent = with;
                loaded.insert(key, before.max(load));
                fitting.push(task.clone());
            }
        }
        fitting
    }
}

/// What points take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Total {
    /// Those whose time can be told.
    pub(crate) known: Duration,
    /// Whether these are all.
    pub(crate) complete: bool,
}

fn time_of(size: f64, rate: Option<f64>) -> Duration {
    let seconds = rate.map_or(0.0, |rate| size / rate);
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

pub(crate) fn width(workload: &Workload) -> usize {
    match workload {
        Workload::Sdgc { neurons, .. } => *neurons,
        Workload::MediumScale { .. } => 0,
    }
}

pub(crate) fn connections(workload: &Workload) -> f64 {
    match workload {
        Workload::Sdgc { neurons, layers, .. } => (neurons * layers * CONNECTIONS_PER_NEURON) as f64,
        Workload::MediumScale { network, .. } => {
            let Some(letter) = letter(network) else { return 0.0 };
            let (layers, width) = (letter.sparse_layers() as f64, letter.neurons() as f64);
            width * width * layers * letter.density()
        }
    }
}

/// A rough size of one inference: multiply-adds, weighted by what the method skips.
pub(crate) fn inference_cost(task: &Task) -> f64 {
    let Task::Inference { method, workload, .. } = task else { return 0.0 };
    let connections = connections(workload);
    let (layers, inputs) = match workload {
        Workload::Sdgc { layers, inputs, .. } => (*layers as f64, *inputs as f64),
        Workload::MediumScale { network, inputs } => {
            let Some(letter) = letter(network) else { return 0.0 };
            (letter.sparse_layers() as f64, *inputs as f64)
        }
    };
    let all = connections * inputs;
    let factor = match method.as_str() {
        "BF-2019" => 3.0,
        "SNIG-2020" => 5.0,
        "XY-2021" => 1.3,
        "SNICIT" => 1.0,
        // Libraries drop no columns; cuBLAS does not skip connections either.
        "cuBLAS" => {
            return match workload {
                Workload::Sdgc { neurons, .. } => all * *neurons as f64 / CONNECTIONS_PER_NEURON as f64,
                Workload::MediumScale { .. } => all,
            };
        }
        _ => return all,
    };
    let alive = match workload {
        // Most columns die within a few layers, a few per cent stay. What scatters takes longer for these.
        Workload::Sdgc { .. } if factor >= 3.0 => 1.1 + 0.03 * layers,
        Workload::Sdgc { .. } => 4.0 + 0.03 * layers,
        Workload::MediumScale { .. } => layers,
    };
    all / layers * alive * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid;
    use crate::order::{Importance, run_order};
    use crate::result_id::{Grid, ResultId};

    fn spent(seconds: f64) -> Spent {
        let time = |seconds| Some(Duration::from_secs_f64(seconds));
        let inferences = Duration::from_secs_f64(seconds);
        let load = Some(Load { size: 1 << 20, time: Duration::from_millis(1) });
        Spent { network: load, inputs: load, prepare: time(0.01), inferences, runs: 3 }
    }

    #[test]
    fn the_cheapest_points_fit_and_the_largest_do_not() {
        let repetitions = Repetitions { fewest: 2, fewest_compared: 5, most: 10, seconds: 1.0 };
        let mut tasks = grid::tasks(ResultId::Table3, Grid::Full);
        run_order(&mut tasks, Importance::Counts);
        let mut estimates = Estimates::default();
        let open = estimates.fitting(&tasks, None, repetitions, Duration::from_secs(1));
        assert_eq!(open.len(), tasks.len(), "nothing is known yet: everything is tried");
        let unknown = Total { known: Duration::ZERO, complete: false };
        assert_eq!(estimates.all(&tasks, None, repetitions), unknown);
        assert!(estimates.fitting(&tasks, None, repetitions, Duration::ZERO).is_empty());
        for method in ["XY-2021", "SNICIT", "SNIG-2020", "BF-2019"] {
            let of_method =
                |task: &&Task| matches!(task, Task::Inference { method: of, .. } if of == method);
            let task = tasks.iter().find(of_method).unwrap();
            let slow = matches!(task, Task::Inference { method, .. } if method == "BF-2019");
            estimates.learn(task, &spent(if slow { 3.0 } else { 0.003 }));
        }
        let all = estimates.all(&tasks, None, repetitions);
        assert!(all.complete);
        let fitting = estimates.fitting(&tasks, None, repetitions, all.known / 4);
        assert!(fitting.len() < tasks.len() && fitting.len() > tasks.len() / 2, "{}", fitting.len());
        let is = |task: &Task, wanted: &str| {
            matches!(task, Task::Inference { method, workload: Workload::Sdgc { neurons: 65536, layers: 1920, .. }, .. }
                if method == wanted)
        };
        assert!(!fitting.iter().any(|task| is(task, "BF-2019")));
        assert!(fitting.iter().any(|task| is(task, "SNICIT")));
    }

    #[test]
    fn the_important_is_run_first_where_time_may_run_out() {
        let mut tasks = grid::tasks_with(ResultId::Table3, Grid::Full, &["cuSPARSE"]);
        tasks.extend(grid::tasks(ResultId::Table4, Grid::Full));
        run_order(&mut tasks, Importance::Counts);
        let methods: Vec<&str> = tasks
            .iter()
            .filter_map(|task| match task {
                Task::Inference { method, workload: Workload::Sdgc { .. }, .. } => Some(method.as_str()),
                _ => None,
            })
            .collect();
        assert!(matches!(tasks[0].workload(), Workload::MediumScale { .. }));
        assert!(
            methods[..24].iter().all(|method| ["SNICIT", "XY-2021"].contains(method)),
            "{methods:?}"
        );
        assert!(methods[24..48].iter().all(|method| ["BF-2019", "SNIG-2020"].contains(method)));
        assert!(methods[48..].iter().all(|method| *method == "cuSPARSE") && methods.len() == 60);
        // However cheap: nothing of another library in place of our own.
        let repetitions = Repetitions::exactly(2);
        let mut estimates = Estimates::default();
        for task in &tasks {
            let is_peer = matches!(task, Task::Inference { method, .. } if method == "cuSPARSE");
            estimates.learn(task, &spent(if is_peer { 1e-3 } else { 1e-2 }));
        }
        let ours: Vec<Task> = tasks[..tasks.len() - 12].to_vec();
        let enough = estimates.all(&ours, None, repetitions).known;
        for share in [0.3, 0.9, 1.1] {
            let left = enough.mul_f64(share);
            let with_peers = estimates.fitting(&tasks, None, repetitions, left);
            let without = estimates.fitting(&ours, None, repetitions, left);
            assert!(without.iter().all(|task| with_peers.contains(task)), "{share}");
        }
    }

    #[test]
    fn what_is_known_is_added_up_with_loading() {
        let repetitions = Repetitions::exactly(3);
        let mut tasks = grid::tasks(ResultId::Fig7, Grid::Full);
        run_order(&mut tasks, Importance::IsEqual);
        let mut estimates = Estimates::default();
        estimates.learn(&tasks[0], &spent(3.0));
        let all = estimates.all(&tasks, None, repetitions);
        let points: Duration =
            tasks.iter().map(|task| estimates.point(task, repetitions).unwrap()).sum();
        let loads: Duration = tasks.iter().map(|task| estimates.load(task.workload())).sum();
        assert_eq!(all, Total { known: points + loads, complete: true });
        // 65,536 features of 60,000 inputs are more than the connections of 120 layers.
        let widest = tasks[3].workload();
        assert!(estimates.load(widest) > estimates.network(widest) * 10);
        let held = estimates.all(&tasks, Some(tasks[0].workload()), repetitions);
        assert_eq!(held.known, all.known - estimates.load(tasks[0].workload()));
        // One method that was never timed: at least so long.
        tasks.extend(grid::tasks(ResultId::Table3, Grid::Full));
        let more = estimates.all(&tasks, None, repetitions);
        assert!(!more.complete && more.known > all.known);
    }

    #[test]
    fn what_is_compared_is_repeated_often_enough_where_that_is_cheap() {
        let repetitions = Repetitions::within_a_budget();
        let fewest = |method, ms| repetitions.fewest_of(method, Duration::from_millis(ms));
        assert_eq!((fewest("SNICIT", 999), fewest("XY-2021", 11)), (5, 5));
        assert_eq!((fewest("SNICIT", 1001), fewest("BF-2019", 11), fewest("cuBLAS", 1)), (2, 2, 2));
    }
}
