//! Runs the points of tables and figures; what is finished is kept and not done again.

use std::time::Duration;

use crate::BenchError;
use crate::contestants::Contestants;
use crate::environment::{Environment, now};
use crate::grid;
use crate::measure::{Bench, Repetitions};
use crate::not_run::Cause;
use crate::points::Points;
use crate::record::{NotRun, Record, ResultFile};
use crate::result_id::{Grid, ResultId};
use crate::store::Store;
use crate::task::Task;
use crate::workloads::Workloads;

/// What is to be run and how.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// Tables and figures.
    pub results: Vec<ResultId>,
    /// Reduced or full.
    pub grid: Grid,
    /// How often an inference is repeated.
    pub repetitions: Repetitions,
    /// How long it may take; points that would take longer than is left are not run, the most expensive first.
    pub budget: Option<Duration>,
    /// The command, for the record.
    pub command: String,
}

/// How long a sweep will still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLeft {
    /// Something like it was timed for each point.
    About(Duration),
    /// For some points nothing can be said yet.
    AtLeast(Duration),
    /// Likewise, but there is a budget.
    AtMost(Duration),
}

/// Hears of a sweep's progress.
pub trait Watch {
    /// The sweep begins: so many points, of which so many are finished already.
    fn begins(&self, points: usize, finished: usize);
    /// A point begins; so much time is left for all that remain, this one included, as far as that can be said.
    fn point_begins(&self, number: usize, task: &Task, left: Option<TimeLeft>);
    /// A point is finished and kept.
    fn point_ends(&self, number: usize, record: &Record);
    /// It was decided that a point is not run; a note says why.
    fn point_not_run(&self, number: usize, task: &Task);
    /// Something that the user should know.
    fn note(&self, note: &str);
    /// A table or figure has all its points.
    fn result_ends(&self, result: &ResultFile);
}

impl Sweep {
    /// Runs what is not finished, from small networks to large (within a budget the most important points first), keeps each point at once and each table or figure as
    /// soon as it has all its points.
    ///
    /// # Errors
    /// If results cannot be written. What was finished stays. Points whose data are missing or damaged are not run, and
    /// the results say so.
    pub fn run(
        &self,
        contestants: Contestants<'_>,
        mut workloads: Workloads,
        store: &Store,
        watch: &dyn Watch,
    ) -> Result<Vec<ResultFile>, BenchError> {
        let environment = contestants.environment();
        let peers = contestants.peer_names();
        let wanted: Vec<(ResultId, Vec<Task>)> =
            self.results.iter().map(|&id| (id, grid::tasks_with(id, self.grid, &peers))).collect();
        let tasks = wanted.iter().flat_map(|(_, tasks)| tasks).cloned();
        let mut points = Points::plan(self, tasks, store, &contestants, &mut workloads, watch);
        watch.begins(points.all, points.finished.len());
        let limit = self.truth_limit();
        let mut bench = Bench::new(contestants, workloads, self.repetitions, limit);
        let missing =
            |task: &Task| bench.missing_data(task.workload()).map(|reason| (Cause::Data, reason));
        points.leave_out(missing, watch);
        points.leave_out(|task| Some((Cause::Peer, contestants.refusal(task)?)), watch);
        let mut results: Vec<ResultFile> = Vec::new();
        loop {
            for (id, tasks) in &wanted {
                let known = |result: &ResultFile| result.result == *id;
                if tasks.iter().all(|task| points.is_decided(task)) && !results.iter().any(known) {
                    let result = self.result(*id, tasks, &points, &environment);
                    store.keep_result(&result)?;
                    watch.result_ends(&result);
                    results.push(result);
                }
            }
            if !points.run_next(&mut bench, store, watch)? {
                break;
            }
        }
        let order = |result: &ResultFile| self.results.iter().position(|&id| id == result.result);
        results.sort_by_key(order);
        Ok(results)
    }

    /// The most multiply-adds that the reference may take for a truth.
    fn truth_limit(&self) -> f64 {
        match (self.grid, self.budget) {
            (Grid::Quick, _) => 1e10,
            (Grid::Full, Some(_)) => 2e10,
            (Grid::Full, None) => 2e11,
        }
    }

    fn result(
        &self,
        id: ResultId,
        tasks: &[Task],
        points: &Points,
        environment: &Environment,
    ) -> ResultFile {
        let records = tasks.iter().filter_map(|task| points.finished.get(task).cloned()).collect();
        let reason = |task: &Task| {
            let (cause, reason) = points.not_run.get(task)?.clone();
            Some(NotRun { task: task.clone(), cause, reason })
        };
        ResultFile {
            result: id,
            grid: self.grid,
            command: self.command.clone(),
            date: now(),
            environment: environment.clone(),
            records,
            not_run: tasks.iter().filter_map(reason).collect(),
        }
    }
}
