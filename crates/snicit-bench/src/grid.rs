//! The points of each table and figure: sweeps as data.

use snicit::{Method, Threshold};
use snicit_data::medium_scale::{self, Letter};
use snicit_data::sdgc::{DEPTHS, INPUTS, WIDTHS};

use crate::result_id::{Grid, ResultId};
use crate::task::{Task, Workload};

/// Figure 8's threshold layers.
pub const THRESHOLD_LAYERS: [usize; 8] = [12, 14, 16, 18, 30, 60, 90, 118];
/// Figure 9's batch sizes as divisors of the inputs: 10,000 to 60,000 of 60,000.
const BATCH_DIVISORS: [usize; 5] = [6, 4, 3, 2, 1];
/// The layers of network A after which Figure 1 looks at the activations.
const EMBEDDED_LAYERS: [usize; 3] = [2, 4, 8];
/// The points of a t-SNE plot; more would hide each other.
const EMBEDDED_INPUTS: usize = 500;

/// What must be done for `result`, in the order in which it is shown.
pub fn tasks(result: ResultId, grid: Grid) -> Vec<Task> {
    match result {
        ResultId::Table1 => {
            let all = WIDTHS.into_iter().flat_map(|neurons| DEPTHS.map(|layers| (neurons, layers)));
            let benchmarks: Vec<Workload> = match grid {
                Grid::Quick => benchmarks(grid),
                Grid::Full => all.map(|(n, l)| sdgc(n, l, INPUTS)).collect(),
            };
            benchmarks.into_iter().map(|workload| Task::Statistics { workload }).collect()
        }
        ResultId::Table3 => benchmarks(grid)
            .iter()
            .flat_map(|workload| Method::ALL.map(|method| default(workload, method)))
            .collect(),
        ResultId::Fig6 => benchmarks(grid)
            .iter()
            .flat_map(|workload| {
                [Method::Xy2021, Method::Snicit].map(|method| default(workload, method))
            })
            .collect(),
        ResultId::Fig7 => shallowest(grid).map(|workload| default(&workload, Method::Snicit)).collect(),
        ResultId::Fig8 => shallowest(grid)
            .take(3)
            .flat_map(|workload| {
                THRESHOLD_LAYERS.map(|t| inference(&workload, Method::Snicit, t, workload.inputs()))
            })
            .collect(),
        ResultId::Fig9 => deepest(grid).iter().flat_map(batches).collect(),
        ResultId::Fig1 => {
            let embed = |layer| Task::Embedding { workload: medium(Letter::A, EMBEDDED_INPUTS), layer };
            let methods = [Method::Bf2019, Method::Snicit];
            let work = methods.map(|method| medium_default(Letter::A, medium_inputs(grid), method));
            EMBEDDED_LAYERS.into_iter().map(embed).chain(work).collect()
        }
        ResultId::Table4 | ResultId::Fig11 => Letter::ALL
            .into_iter()
            .flat_map(|network| {
                // The paper compares with the first two.
                Method::ALL.map(|method| medium_default(network, medium_inputs(grid), method))
            })
            .collect(),
        ResultId::Fig10 => [Letter::A, Letter::D]
            .map(|network| medium_default(network, medium_inputs(grid), Method::Snicit))
            .to_vec(),
        ResultId::Fig12 => Letter::ALL.into_iter().flat_map(|network| heat_map(network, grid)).collect(),
    }
}

/// As [`tasks`], with other libraries beside our methods where methods are compared.
pub fn tasks_with(result: ResultId, grid: Grid, peers: &[&str]) -> Vec<Task> {
    let mut all = Vec::new();
    let compared = matches!(result, ResultId::Table3 | ResultId::Table4 | ResultId::Fig11);
    for task in tasks(result, grid) {
        let of_peers = match &task {
            // Behind the last of our methods.
            Task::Inference { workload, method, threshold_layer, batch }
                if compared && method == Method::Snicit.name() =>
            {
                let of_peer = |peer: &&str| Task::Inference {
                    workload: workload.clone(),
                    method: (*peer).to_owned(),
                    threshold_layer: *threshold_layer,
                    batch: *batch,
                };
                peers.iter().map(of_peer).collect()
            }
            _ => Vec::new(),
        };
        all.push(task);
        all.extend(of_peers);
    }
    all
}

fn sdgc(neurons: usize, layers: usize, inputs: usize) -> Workload {
    Workload::Sdgc { neurons, layers, inputs }
}

fn medium(network: Letter, inputs: usize) -> Workload {
    Workload::MediumScale { network: network.to_string(), inputs }
}

/// The Graph Challenge's benchmarks: all twelve, or those that fit minutes and a laptop's memory.
fn benchmarks(grid: Grid) -> Vec<Workload> {
    let depths = |neurons| match (grid, neurons) {
        (Grid::Full, _) | (Grid::Quick, 1024) => &DEPTHS[..],
        (Grid::Quick, 4096) => &DEPTHS[..2],
        (Grid::Quick, _) => &DEPTHS[..1],
    };
    let inputs = |neurons| match (grid, neurons) {
        (Grid::Full, _) => INPUTS,
        (Grid::Quick, 1024) => 12_000,
        (Grid::Quick, 4096) => 4800,
        (Grid::Quick, 16384) => 1200,
        (Grid::Quick, _) => 240,
    };
    WIDTHS
        .into_iter()
        .flat_map(|neurons| {
            depths(neurons).iter().map(move |&layers| sdgc(neurons, layers, inputs(neurons)))
        })
        .collect()
}

