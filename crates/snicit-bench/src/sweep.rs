//! Runs the points of tables and figures; what is finished is kept and not done again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use snicit::Engine;

use crate::BenchError;
use crate::environment::{Environment, now};
use crate::grid;
use crate::measure::{self, Bench, Failed, Repetitions};
use crate::record::{Finding, NotRun, Record, ResultFile};
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
    /// The command, for the record.
    pub command: String,
}

/// Hears of a sweep's progress.
pub trait Watch {
    /// The sweep begins: so many points, of which so many are finished already.
    fn begins(&self, points: usize, finished: usize);
    /// A point begins; about so much time is left for all that remain, as far as that can be said.
    fn point_begins(&self, number: usize, task: &Task, left: Option<Duration>);
    /// A point is finished and kept.
    fn point_ends(&self, number: usize, record: &Record);
    /// Something that the user should know.
    fn note(&self, note: &str);
    /// A table or figure has all its points.
    fn result_ends(&self, result: &ResultFile);
}

impl Sweep {
    /// Runs what is not finished, keeps each point at once and each table or figure as soon as it has all
    /// its points.
    ///
    /// # Errors
    /// If data are damaged or results cannot be written. What was finished stays.
    pub fn run(
        &self,
        engine: &dyn Engine,
        workloads: Workloads,
        store: &Store,
        watch: &dyn Watch,
    ) -> Result<Vec<ResultFile>, BenchError> {
        let environment = Environment::current(engine.device());
        let mut points = Points::plan(self, store, &environment, &workloads, watch);
        watch.begins(points.all, points.finished.len());
        let mut bench = Bench::new(engine, workloads, self.grid, self.repetitions);
        let mut results = Vec::new();
        for &id in &self.results {
            let tasks = grid::tasks(id, self.grid);
            for task in &tasks {
                points.run(task, &mut bench, store, &environment, watch)?;
            }
            let result = self.result(id, &tasks, &points, &environment);
            store.keep_result(&result)?;
            watch.result_ends(&result);
            results.push(result);
        }
        Ok(results)
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
            let reason = points.not_run.get(task)?.clone();
            Some(NotRun { task: task.clone(), reason })
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

/// The points of a sweep on their way from open to finished.
struct Points {
    all: usize,
    /// Points begun or found finished so far.
    number: usize,
    finished: HashMap<Task, Record>,
    not_run: HashMap<Task, String>,
    repetitions: Repetitions,
    /// What all open inferences cost, in the unit of [`measure::cost`].
    open_cost: f64,
    done_cost: f64,
    busy: Duration,
}

impl Points {
    /// Looks which points of the sweep are finished. A point counts only if it was taken with the same
    /// machine, device and version, and on the data that would be taken now.
    fn plan(
        sweep: &Sweep,
        store: &Store,
        environment: &Environment,
        workloads: &Workloads,
        watch: &dyn Watch,
    ) -> Self {
        let mut points = Points {
            all: 0,
            number: 0,
            finished: HashMap::new(),
            not_run: HashMap::new(),
            repetitions: sweep.repetitions,
            open_cost: 0.0,
            done_cost: 0.0,
            busy: Duration::ZERO,
        };
        let mut tasks: Vec<Task> = Vec::new();
        for task in sweep.results.iter().flat_map(|&id| grid::tasks(id, sweep.grid)) {
            if !tasks.contains(&task) {
                tasks.push(task);
            }
        }
        points.all = tasks.len();
        for task in tasks {
            match store.point(&task) {
                Ok(Some(record)) if record.environment.same_setup(environment) => {
                    let now = workloads.sources(task.workload());
                    let repeated = record.measurement().map(|measured| measured.repetitions.len());
                    let (what, before) = (task.describe(), &record.sources);
                    if now.is_some_and(|now| now != *before) {
                        watch.note(&format!(
                            "{what}: measured on other data ({}; {}); measured again",
                            before.network, before.inputs
                        ));
                    } else if repeated.is_none_or(|repeated| repeated >= points.repetitions.fewest) {
                        points.finished.insert(task, record);
                        continue;
                    }
                }
                Ok(Some(record)) => {
                    let (what, device) = (task.describe(), &record.environment.device);
                    watch.note(&format!(
                        "{what}: measured on {device}, {}, version {}; measured again",
                        record.environment.processor, record.environment.version
                    ));
                }
                Ok(None) => {}
                Err(error) => watch.note(&format!("{error}; measured again")),
            }
            points.open_cost += cost(&task, points.repetitions);
        }
        points.number = points.finished.len();
        points
    }

    fn run(
        &mut self,
        task: &Task,
        bench: &mut Bench<'_>,
        store: &Store,
        environment: &Environment,
        watch: &dyn Watch,
    ) -> Result<(), BenchError> {
        if self.finished.contains_key(task) || self.not_run.contains_key(task) {
            return Ok(());
        }
        self.number += 1;
        watch.point_begins(self.number, task, self.left());
        let start = Instant::now();
        let load_average = Environment::current(String::new()).load_average;
        let ran = bench.run(task);
        for note in bench.take_notes() {
            watch.note(&note);
        }
        match ran {
            Ok((finding, sources)) => {
                let environment = Environment { load_average, ..environment.clone() };
                let record = Record { task: task.clone(), finding, sources, environment, date: now() };
                store.keep_point(&record)?;
                self.tell_of_a_wrong_answer(&record, watch);
                watch.point_ends(self.number, &record);
                self.finished.insert(task.clone(), record);
            }
            Err(Failed::NotRun(reason)) => {
                watch.note(&format!("not run: {}: {reason}", task.describe()));
                self.not_run.insert(task.clone(), reason);
            }
            Err(Failed::Fatal(error)) => return Err(error),
        }
        let cost = cost(task, self.repetitions);
        if cost > 0.0 {
            self.open_cost -= cost;
            self.done_cost += cost;
            self.busy += start.elapsed();
        }
        Ok(())
    }

    fn tell_of_a_wrong_answer(&self, record: &Record, watch: &dyn Watch) {
        let Finding::Inference(measurement) = &record.finding else { return };
        if let Some(answer) = &measurement.answer
            && let Some(difference) = &answer.difference
        {
            let (what, against) = (record.task.describe(), &answer.against);
            watch.note(&format!("{what}: WRONG beside the {against}: {difference}"));
        }
    }

    /// About how long the open points take, from how long the others took.
    fn left(&self) -> Option<Duration> {
        let seconds = self.busy.as_secs_f64() / self.done_cost * self.open_cost;
        (self.done_cost > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

/// What a point costs as far as the estimate goes: only inferences count, they take nearly all of the time.
fn cost(task: &Task, repetitions: Repetitions) -> f64 {
    if matches!(task, Task::Inference { .. }) { measure::cost(task, repetitions) } else { 0.0 }
}
