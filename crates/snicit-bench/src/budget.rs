//! How long points take, learned from those that are done, and which of them fit a budget.

use std::collections::HashMap;
use std::time::Duration;

use crate::grid::letter;
use crate::measure::{Repetitions, Spent};
use crate::task::{Task, Workload};

/// How fast each method was at its last point: the sweep goes from small to large, so that the last point is the
/// most alike.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    /// Connections that are read or generated in a second.
    load_rate: Option<f64>,
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
        if let Some(load) = spent.load {
            self.load_rate = Some(connections / load.as_secs_f64().max(1e-6));
        }
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
        let runs = 1.0 + runs.clamp(repetitions.fewest as f64, repetitions.most as f64);
        Duration::try_from_secs_f64(prepare + one * runs).ok()
    }

    /// How long reading or generating a network will take.
    pub(crate) fn load(&self, workload: &Workload) -> Duration {
        let seconds = self.load_rate.map_or(0.0, |rate| connections(workload) / rate);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// All of `open` together, as far as it can be told.
    pub(crate) fn all<'a>(
        &self,
        open: impl Iterator<Item = &'a Task>,
        repetitions: Repetitions,
    ) -> Option<Duration> {
        let known: Option<Vec<Duration>> = open.map(|task| self.point(task, repetitions)).collect();
        known.map(|known| known.iter().sum())
    }

    /// Which of `open` fit the time that is left: the cheapest first, so that as many as possible are run. What
    /// cannot be told yet is tried. A network is loaded once for all points of its width; `held` is loaded.
    pub(crate) fn fitting(
        &self,
        open: &[Task],
        held: Option<&Workload>,
        repetitions: Repetitions,
        left: Duration,
    ) -> Vec<Task> {
        let mut priced: Vec<(Duration, &Task)> =
            open.iter().map(|task| (self.point(task, repetitions).unwrap_or_default(), task)).collect();
        priced.sort_by_key(|(price, _)| *price);
        let mut loaded: HashMap<usize, Duration> =
            held.map(|held| (width(held), self.load(held))).into_iter().collect();
        let (mut spent, mut fitting) = (Duration::ZERO, Vec::new());
        for (price, task) in priced {
            // Deepening a network that has to be loaded anyway costs the difference.
            let (width, load) = (width(task.workload()), self.load(task.workload()));
            let before = loaded.get(&width).copied().unwrap_or_default();
            let with = spent + price + load.saturating_sub(before);
            if with <= left {
                spent = with;
                loaded.insert(width, before.max(load));
                fitting.push(task.clone());
            }
        }
        fitting
    }
}

fn width(workload: &Workload) -> usize {
    match workload {
        Workload::Sdgc { neurons, .. } => *neurons,
        Workload::MediumScale { .. } => 0,
    }
}

fn connections(workload: &Workload) -> f64 {
    match workload {
        Workload::Sdgc { neurons, layers, .. } => (neurons * layers * 32) as f64,
        Workload::MediumScale { network, .. } => {
            let letter = letter(network);
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
            (letter(network).sparse_layers() as f64, *inputs as f64)
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
            let width = width(workload).max(32) as f64;
            return if matches!(workload, Workload::Sdgc { .. }) { all * width / 32.0 } else { all };
        }
        _ => return all,
    };
    let alive = match workload {
        // Most columns die within a few layers, a few per cent stay.
        Workload::Sdgc { .. } => 4.0 + 0.03 * layers,
        Workload::MediumScale { .. } => layers,
    };
    all / layers * alive * factor
}

/// The order in which points are run: trained networks, many and cheap, then the others from small to large, each loaded
/// once; XY-2021 first, whose answer
/// may be the truth for the others; what shares a prepared network side by side, large batches first.
pub(crate) fn run_order(tasks: &mut [Task]) {
    tasks.sort_by_cached_key(|task| {
        let workload = match task.workload() {
            Workload::Sdgc { neurons, layers, inputs } => (1, *neurons, *layers, String::new(), *inputs),
            Workload::MediumScale { network, inputs } => (0, 0, 0, network.clone(), *inputs),
        };
        let point = match task {
            Task::Statistics { .. } => (0, 0, 0),
            Task::Embedding { layer, .. } => (0, *layer, 0),
            Task::Inference { method, threshold_layer, batch, .. } => {
                let place = match method.as_str() {
                    "XY-2021" => 1,
                    "SNICIT" => 2,
                    "SNIG-2020" => 3,
                    "BF-2019" => 4,
                    _ => 5 + method.len(),
                };
                (place, *threshold_layer, usize::MAX - batch)
            }
        };
        (workload, point)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid;
    use crate::result_id::{Grid, ResultId};

    fn spent(seconds: f64) -> Spent {
        let time = |seconds| Some(Duration::from_secs_f64(seconds));
        let inferences = Duration::from_secs_f64(seconds);
        Spent { load: time(0.01), prepare: time(0.01), inferences, runs: 3 }
    }

    #[test]
    fn the_cheapest_points_fit_and_the_largest_do_not() {
        let repetitions = Repetitions { fewest: 2, most: 10, seconds: 1.0 };
        let mut tasks = grid::tasks(ResultId::Table3, Grid::Full);
        run_order(&mut tasks);
        let mut estimates = Estimates::default();
        let open = estimates.fitting(&tasks, None, repetitions, Duration::from_secs(1));
        assert_eq!(open.len(), tasks.len(), "nothing is known yet: everything is tried");
        assert_eq!(estimates.all(tasks.iter(), repetitions), None);
        for task in &tasks[..4] {
            let slow = matches!(task, Task::Inference { method, .. } if method == "BF-2019");
            estimates.learn(task, &spent(if slow { 3.0 } else { 0.003 }));
        }
        let all = estimates.all(tasks.iter(), repetitions).unwrap();
        let fitting = estimates.fitting(&tasks, None, repetitions, all / 4);
        assert!(fitting.len() < tasks.len() && fitting.len() > tasks.len() / 2, "{}", fitting.len());
        let is = |task: &Task, wanted: &str| {
            matches!(task, Task::Inference { method, workload: Workload::Sdgc { neurons: 65536, layers: 1920, .. }, .. }
                if method == wanted)
        };
        assert!(!fitting.iter().any(|task| is(task, "BF-2019")));
        assert!(fitting.iter().any(|task| is(task, "SNICIT")));
    }

    #[test]
    fn networks_come_from_small_to_large_and_xy_2021_first() {
        let mut tasks: Vec<Task> = [ResultId::Fig9, ResultId::Table3]
            .iter()
            .flat_map(|&id| grid::tasks(id, Grid::Full))
            .collect();
        tasks.dedup();
        run_order(&mut tasks);
        let connections: Vec<f64> = tasks.iter().map(|task| connections(task.workload())).collect();
        let widths: Vec<usize> = tasks.iter().map(|task| width(task.workload())).collect();
        assert!(widths.is_sorted());
        assert_eq!(connections.iter().copied().fold(0.0, f64::max), 65_536.0 * 1920.0 * 32.0);
        assert!(matches!(&tasks[0], Task::Inference { method, .. } if method == "XY-2021"));
    }
}
