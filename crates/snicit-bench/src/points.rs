//! The points of a sweep on their way from open to finished.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use snicit_data::sdgc::CONNECTIONS_PER_NEURON;

use crate::BenchError;
use crate::budget::{Estimates, Total};
use crate::contestants::Contestants;
use crate::differences::{self, Difference};
use crate::environment::{Environment, now};
use crate::grouping::{describe, grouped};
use crate::measure::{Bench, Failed, Repetitions, Spent};
use crate::memory::lacks_memory;
use crate::not_run::Cause;
use crate::numbers::{count, significant};
use crate::order::{Importance, run_order};
use crate::record::{Finding, Record};
use crate::result_id::Grid;
use crate::store::Store;
use crate::sweep::{Sweep, TimeLeft, Watch};
use crate::task::{Task, Workload};
use crate::workloads::Workloads;

/// Networks that are so large are worth a sentence.
const TOLD_CONNECTIONS: u64 = 100_000_000;
/// A weight and an index.
const BYTES_A_CONNECTION: u64 = 8;

pub(crate) struct Points {
    pub(crate) all: usize,
    pub(crate) finished: HashMap<Task, Record>,
    pub(crate) not_run: HashMap<Task, (Cause, String)>,
    /// Points decided so far: finished, or not to be run.
    number: usize,
    /// In the order in which they will be run.
    open: VecDeque<Task>,
    repetitions: Repetitions,
    budget: Option<Duration>,
    begun: Instant,
    estimates: Estimates,
    /// The network that the last point left loaded.
    held: Option<Workload>,
    environment: Environment,
    /// Other libraries, of which each matters for its own points only.
    peers: Vec<String>,
}

impl Points {
    /// Looks which points are finished. A point counts only if it was taken with the same machine, device and
    /// version, and on the data that would be taken now.
    pub(crate) fn plan(
        sweep: &Sweep,
        tasks: impl Iterator<Item = Task>,
        store: &Store,
        contestants: &Contestants<'_>,
        workloads: &mut Workloads,
        watch: &dyn Watch,
    ) -> Self {
        let mut points = Points {
            all: 0,
            finished: HashMap::new(),
            not_run: HashMap::new(),
            number: 0,
            open: VecDeque::new(),
            repetitions: sweep.repetitions,
            budget: sweep.budget,
            begun: Instant::now(),
            estimates: Estimates::default(),
            held: None,
            environment: contestants.environment(),
            peers: contestants.peer_names().into_iter().map(str::to_owned).collect(),
        };
        let mut open: Vec<Task> = Vec::new();
        let mut outdated: Vec<(String, Task)> = Vec::new();
        for task in tasks {
            if points.finished.contains_key(&task) || open.contains(&task) {
                continue;
            }
            points.all += 1;
            match store.point(&task) {
                Ok(Some(record)) => match points.outdated(&record, workloads) {
                    None => {
                        points.finished.insert(task, record);
                    }
                    Some(reason) => {
                        outdated.push((reason, task.clone()));
                        open.push(task);
                    }
                },
                Ok(None) => open.push(task),
                Err(error) => {
                    watch.note(&format!("{error}; measured again"));
                    open.push(task);
                }
            }
        }
        for note in workloads.take_notes() {
            watch.note(&note);
        }
        for (reason, tasks) in grouped(outdated) {
            watch.note(&format!("{}: {reason}; measured again", describe(&tasks)));
        }
        // The reduced grid's networks are small, but loading them three times would be a good part of its minutes.
        let importance = match (sweep.grid, sweep.budget) {
            (Grid::Full, Some(_)) => Importance::Counts,
            _ => Importance::IsEqual,
        };
        run_order(&mut open, importance);
        points.open = open.into();
        points.number = points.finished.len();
        points.learn_from_finished();
        points
    }

    /// What is known from points that were finished before.
    fn learn_from_finished(&mut self) {
        let mut tasks: Vec<Task> = self.finished.keys().cloned().collect();
        run_order(&mut tasks, Importance::IsEqual);
        for task in tasks {
            if let Some(measurement) = self.finished[&task].measurement() {
                let time = |ms: f64| Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
                let prepare = Some(time(measurement.prepare_ms));
                let inferences = time(measurement.inference_ms);
                let spent = Spent { prepare, inferences, runs: 1, ..Spent::default() };
                self.estimates.learn(&task, &spent);
            }
        }
    }

