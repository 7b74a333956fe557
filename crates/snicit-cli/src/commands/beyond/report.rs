use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use snicit::{Method, Report};
use snicit_data::medium_scale::Benchmark;

use crate::device::ScheduleArg;
use crate::table::{Facts, NumberTable};
use crate::timing::{Lines, TimesJson};
use crate::units::{as_ms, count, ms_digits, rate};
use crate::{measures, memory};

/// What a method did.
pub(super) struct MethodRun {
    pub(super) method: Method,
    pub(super) report: Report,
    /// In percent.
    pub(super) accuracy: f64,
    pub(super) prepare: Duration,
    pub(super) notes: Vec<String>,
}

impl MethodRun {
    fn total(&self) -> Duration {
        self.report.times.total()
    }
}

/// All there is to report of a run.
pub(super) struct Run<'a> {
    pub(super) benchmark: &'a Benchmark,
    pub(super) device: String,
    /// Counted over the sparse layers.
    pub(super) threshold_layer: usize,
    pub(super) batch: usize,
    pub(super) repeat: usize,
    /// The method that was asked for.
    pub(super) asked: MethodRun,
    /// Those it is compared with; XY-2021 is here or it is the one that was asked for.
    pub(super) others: Vec<MethodRun>,
    /// Whether the user wants to see the others, too.
    pub(super) compare: bool,
    pub(super) schedule: ScheduleArg,
    pub(super) load: Duration,
}

impl Run<'_> {
    fn all(&self) -> impl Iterator<Item = &MethodRun> {
        std::iter::once(&self.asked).chain(&self.others)
    }

    /// The accuracy of exact feed-forward, in percent.
    fn exact_accuracy(&self) -> f64 {
        let exact = self.all().find(|run| run.method == Method::Xy2021);
        exact.unwrap_or(&self.asked).accuracy
    }

    fn accuracy_loss(&self, run: &MethodRun) -> f64 {
        self.exact_accuracy() - run.accuracy
    }

    /// The fastest method but SNICIT.
    fn best_exact(&self) -> &MethodRun {
        let exact = self.all().filter(|run| run.method != Method::Snicit);
        exact.min_by_key(|run| run.total()).unwrap_or(&self.asked)
    }

    /// How many times as fast as the best exact method SNICIT is, if it was run.
    fn gain(&self) -> Option<f64> {
        let snicit = self.all().find(|run| run.method == Method::Snicit)?;
        Some(as_ms(self.best_exact().total()) / as_ms(snicit.total()))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Benchmark { letter, network, inputs, origin, .. } = self.benchmark;
        let mut facts = Facts::default();
        let (layers, neurons) = (letter.sparse_layers(), letter.neurons());
        facts.add("method", self.asked.method.name());
        facts.add("device", self.device.as_str());
        facts.add(
            "network",
            format!(
                "{letter}: {}, {layers} sparse layers of {neurons} neurons, {} connections in all",
                letter.data_set().name(),
                count(network.connections())
            ),
        );
        facts.add("from", origin.as_str());
        let batches = if self.batch < inputs.len() {
            format!(" in batches of {}", count(self.batch as u64))
        } else {
            String::new()
        };
        let threshold = format!("threshold layer {} of {layers}", self.threshold_layer);
        facts.add("inputs", format!("{}{batches}, {threshold}", count(inputs.len() as u64)));
        let mut text = facts.render();
        for note in &self.asked.notes {
            let _ = writeln!(text, "{:9}{note}", "");
        }
        text.push('\n');
        text += &self.lines();
        if let Some(verdict) = self.verdict() {
            let _ = write!(text, "\n{verdict}\n");
        }
        if self.compare {
            let _ = write!(text, "\n{}", self.table());
        }
        text
    }

    fn lines(&self) -> String {
        let MethodRun { report, accuracy, prepare, .. } = &self.asked;
        let network = &self.benchmark.network;
        let mut lines = Lines::new(report.times.total());
        let paper = self.benchmark.letter.paper_accuracy();
        let loss = self.accuracy_loss(&self.asked);
        lines.add(
            "accuracy",
            &format!("{accuracy:.2}"),
            &format!("%; the paper's network {paper:.2} %"),
        );
        lines.add("accuracy loss", &format!("{loss:.2}"), "percentage points");
        lines.stages(&report.times, measures::post_convergence_layer_ms(network, report));
        lines.add("throughput", &rate(self.edges_per_second()), "edges/s of the whole network");
        lines.setup((self.load, "ms"), *prepare, report.upload);
        lines.add("centroids", &report.centroids.map_or_else(|| "–".to_owned(), count), "");
        lines.render()
    }

    /// Whether SNICIT is worth it.
    fn verdict(&self) -> Option<String> {
        let gain = self.gain()?;
        let exact = self.best_exact();
        let (name, total) = (exact.method.name(), as_ms(exact.total()));
        let digits = ms_digits(total);
        Some(if gain > 1.0 {
            format!(
                "SNICIT is {gain:.2} times as fast as {name}, which is exact and takes {total:.digits$} ms."
            )
        } else {
            format!(
                "SNICIT gains nothing here: {name} is exact and takes {total:.digits$} ms, {gain:.2} times its \
                 time."
            )
        })
    }

    /// The methods side by side, oldest first.
    fn table(&self) -> String {
        let runs: Vec<&MethodRun> = Method::ALL
            .iter()
            .filter_map(|method| self.all().find(|run| run.method == *method))
            .collect();
        let names = runs.iter().map(|run| run.method.name().to_owned());
        let mut table = NumberTable::new(std::iter::once(String::new()).chain(names).collect());
        let slowest = runs.iter().map(|run| as_ms(run.total())).fold(0.0, f64::max);
        let digits = ms_digits(slowest);
        let row = |of: &dyn Fn(&MethodRun) -> String| runs.iter().map(|run| of(run)).collect::<Vec<_>>();
        table.row("total, ms", row(&|run| format!("{:.digits$}", as_ms(run.total()))));
        table.row(
            "speed-up over the slowest",
            row(&|run| format!("{:.2}×", slowest / as_ms(run.total()))),
        );
        let network = &self.benchmark.network;
        let layer_ms = |run: &MethodRun| measures::post_convergence_layer_ms(network, &run.report);
        table.row(
            "post-convergence layer, ms",
            row(&|run| layer_ms(run).map_or_else(|| "–".to_owned(), |ms| format!("{ms:.3}"))),
        );
        table.row("accuracy, %", row(&|run| format!("{:.2}", run.accuracy)));
        table.row("accuracy loss", row(&|run| format!("{:.2}", self.accuracy_loss(run))));
        table.render()
    }

    fn edges_per_second(&self) -> f64 {
        let Benchmark { network, inputs, .. } = self.benchmark;
        measures::edges_per_second(network, inputs.len(), &self.asked.report)
    }

    /// For machines.
    pub(super) fn json(&self) -> RunJson<'_> {
        let Benchmark { letter, network, inputs, .. } = self.benchmark;
        let report = &self.asked.report;
        let best = self.best_exact();
        RunJson {
            schema: 1,
            benchmark: letter.to_string(),
            method: self.asked.method.name(),
            device: &self.device,
            neurons: letter.neurons(),
            layers: letter.sparse_layers(),
            inputs: inputs.len(),
            batch: self.batch,
            threshold_layer: self.threshold_layer,
            accuracy: self.asked.accuracy,
            accuracy_loss: self.accuracy_loss(&self.asked),
            centroids: report.centroids,
            schedule: self.schedule.name(),
            repeat: self.repeat,
            times_ms: (&report.times).into(),
            post_convergence_layer_ms: measures::post_convergence_layer_ms(network, report),
            edges_per_second: self.edges_per_second(),
            best_exact: ComparedJson::of(best),
            gain: self.gain(),
            compared: self.others.iter().map(ComparedJson::of).collect(),
            load_ms: as_ms(self.load),
            prepare_ms: as_ms(self.asked.prepare),
            upload_ms: as_ms(report.upload),
            peak_memory_bytes: memory::peak(),
        }
    }
}

