use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use snicit::categories::Mismatch;
use snicit::{Categories, Method, Network, Report};

use crate::device::ScheduleArg;
use crate::extras_args::{ExtrasArgs, ExtrasJson};
use crate::table::Facts;
use crate::timing::{Lines, TimesJson};
use crate::units::{as_ms, count, rate};
use crate::{measures, memory};

/// How the categories compare with the truth.
pub(super) enum Answer {
    Match,
    Mismatch(Mismatch),
    Unchecked,
}

impl Answer {
    pub(super) fn check(categories: &Categories, truth: Option<&Categories>) -> Self {
        match truth.map(|truth| categories.check(truth)) {
            Some(Ok(())) => Answer::Match,
            Some(Err(mismatch)) => Answer::Mismatch(mismatch),
            None => Answer::Unchecked,
        }
    }
}

/// All there is to report of a run.
pub(super) struct Run<'a> {
    pub(super) method: Method,
    pub(super) device: String,
    pub(super) network: &'a Network,
    pub(super) inputs: usize,
    pub(super) batch: usize,
    pub(super) report: &'a Report,
    pub(super) notes: Vec<String>,
    pub(super) categories: usize,
    pub(super) answer: &'a Answer,
    pub(super) schedule: ScheduleArg,
    pub(super) extras: &'a ExtrasArgs,
    pub(super) load: Duration,
    /// Whether network and inputs came from the cache.
    pub(super) from_cache: (bool, bool),
    pub(super) prepare: Duration,
}

impl Run<'_> {
    fn post_convergence_layer_ms(&self) -> Option<f64> {
        measures::post_convergence_layer_ms(self.network, self.report)
    }

    fn edges_per_second(&self) -> f64 {
        measures::edges_per_second(self.network, self.inputs, self.report)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let (network, report) = (self.network, self.report);
        let mut facts = Facts::default();
        facts.add("method", self.method.name());
        facts.add("device", self.device.as_str());
        facts.add(
            "network",
            format!(
                "{} neurons, {} layers, {} connections",
                network.max_width(),
                network.layers().len(),
                count(network.connections())
            ),
        );
        let inputs = count(self.inputs as u64);
        let batch = count(self.batch as u64);
        let batches =
            if self.batch < self.inputs { format!(" in batches of {batch}") } else { String::new() };
        facts.add("inputs", format!("{inputs}{batches}, threshold layer {}", report.threshold_layer));
        let mut text = facts.render();
        for note in &self.notes {
            let _ = writeln!(text, "{:9}{note}", "");
        }

        text.push('\n');
        let mut lines = Lines::new(report.times.total());
        lines.stages(&report.times, self.post_convergence_layer_ms());
        lines.add("throughput", &rate(self.edges_per_second()), "edges/s of the whole network");
        let loaded = match self.from_cache {
            (true, true) => "ms, from the cache",
            (true, false) => "ms, the network from the cache",
            (false, true) => "ms, the inputs from the cache",
            (false, false) => "ms, from the files",
        };
        lines.setup((self.load, loaded), self.prepare, report.upload);
        lines.add("columns left", &count(measures::columns_left(report)), "");
        lines.add("centroids", &report.centroids.map_or_else(|| "–".to_owned(), count), "");
        lines.add("categories", &count(self.categories as u64), &self.comparison());
        self.extras.add_lines(&mut lines, report);
        text + &lines.render()
    }

    fn comparison(&self) -> String {
        match &self.answer {
            Answer::Match => "match the truth".to_owned(),
            Answer::Mismatch(mismatch) => format!("DIFFER from the truth: {mismatch}"),
            Answer::Unchecked => "not checked".to_owned(),
        }
    }

    /// For machines.
    pub(super) fn json(&self) -> RunJson<'_> {
        let network = self.network;
        RunJson {
            schema: 1,
            method: self.method.name(),
            device: &self.device,
            neurons: network.max_width(),
            layers: network.layers().len(),
            inputs: self.inputs,
            batch: self.batch,
            threshold_layer: self.report.threshold_layer,
            categories: self.categories,
            truth: match &self.answer {
                Answer::Match => "match",
                Answer::Mismatch(_) => "mismatch",
                Answer::Unchecked => "none",
            },
            centroids: self.report.centroids,
            schedule: self.schedule.name(),
            extras: self.extras.json(self.report),
            times_ms: (&self.report.times).into(),
            post_convergence_layer_ms: self.post_convergence_layer_ms(),
            edges_per_second: self.edges_per_second(),
            load_ms: as_ms(self.load),
            prepare_ms: as_ms(self.prepare),
            upload_ms: as_ms(self.report.upload),
            peak_memory_bytes: memory::peak(),
        }
    }
}

/// The object of `--json`; a change of meaning needs another `schema`.
#[derive(Serialize)]
pub(super) struct RunJson<'a> {
    schema: u32,
    method: &'a str,
    device: &'a str,
    neurons: usize,
    layers: usize,
    inputs: usize,
    batch: usize,
    threshold_layer: usize,
    categories: usize,
    truth: &'a str,
    centroids: Option<u64>,
    /// Of SNICIT on a GPU.
    schedule: &'a str,
    extras: ExtrasJson,
    times_ms: TimesJson,
    post_convergence_layer_ms: Option<f64>,
    /// Counts all connections of the network, computed or not.
    edges_per_second: f64,
    load_ms: f64,
    prepare_ms: f64,
    upload_ms: f64,
    peak_memory_bytes: Option<u64>,
}
