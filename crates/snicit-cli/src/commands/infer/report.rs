use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use snicit::{Method, Network, Report};

use crate::device::ScheduleArg;
use crate::extras_args::{ExtrasArgs, ExtrasJson};
use crate::table::Facts;
use crate::timing::{Lines, TimesJson};
use crate::units::{as_ms, count, counted, rate};
use crate::{measures, memory};

/// All there is to report of a run.
pub(super) struct Run<'a> {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) device: String,
    pub(super) network: &'a Network,
    pub(super) inputs: usize,
    pub(super) batch: usize,
    pub(super) repeat: usize,
    pub(super) report: &'a Report,
    pub(super) schedule: ScheduleArg,
    pub(super) extras: &'a ExtrasArgs,
    pub(super) notes: Vec<String>,
    /// In percent, if there are labels.
    pub(super) accuracy: Option<f64>,
    pub(super) load: Duration,
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
        let layers = network.layers().len();
        let mut facts = Facts::default();
        facts.add("method", self.method.name());
        facts.add("device", self.device.as_str());
        facts.add(
            "network",
            format!(
                "{}: {}, {} inputs, {} outputs, {} connections",
                self.name,
                counted(layers as u64, "layer"),
                count(network.inputs() as u64),
                count(network.outputs() as u64),
                count(network.connections())
            ),
        );
        let batches = if self.batch < self.inputs {
            format!(" in batches of {}", count(self.batch as u64))
        } else {
            String::new()
        };
        let threshold = if self.method == Method::Snicit {
            format!(", threshold layer {} of {layers}", report.threshold_layer)
        } else {
            String::new()
        };
        facts.add("inputs", format!("{}{batches}{threshold}", count(self.inputs as u64)));
        let mut text = facts.render();
        for note in &self.notes {
            let _ = writeln!(text, "{:9}{note}", "");
        }
        text.push('\n');
        let mut lines = Lines::new(report.times.total());
        if let Some(accuracy) = self.accuracy {
            lines.add("accuracy", &format!("{accuracy:.2}"), "%");
        }
        if self.method == Method::Snicit {
            lines.stages(&report.times, self.post_convergence_layer_ms());
        } else {
            lines.ms("total", report.times.total(), "ms");
        }
        lines.add("throughput", &rate(self.edges_per_second()), "edges/s of the whole network");
        lines.setup((self.load, "ms"), self.prepare, report.upload);
        if let Some(centroids) = report.centroids {
            lines.add("centroids", &count(centroids), "");
        }
        self.extras.add_lines(&mut lines, report);
        text + &lines.render()
    }

    /// For machines.
    pub(super) fn json(&self) -> RunJson<'_> {
        let (network, report) = (self.network, self.report);
        RunJson {
            schema: 1,
            network: &self.name,
            method: self.method.name(),
            device: &self.device,
            features: network.inputs(),
            outputs: network.outputs(),
            layers: network.layers().len(),
            connections: network.connections(),
            inputs: self.inputs,
            batch: self.batch,
            threshold_layer: report.threshold_layer,
            accuracy: self.accuracy,
            centroids: report.centroids,
            schedule: self.schedule.name(),
            extras: self.extras.json(report),
            repeat: self.repeat,
            times_ms: (&report.times).into(),
            post_convergence_layer_ms: self.post_convergence_layer_ms(),
            edges_per_second: self.edges_per_second(),
            load_ms: as_ms(self.load),
            prepare_ms: as_ms(self.prepare),
            upload_ms: as_ms(report.upload),
            peak_memory_bytes: memory::peak(),
            notes: &self.notes,
        }
    }
}

/// The object of `--json`; a change of meaning needs another `schema`.
#[derive(Serialize)]
pub(super) struct RunJson<'a> {
    schema: u32,
    network: &'a str,
    method: &'a str,
    device: &'a str,
    features: usize,
    outputs: usize,
    layers: usize,
    connections: u64,
    inputs: usize,
    batch: usize,
    threshold_layer: usize,
    /// In percent; `null` without labels.
    accuracy: Option<f64>,
    centroids: Option<u64>,
    /// Of SNICIT on a GPU.
    schedule: &'a str,
    extras: ExtrasJson,
    repeat: usize,
    times_ms: TimesJson,
    post_convergence_layer_ms: Option<f64>,
    /// Counts all connections of the network, computed or not.
    edges_per_second: f64,
    load_ms: f64,
    prepare_ms: f64,
    upload_ms: f64,
    peak_memory_bytes: Option<u64>,
    /// What the engine found and chose, for people.
    notes: &'a [String],
}
