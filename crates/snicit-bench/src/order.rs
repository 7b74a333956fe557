//! The order in which points are run.

use crate::task::{Task, Workload};

/// Whether some points are run before others because more would be missed without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Importance {
    /// Time may run out.
    Counts,
    /// All will be run: each network is loaded once.
    IsEqual,
}

/// What comes first where time may run out: trained networks, many and cheap; then SNICIT and XY-2021, then the slow
/// methods, then other libraries.
pub(crate) fn rank(task: &Task) -> u32 {
    match task {
        Task::Inference { method, workload: Workload::Sdgc { .. }, .. } => match method.as_str() {
            "SNICIT" | "XY-2021" => 1,
            "SNIG-2020" | "BF-2019" => 2,
            _ => 3,
        },
        Task::Statistics { .. } => 1,
        _ => 0,
    }
}

/// The order in which points are run: the most important first, if that counts; trained networks, then the others from
/// small to large; XY-2021 first, whose answer may be the truth for the others; what shares a prepared network side by
/// side, large batches first.
pub(crate) fn run_order(tasks: &mut [Task], importance: Importance) {
    tasks.sort_by_cached_key(|task| {
        let rank = if importance == Importance::Counts { rank(task) } else { 0 };
        let workload = match task.workload() {
            Workload::Sdgc { neurons, layers, inputs } => (1, *neurons, *layers, String::new(), *inputs),
            Workload::MediumScale { network, inputs } => (0, 0, 0, network.clone(), *inputs),
        };
        let point = match task {
            Task::Statistics { .. } => (0, String::new(), 0, 0),
            Task::Embedding { layer, .. } => (0, String::new(), *layer, 0),
            Task::Inference { method, threshold_layer, batch, .. } => {
                let place = match method.as_str() {
                    "XY-2021" => 1,
                    "SNICIT" => 2,
                    "SNIG-2020" => 3,
                    "BF-2019" => 4,
                    _ => 5,
                };
                (place, method.clone(), *threshold_layer, usize::MAX - batch)
            }
        };
        (rank, workload, point)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{connections, width};
    use crate::grid;
    use crate::result_id::{Grid, ResultId};

    /// What is prepared for one library serves all of its points before the next one's.
    #[test]
    fn libraries_of_equally_long_names_stay_apart() {
        let mut tasks = grid::tasks_with(ResultId::Table3, Grid::Quick, &["twin-b", "twin-a"]);
        tasks
            .retain(|task| matches!(task, Task::Inference { method, .. } if method.starts_with("twin")));
        let mut again = tasks.clone();
        again.reverse();
        run_order(&mut tasks, Importance::IsEqual);
        run_order(&mut again, Importance::IsEqual);
        assert_eq!(tasks, again);
    }

    #[test]
    fn networks_come_from_small_to_large_and_xy_2021_first() {
        let mut tasks: Vec<Task> = [ResultId::Fig9, ResultId::Table3]
            .iter()
            .flat_map(|&id| grid::tasks(id, Grid::Full))
            .collect();
        tasks.dedup();
        run_order(&mut tasks, Importance::IsEqual);
        let connections: Vec<f64> = tasks.iter().map(|task| connections(task.workload())).collect();
        let widths: Vec<usize> = tasks.iter().map(|task| width(task.workload())).collect();
        assert!(widths.is_sorted());
        assert_eq!(connections.iter().copied().fold(0.0, f64::max), 65_536.0 * 1920.0 * 32.0);
        assert!(matches!(&tasks[0], Task::Inference { method, .. } if method == "XY-2021"));
    }
}
