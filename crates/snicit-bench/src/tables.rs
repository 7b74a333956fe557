//! Results as tables of text: the same on the terminal and on the page.

use crate::numbers::{count, percent, significant};
use crate::published;
use crate::record::{Finding, Inference, ResultFile};
use crate::result_id::ResultId;
use crate::statistics;
use crate::task::Workload;

/// Rows of text under a header; the first column names the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// As many fields each as the header has.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Table { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, fields: impl IntoIterator<Item = String>) {
        let fields: Vec<String> = fields.into_iter().collect();
        debug_assert_eq!(fields.len(), self.header.len());
        self.rows.push(fields);
    }
}

/// What is not known.
const NONE: &str = "–";

/// The table of a result, ours beside the published figures.
pub fn table(result: &ResultFile) -> Table {
    match result.result {
        ResultId::Table1 => table1(result),
        ResultId::Table3 => table3(result),
        ResultId::Fig6 => fig6(result),
        ResultId::Fig7 => shares(result),
        ResultId::Fig8 => sweep(result, "t", |inference| inference.threshold_layer as u64),
        ResultId::Fig9 => sweep(result, "B", |inference| inference.batch as u64),
        ResultId::Table4 => table4(result),
        ResultId::Fig10 => shares(result),
        ResultId::Fig11 => fig11(result),
        ResultId::Fig12 => fig12(result),
        ResultId::Fig1 => fig1(result),
    }
}

fn table1(result: &ResultFile) -> Table {
    let header = ["N – l", "bias", "connections", "a neuron", "density", "inputs", "ones of the inputs"];
    let mut table = Table::new(header);
    for record in &result.records {
        let Finding::Statistics(s) = &record.finding else { continue };
        table.row([
            record.task.workload().name(),
            s.bias.map_or_else(|| NONE.to_owned(), |bias| format!("{bias:.2}").replace('-', "−")),
            count(s.connections),
            s.largest_fan_in.to_string(),
            format!("{} %", significant(s.density * 100.0)),
            count(s.inputs),
            percent(s.ones as f64 / (s.inputs * s.neurons).max(1) as f64),
        ]);
    }
    table
}

/// Run times, ms: ours, the paper's and its artifact's, and both speed-ups of SNICIT.
fn table3(result: &ResultFile) -> Table {
    let header = [
        "N – l",
        "method",
        "inputs",
        "ms",
        "min – max",
        "paper, A6000, ms",
        "faster by",
        "artifact, H100, ms",
        "faster by",
        "SNICIT is faster by",
        "in the paper by",
    ];
    let mut table = Table::new(header);
    for inference in result.inferences() {
        let Workload::Sdgc { neurons, layers, inputs } = *inference.workload else { continue };
        let ms = inference.measurement.median_ms();
        let (low, high) = statistics::range(&inference.measurement.totals_ms());
        let paper = published::run_time_ms(neurons, layers, inference.method);
        let snicit =
            of(result, inference.workload, "SNICIT").map(|snicit| ms / snicit.measurement.median_ms());
        let paper_snicit = paper
            .zip(published::run_time_ms(neurons, layers, "SNICIT"))
            .map(|(method, snicit)| method / snicit);
        // With fewer inputs than the paper had, times cannot be compared.
        let comparable = inputs == snicit_data::sdgc::INPUTS;
        let artifact = published::artifact_ms(neurons, layers, inference.method);
        let text = |published: Option<f64>| published.map_or_else(|| NONE.to_owned(), significant);
        let faster = |published: Option<f64>| match published {
            Some(published) if comparable => format!("{}×", significant(published / ms)),
            _ => NONE.to_owned(),
        };
        let is_snicit = inference.method == "SNICIT";
        let speed_up = |factor: Option<f64>| match factor {
            Some(factor) if !is_snicit => format!("{}×", significant(factor)),
            _ => NONE.to_owned(),
        };
        table.row([
            inference.workload.name(),
            inference.method.to_owned(),
            count(inputs as u64),
            significant(ms),
            format!("{} – {}", significant(low), significant(high)),
            text(paper),
            faster(paper),
            text(artifact),
            faster(artifact),
            speed_up(snicit),
            speed_up(paper_snicit),
        ]);
    }
    table
}

