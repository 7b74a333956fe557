//! Bars: run times, latencies, speed-ups, connections.

use super::common::{Drawn, group_name, grouped, legend, methods, width_name, with_inputs};
use crate::plot::{Bar, BarAxis, BarAxisKind, BarGroup, Bars, Panel, Plot, Series};
use crate::record::{Finding, Inference, ResultFile};
use crate::statistics::{self, FEWEST_REPETITIONS, Ratio};
use crate::tables::of;
use crate::task::Workload;

/// A panel a width, a group a benchmark, a bar a method.
fn method_bars(
    result: &ResultFile,
    y_label: &str,
    axis: BarAxisKind,
    methods: &[&str],
    bar: impl Fn(&Inference<'_>) -> Option<Bar>,
) -> Drawn {
    let bar = |inference: &Inference<'_>| bar(inference).filter(|bar| bar.value > 0.0);
    let all: Vec<Bar> = result.inferences().filter_map(|inference| bar(&inference)).collect();
    if all.is_empty() {
        return (vec![], vec![], 2);
    }
    let axis = BarAxis::of(axis, &all);
    let panel = |(title, workloads): (String, Vec<&Workload>)| {
        let group = |workload: &&Workload| BarGroup {
            name: group_name(workload),
            bars: methods.iter().map(|method| bar(&of(result, workload, method)?)).collect(),
        };
        let x_label = if matches!(workloads[0], Workload::Sdgc { .. }) { "layers l" } else { "network" };
        let groups: Vec<BarGroup> = workloads.iter().map(group).collect();
        let title = with_inputs(title, workloads[0]);
        let (x_label, y_label) = (x_label.to_owned(), y_label.to_owned());
        Panel { title, plot: Plot::Bars(Bars { x_label, y_label, groups, axis }) }
    };
    let panels = grouped(result, width_name).into_iter().map(panel).collect();
    (legend(methods, false), panels, 2)
}

/// The median of repetitions, and their smallest and largest.
fn median_bar(method: &str, values: &[f64]) -> Bar {
    let (low, high) = statistics::range(values);
    Bar { series: Series::of_method(method), value: statistics::median(values), low, high }
}

pub(super) fn run_times(result: &ResultFile) -> Drawn {
    let bar = |inference: &Inference<'_>| {
        Some(median_bar(inference.method, &inference.measurement.totals_ms()))
    };
    method_bars(result, "run time, ms (logarithmic)", BarAxisKind::Logarithmic, &methods(result), bar)
}

pub(super) fn post_layers(result: &ResultFile) -> Drawn {
    let bar = |inference: &Inference<'_>| {
        let layer_us: Vec<f64> =
            inference.measurement.post_layer_ms()?.into_iter().map(|ms| ms * 1e3).collect();
        Some(median_bar(inference.method, &layer_us))
    };
    let y_label = "latency of a layer, µs (logarithmic)";
    method_bars(result, y_label, BarAxisKind::Logarithmic, &methods(result), bar)
}

/// How many times faster `snicit` is than another method, and the interval of that: both scatter.
fn speed_up_bar(other: &Inference<'_>, snicit: &Inference<'_>) -> Bar {
    let (others, snicits) = (other.measurement.totals_ms(), snicit.measurement.totals_ms());
    let Ratio { ratio, low, high } = statistics::ratio(&others, &snicits);
    let known = others.len().min(snicits.len()) >= FEWEST_REPETITIONS;
    let (low, high) = if known { (low, high) } else { (ratio, ratio) };
    Bar { series: Series::of_method(other.method), value: ratio, low, high }
}

/// How many times faster SNICIT is on the trained networks.
pub(super) fn speed_ups(result: &ResultFile) -> Drawn {
    let mut others = methods(result);
    others.retain(|method| *method != "SNICIT");
    let bar = |inference: &Inference<'_>| {
        let snicit = of(result, inference.workload, "SNICIT")?;
        (inference.method != "SNICIT").then(|| speed_up_bar(inference, &snicit))
    };
    let mut drawn =
        method_bars(result, "speed-up of SNICIT, times", BarAxisKind::Linear(1.0), &others, bar);
    for entry in &mut drawn.0 {
        entry.name = format!("over {}", entry.name);
    }
    drawn
}

pub(super) fn connections(result: &ResultFile) -> Drawn {
    let bar = |workload: &Workload| {
        let found = result.records.iter().find_map(|record| match &record.finding {
            Finding::Statistics(found) if record.task.workload() == workload => Some(found),
            _ => None,
        })?;
        let millions = found.connections as f64 / 1e6;
        Some(Bar { series: Series::Third, value: millions, low: millions, high: millions })
    };
    let all: Vec<Bar> = result.records.iter().filter_map(|record| bar(record.task.workload())).collect();
    if all.is_empty() {
        return (vec![], vec![], 2);
    }
    let axis = BarAxis::of(BarAxisKind::Logarithmic, &all);
    let panel = |(title, workloads): (String, Vec<&Workload>)| {
        let group =
            |workload: &&Workload| BarGroup { name: group_name(workload), bars: vec![bar(workload)] };
        let (x_label, y_label) =
            ("layers l".to_owned(), "connections, millions (logarithmic)".to_owned());
        let groups = workloads.iter().map(group).collect();
        Panel { title, plot: Plot::Bars(Bars { x_label, y_label, groups, axis }) }
    };
    (vec![], grouped(result, width_name).into_iter().map(panel).collect(), 2)
}