    /// Leaves out what cannot be run, before a network is loaded for it.
    pub(crate) fn leave_out(
        &mut self,
        mut refusal: impl FnMut(&Task) -> Option<(Cause, String)>,
        watch: &dyn Watch,
    ) {
        let refused = self.open.iter().filter_map(|task| Some((refusal(task)?, task.clone())));
        let refused = grouped(refused.collect::<Vec<_>>());
        for ((cause, reason), tasks) in refused {
            self.give_up(&tasks, cause, &reason, watch);
        }
    }

    /// Why a kept point must be measured again; nothing if it need not.
    fn outdated(&self, record: &Record, workloads: &mut Workloads) -> Option<String> {
        let environment = self.environment_of(&record.task);
        let mut found = differences::of_environments(&record.environment, &environment);
        match workloads.sources(record.task.workload()) {
            Some(now) => found.extend(differences::of_sources(&record.sources, &now)),
            // What cannot be told may be anything.
            None => return Some("whether the data are the same cannot be told".to_owned()),
        }
        if !found.is_empty() {
            let told = |Difference { what, before, after }: &Difference| {
                format!("{what} was {before}, is now {after}")
            };
            return Some(found.iter().map(told).collect::<Vec<_>>().join("; "));
        }
        let (Task::Inference { method, .. }, Some(measurement)) = (&record.task, record.measurement())
        else {
            return None;
        };
        let one = Duration::try_from_secs_f64(measurement.inference_ms / 1e3).unwrap_or_default();
        let repeated = measurement.repetitions.len();
        let fewest = self.repetitions.fewest_of(method, one);
        (repeated < fewest).then(|| format!("repeated {repeated} times, expected at least {fewest}"))
    }

    /// On what a point runs: without the libraries that have no part in it, which need not be there the next time.
    fn environment_of(&self, task: &Task) -> Environment {
        let mut environment = self.environment.clone();
        let takes_part = |name: &String| {
            !self.peers.contains(name)
                || matches!(task, Task::Inference { method, .. } if method == name)
        };
        environment.libraries.retain(|library| takes_part(&library.name));
        environment
    }

    /// Whether a point is finished, or known not to be run.
    pub(crate) fn is_decided(&self, task: &Task) -> bool {
        self.finished.contains_key(task) || self.not_run.contains_key(task)
    }

    /// Runs the next open point, or decides that it is not run. Whether there was one.
    pub(crate) fn run_next(
        &mut self,
        bench: &mut Bench<'_>,
        store: &Store,
        watch: &dyn Watch,
    ) -> Result<bool, BenchError> {
        let Some(task) = self.open.front().cloned() else { return Ok(false) };
        let fitting = self.fitting();
        if !fitting.contains(&task) {
            let reason = self.too_expensive(&task);
            self.give_up(&[task], Cause::Budget, &reason, watch);
            return Ok(true);
        }
        watch.point_begins(self.number + 1, &task, self.time_left(&fitting));
        self.open.pop_front();
        let deepest = deepest(&fitting, task.workload());
        if let Some(note) = self.tell_of_load(&task, deepest, bench) {
            watch.note(&note);
        }
        let environment = self.environment_of(&task).under_load_of_now();
        let loads = !bench.holds(task.workload());
        let ran = bench.run(&task, deepest);
        if let (true, Workload::Sdgc { neurons, layers, inputs }) = (loads, task.workload().clone()) {
            self.held = Some(Workload::Sdgc { neurons, layers: layers.max(deepest), inputs });
        }
        for note in bench.take_notes() {
            watch.note(&note);
        }
        match ran {
            Ok((finding, sources)) => {
                self.estimates.learn(&task, &bench.spent());
                let record = Record { task: task.clone(), finding, sources, environment, date: now() };
                store.keep_point(&record)?;
                self.number += 1;
                tell_of_a_wrong_answer(&record, watch);
                watch.point_ends(self.number, &record);
                self.finished.insert(task, record);
            }
            Err(Failed::NotRun(cause, reason)) => self.give_up(&[task], cause, &reason, watch),
            Err(Failed::Data(reason)) => {
                // The same files would be read in vain for each of them.
                let same = |other: &&Task| other.workload() == task.workload();
                let others: Vec<Task> = self.open.iter().filter(same).cloned().collect();
                let all: Vec<Task> = std::iter::once(task).chain(others).collect();
                self.give_up(&all, Cause::Data, &reason, watch);
            }
        }
        Ok(true)
    }