/// The inference of a workload by a method, the first if there are several.
pub(crate) fn of<'a>(
    result: &'a ResultFile,
    workload: &Workload,
    method: &str,
) -> Option<Inference<'a>> {
    result.inferences().find(|inference| inference.workload == workload && inference.method == method)
}

fn fig6(result: &ResultFile) -> Table {
    let header =
        ["N – l", "XY-2021, ms a layer", "SNICIT, ms a layer", "ratio", "artifact on H100, ms a layer"];
    let mut table = Table::new(header);
    for snicit in result.inferences().filter(|inference| inference.method == "SNICIT") {
        let Workload::Sdgc { neurons, layers, .. } = *snicit.workload else { continue };
        let median = |inference: &Inference<'_>| {
            inference.measurement.post_layer_ms().map(|layer| statistics::median(&layer))
        };
        let (ours, xy) =
            (median(&snicit), of(result, snicit.workload, "XY-2021").and_then(|xy| median(&xy)));
        let artifact = published::artifact_stages_ms(neurons, layers);
        let artifact = artifact.map(|stages| stages[2] / (layers - snicit.threshold_layer) as f64);
        let text = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), significant);
        table.row([
            snicit.workload.name(),
            text(xy),
            text(ours),
            xy.zip(ours)
                .map_or_else(|| NONE.to_owned(), |(xy, ours)| format!("{}×", significant(xy / ours))),
            text(artifact),
        ]);
    }
    table
}

/// Names of the four stages.
pub(crate) const STAGES: [&str; 4] = ["pre-convergence", "conversion", "post-convergence", "recovery"];

fn shares(result: &ResultFile) -> Table {
    let mut table = Table::new(["", "total, ms", STAGES[0], STAGES[1], STAGES[2], STAGES[3]]);
    let row = |name: String, total: String, stages: [f64; 4]| {
        let sum: f64 = stages.iter().sum();
        [name, total].into_iter().chain(stages.map(|stage| percent(stage / sum)))
    };
    for inference in result.inferences() {
        let stages = inference.measurement.median_stages_ms();
        let total = significant(inference.measurement.median_ms());
        table.row(row(inference.workload.name(), total, stages));
        if let Workload::Sdgc { neurons, layers, .. } = *inference.workload
            && let Some(stages) = published::artifact_stages_ms(neurons, layers)
        {
            let total = significant(stages.iter().sum());
            table.row(row("    artifact on H100".to_owned(), total, stages));
        }
    }
    table
}

