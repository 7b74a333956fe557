//! The tables of the Graph Challenge's benchmarks.

use snicit::Threshold;

use super::{NONE, RANGE, Table, median_post_layer_us, of};
use crate::numbers::{count, percent, significant};
use crate::published;
use crate::record::{Finding, Inference, ResultFile};
use crate::statistics;
use crate::task::Workload;

pub(super) fn table1(result: &ResultFile) -> Table {
    let header = [
        "N – l",
        "bias",
        "connections",
        "connections a neuron",
        "density",
        "inputs",
        "ones of the inputs",
    ];
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
pub(super) fn table3(result: &ResultFile) -> Table {
    let header = [
        "N – l",
        "method",
        "inputs",
        "ms",
        RANGE,
        "paper, A6000, ms",
        "speed-up over paper",
        "artifact, H100, ms",
        "speed-up over artifact",
        "SNICIT's speed-up",
        "SNICIT's speed-up in the paper",
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
        let over = |published: Option<f64>| match published {
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
            over(paper),
            text(artifact),
            over(artifact),
            speed_up(snicit),
            speed_up(paper_snicit),
        ]);
    }
    table
}

pub(super) fn fig6(result: &ResultFile) -> Table {
    let header = [
        "N – l",
        "XY-2021, µs a layer",
        "SNICIT, µs a layer",
        "speed-up over XY-2021",
        "artifact, H100, µs a layer",
        "speed-up over artifact",
    ];
    let mut table = Table::new(header);
    for snicit in result.inferences().filter(|inference| inference.method == "SNICIT") {
        let Workload::Sdgc { neurons, layers, inputs } = *snicit.workload else { continue };
        let ours = median_post_layer_us(&snicit);
        let xy = of(result, snicit.workload, "XY-2021").and_then(|xy| median_post_layer_us(&xy));
        let artifact = published::artifact_stages_ms(neurons, layers);
        let artifact = artifact.map(|stages| stages[2] * 1e3 / (layers - Threshold::SDGC) as f64);
        let text = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), significant);
        let ratio = |slow: Option<f64>, fast: Option<f64>| match slow.zip(fast) {
            Some((slow, fast)) => format!("{}×", significant(slow / fast)),
            None => NONE.to_owned(),
        };
        let comparable = artifact.filter(|_| inputs == snicit_data::sdgc::INPUTS);
        table.row([
            snicit.workload.name(),
            text(xy),
            text(ours),
            ratio(xy, ours),
            text(artifact),
            ratio(comparable, ours),
        ]);
    }
    table
}

/// Run time against one variable: a row a value, a column a workload.
pub(super) fn sweep(
    result: &ResultFile,
    variable: &str,
    value: impl Fn(&Inference<'_>) -> u64,
) -> Table {
    let mut workloads: Vec<&Workload> = Vec::new();
    for inference in result.inferences() {
        if !workloads.contains(&inference.workload) {
            workloads.push(inference.workload);
        }
    }
    let mut table = Table { header: vec!["N – l".to_owned()], rows: Vec::new() };
    table.header.extend(["inputs", variable, "ms", RANGE, "of the fastest"].map(str::to_owned));
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