/// The object of `--json`; a change of meaning needs another `schema`. Accuracies are in percent.
#[derive(Serialize)]
pub(super) struct RunJson<'a> {
    schema: u32,
    benchmark: String,
    method: &'a str,
    device: &'a str,
    neurons: usize,
    /// Sparse layers.
    layers: usize,
    inputs: usize,
    batch: usize,
    /// Counted over the sparse layers.
    threshold_layer: usize,
    accuracy: f64,
    /// What exact feed-forward has more.
    accuracy_loss: f64,
    centroids: Option<u64>,
    /// Of SNICIT on a GPU.
    schedule: &'a str,
    repeat: usize,
    times_ms: TimesJson,
    post_convergence_layer_ms: Option<f64>,
    /// Counts all connections of the network, computed or not.
    edges_per_second: f64,
    /// The fastest exact method that was run.
    best_exact: ComparedJson,
    /// How many times as fast as that SNICIT is; `null` where it was not run.
    gain: Option<f64>,
    compared: Vec<ComparedJson>,
    load_ms: f64,
    prepare_ms: f64,
    upload_ms: f64,
    peak_memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct ComparedJson {
    method: &'static str,
    accuracy: f64,
    times_ms: TimesJson,
}

impl ComparedJson {
    fn of(run: &MethodRun) -> Self {
        let times_ms = (&run.report.times).into();
        ComparedJson { method: run.method.name(), accuracy: run.accuracy, times_ms }
    }
}