/// Run time against one variable: a row a value, a column a workload.
fn sweep(result: &ResultFile, variable: &str, value: impl Fn(&Inference<'_>) -> u64) -> Table {
    let mut workloads: Vec<&Workload> = Vec::new();
    for inference in result.inferences() {
        if !workloads.contains(&inference.workload) {
            workloads.push(inference.workload);
        }
    }
    let mut table = Table { header: vec!["N – l".to_owned()], rows: Vec::new() };
    table.header.extend(["inputs", variable, "ms", "min – max", "of the fastest"].map(str::to_owned));
    for workload in workloads {
        let points: Vec<_> = result.inferences().filter(|point| point.workload == workload).collect();
        let fastest = points.iter().map(|p| p.measurement.median_ms()).fold(f64::INFINITY, f64::min);
        for point in points {
            let ms = point.measurement.median_ms();
            let (low, high) = statistics::range(&point.measurement.totals_ms());
            table.row([
                workload.name(),
                count(workload.inputs() as u64),
                count(value(&point)),
                significant(ms),
                format!("{} – {}", significant(low), significant(high)),
                format!("{:.2}×", ms / fastest),
            ]);
        }
    }
    table
}

fn table4(result: &ResultFile) -> Table {
    let others: Vec<&str> = ["SNIG-2020", "BF-2019", "cuSPARSE", "cuBLAS"]
        .into_iter()
        .filter(|name| result.inferences().any(|inference| inference.method == *name))
        .collect();
    let mut table = Table::new([
        "network",
        "inputs",
        "accuracy",
        "with SNICIT",
        "loss, points",
        "in the paper",
        "SNICIT, ms",
    ]);
    table.header.extend(others.iter().map(|name| format!("faster than {name}")));
    for snicit in result.inferences().filter(|inference| inference.method == "SNICIT") {
        let exact = of(result, snicit.workload, "BF-2019");
        let accuracy = exact.and_then(|exact| exact.measurement.accuracy);
        let lossy = snicit.measurement.accuracy;
        let text = |share: Option<f64>| {
            share.map_or_else(|| NONE.to_owned(), |a| format!("{:.2} %", a * 100.0))
        };
        let speed_up = |method: &&str| {
            let other = of(result, snicit.workload, method);
            let factor = other.map(|o| o.measurement.median_ms() / snicit.measurement.median_ms());
            factor.map_or_else(|| NONE.to_owned(), |factor| format!("{}×", significant(factor)))
        };
        let fields = [
            snicit.workload.name(),
            count(snicit.workload.inputs() as u64),
            text(accuracy),
            text(lossy),
            accuracy.zip(lossy).map_or_else(|| NONE.to_owned(), |(a, b)| points(a - b)),
            text(published::accuracy(&snicit.workload.name())),
            significant(snicit.measurement.median_ms()),
        ];
        table.row(fields.into_iter().chain(others.iter().map(speed_up)));
    }
    table
}

/// A difference of shares in percentage points.
pub(crate) fn points(difference: f64) -> String {
    let text = format!("{:.2}", difference * 100.0);
    if text == "-0.00" { "0.00".to_owned() } else { text.replace('-', "−") }
}

fn fig11(result: &ResultFile) -> Table {
    let mut table = Table::new(["network", "method", "t", "post-convergence, ms a layer", "SNICIT is"]);
    for inference in result.inferences() {
        let median = |inference: &Inference<'_>| {
            inference.measurement.post_layer_ms().map(|layer| statistics::median(&layer))
        };
        let layer = median(&inference);
        let snicit = of(result, inference.workload, "SNICIT").and_then(|snicit| median(&snicit));
        table.row([
            inference.workload.name(),
            inference.method.to_owned(),
            inference.threshold_layer.to_string(),
            layer.map_or_else(|| NONE.to_owned(), significant),
            match layer.zip(snicit) {
                Some((layer, snicit)) if inference.method != "SNICIT" => {
                    format!("{:.2}×", layer / snicit)
                }
                _ => NONE.to_owned(),
            },
        ]);
    }
    table
}

fn fig12(result: &ResultFile) -> Table {
    let mut table =
        Table::new(["network", "t", "B", "SNICIT, ms", "over SNIG-2020", "accuracy loss, points"]);
    for point in crate::figures::heat_points(result) {
        table.row([
            point.network.clone(),
            point.threshold_layer.to_string(),
            count(point.batch as u64),
            significant(point.ms),
            point.speed_up.map_or_else(|| NONE.to_owned(), |speed_up| format!("{speed_up:.2}×")),
            point.loss.map_or_else(|| NONE.to_owned(), points),
        ]);
    }
    table
}

fn fig1(result: &ResultFile) -> Table {
    let mut table = Table::new(["sparse layer", "connections × live columns", "with SNICIT", "share"]);
    let (without, with) = crate::figures::work(result);
    for (i, (a, b)) in without.iter().zip(&with).enumerate() {
        table.row([(i + 1).to_string(), count(*a), count(*b), percent(*b as f64 / (*a).max(1) as f64)]);
    }
    table
}