    /// What a large network that has to be loaded first will take.
    fn tell_of_load(&self, task: &Task, deepest: usize, bench: &Bench<'_>) -> Option<String> {
        let Workload::Sdgc { neurons, layers, inputs } = *task.workload() else { return None };
        let layers = layers.max(deepest);
        let connections = (neurons * layers * CONNECTIONS_PER_NEURON) as u64;
        if bench.holds(task.workload()) || connections < TOLD_CONNECTIONS {
            return None;
        }
        let gib = (connections * BYTES_A_CONNECTION) as f64 / f64::from(1 << 30);
        let time = self.estimates.network(&Workload::Sdgc { neurons, layers, inputs });
        let time = match time.as_secs_f64() {
            0.0 => String::new(),
            seconds => format!(", about {seconds:.0} s"),
        };
        let connections = count(connections);
        Some(format!(
            "network {neurons}-{layers}: {connections} connections, {gib:.1} GiB of memory{time}"
        ))
    }

    /// Decides that points are not run, all for the same reason.
    fn give_up(&mut self, tasks: &[Task], cause: Cause, reason: &str, watch: &dyn Watch) {
        self.open.retain(|open| !tasks.contains(open));
        watch.note(&format!("not run: {}: {reason}", describe(tasks)));
        for task in tasks {
            self.number += 1;
            watch.point_not_run(self.number, task);
            self.not_run.insert(task.clone(), (cause, reason.to_owned()));
        }
    }

    /// The open points that fit what is left of the budget, in their order.
    fn fitting(&self) -> Vec<Task> {
        let open: Vec<Task> = self.open.iter().cloned().collect();
        match self.budget_left() {
            Some(left) => {
                let held = self.held.as_ref();
                let fitting = self.estimates.fitting(&open, held, self.repetitions, left);
                open.into_iter().filter(|task| fitting.contains(task)).collect()
            }
            None => open,
        }
    }

    fn too_expensive(&self, task: &Task) -> String {
        let (budget, left) = (self.budget.unwrap_or_default(), self.budget_left().unwrap_or_default());
        let price = self.estimates.point(task, self.repetitions);
        let told = match price {
            Some(price) => format!("about {} s", significant(price.as_secs_f64())),
            None => "nothing like it was timed yet".to_owned(),
        };
        let taken = if price.is_some_and(|price| price <= left) { ", which others need" } else { "" };
        format!(
            "{told}; of the budget of {} s, {:.0} s are left{taken}",
            significant(budget.as_secs_f64()),
            left.as_secs_f64()
        )
    }

    fn budget_left(&self) -> Option<Duration> {
        self.budget.map(|budget| budget.saturating_sub(self.begun.elapsed()))
    }

    /// How long the points that will be run take, as far as that can be said.
    fn time_left(&self, fitting: &[Task]) -> Option<TimeLeft> {
        let Total { known, complete } =
            self.estimates.all(fitting, self.held.as_ref(), self.repetitions);
        match (self.budget_left(), complete) {
            (Some(left), true) => Some(TimeLeft::About(known.min(left))),
            (Some(left), false) => Some(TimeLeft::AtMost(left)),
            (None, true) => Some(TimeLeft::About(known)),
            (None, false) => (!known.is_zero()).then_some(TimeLeft::AtLeast(known)),
        }
    }
}

/// The most layers that any of `tasks` wants of a network of this width, as far as memory allows.
fn deepest(tasks: &[Task], workload: &Workload) -> usize {
    let Workload::Sdgc { neurons: width, .. } = workload else { return 0 };
    let depth = |task: &Task| match task.workload() {
        Workload::Sdgc { neurons, layers, .. }
            if neurons == width && lacks_memory(task.workload()).is_none() =>
        {
            Some(*layers)
        }
        _ => None,
    };
    tasks.iter().filter_map(depth).max().unwrap_or(0)
}

fn tell_of_a_wrong_answer(record: &Record, watch: &dyn Watch) {
    let Finding::Inference(measurement) = &record.finding else { return };
    if let Some(answer) = &measurement.answer
        && let Some(difference) = &answer.difference
    {
        let (what, against) = (record.task.describe(), &answer.against);
        watch.note(&format!("{what}: WRONG beside {against}: {difference}"));
    }
}