/// The benchmark of 120 layers of each width.
fn shallowest(grid: Grid) -> impl Iterator<Item = Workload> {
    let is =
        |workload: &Workload| matches!(workload, Workload::Sdgc { layers, .. } if *layers == DEPTHS[0]);
    benchmarks(grid).into_iter().filter(is)
}

/// The deepest benchmark of each width.
fn deepest(grid: Grid) -> Vec<Workload> {
    let mut deepest: Vec<Workload> = Vec::new();
    for workload in benchmarks(grid) {
        let same_width = |last: &Workload| match (last, &workload) {
            (Workload::Sdgc { neurons: a, .. }, Workload::Sdgc { neurons: b, .. }) => a == b,
            _ => false,
        };
        if deepest.last().is_some_and(same_width) {
            deepest.pop();
        }
        deepest.push(workload);
    }
    deepest
}

/// Figure 9's points of a workload. The paper's widest network takes at most half of the inputs at once.
fn batches(workload: &Workload) -> Vec<Task> {
    let widest = matches!(workload, Workload::Sdgc { neurons, .. } if *neurons == WIDTHS[3]);
    BATCH_DIVISORS
        .into_iter()
        .filter(|&divisor| !(widest && divisor == 1))
        .map(|divisor| {
            let batch = workload.inputs() / divisor;
            inference(workload, Method::Snicit, Threshold::SDGC, batch)
        })
        .collect()
}

/// A Graph Challenge benchmark with t = 30 and as many inputs at once as the paper took.
fn default(workload: &Workload, method: Method) -> Task {
    let full = workload.inputs() == INPUTS;
    let widest = matches!(workload, Workload::Sdgc { neurons, .. } if *neurons == WIDTHS[3]);
    let batch = if full && widest { INPUTS / 2 } else { workload.inputs() };
    inference(workload, method, Threshold::SDGC, batch)
}

fn inference(workload: &Workload, method: Method, threshold_layer: usize, batch: usize) -> Task {
    let (workload, method) = (workload.clone(), method.name().to_owned());
    Task::Inference { workload, method, threshold_layer, batch }
}

/// Inputs of the test sets that are used.
fn medium_inputs(grid: Grid) -> usize {
    match grid {
        Grid::Quick => 2000,
        Grid::Full => 10_000,
    }
}

/// The facts of a medium-scale network; nothing of one that this version does not know, as results may hold.
pub(crate) fn letter(network: &str) -> Option<Letter> {
    network.parse().ok()
}

fn medium_threshold(network: Letter) -> usize {
    medium_scale::threshold_layer(network.sparse_layers())
}

fn medium_default(network: Letter, inputs: usize, method: Method) -> Task {
    inference(&medium(network, inputs), method, medium_threshold(network), inputs)
}

/// Figure 12's points: SNICIT at each threshold layer and batch size, SNIG-2020 at each batch size.
fn heat_map(network: Letter, grid: Grid) -> Vec<Task> {
    let inputs = medium_inputs(grid);
    let workload = medium(network, inputs);
    let (divisors, step): (&[usize], usize) = match grid {
        Grid::Quick => (&[10, 4, 1], 4),
        // 1000, 2000, 2500, 5000 and 10,000.
        Grid::Full => (&[10, 5, 4, 2, 1], 2),
    };
    let mut tasks = Vec::new();
    for &divisor in divisors {
        let batch = inputs / divisor;
        tasks.push(inference(&workload, Method::Snig2020, medium_threshold(network), batch));
        for t in (0..network.sparse_layers()).step_by(step) {
            tasks.push(inference(&workload, Method::Snicit, t, batch));
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_full_grid_is_the_papers() {
        assert_eq!(tasks(ResultId::Table1, Grid::Full).len(), 12);
        assert_eq!(tasks(ResultId::Table3, Grid::Full).len(), 48);
        assert_eq!(tasks(ResultId::Fig6, Grid::Full).len(), 24);
        assert_eq!(tasks(ResultId::Fig7, Grid::Full).len(), 4);
        assert_eq!(tasks(ResultId::Fig8, Grid::Full).len(), 24);
        assert_eq!(tasks(ResultId::Fig9, Grid::Full).len(), 19);
        assert_eq!(tasks(ResultId::Fig12, Grid::Full).len(), 5 * (9 + 9 + 6 + 6 + 4));
        let sizes: Vec<usize> = tasks(ResultId::Fig9, Grid::Full)
            .iter()
            .filter_map(|task| match task {
                Task::Inference { batch, .. } => Some(*batch),
                _ => None,
            })
            .collect();
        assert_eq!(sizes[..5], [10_000, 15_000, 20_000, 30_000, 60_000]);
        assert_eq!(sizes[15..], [10_000, 15_000, 20_000, 30_000]);
    }

    #[test]
    fn keys_tell_tasks_apart_and_every_method_is_known() {
        for grid in [Grid::Quick, Grid::Full] {
            let all: HashSet<Task> = ResultId::ALL.into_iter().flat_map(|id| tasks(id, grid)).collect();
            let keys: HashSet<String> = all.iter().map(Task::key).collect();
            assert_eq!(all.len(), keys.len());
            for task in all {
                if let Task::Inference { method, .. } = task {
                    assert!(method.parse::<Method>().is_ok(), "{method}");
                }
            }
        }
    }
}
