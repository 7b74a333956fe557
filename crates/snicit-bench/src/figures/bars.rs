//! Bars: run times, latencies, speed-ups, connections.

use super::common::{Drawn, group_name, grouped, legend, methods, width_name, with_inputs};
use crate::plot::{Bar, BarAxis, BarGroup, Bars, Panel, Plot, Series};
use crate::record::{Finding, Inference, ResultFile};
use crate::statistics;
use crate::tables::of;
use crate::task::Workload;

/// A panel a width, a group a benchmark, a bar a method.
fn method_bars(
    result: &ResultFile,
    y_label: &str,
    axis: BarAxis,
    value: impl Fn(&Inference<'_>) -> Option<Vec<f64>>,
) -> Drawn {
    let bar = |inference: &Inference<'_>| -> Option<Bar> {
        let values = value(inference)?;
        let (low, high) = statistics::range(&values);
        let series = Series::of_method(inference.method);
        Some(Bar { series, value: statistics::median(&values), low, high }).filter(|bar| bar.value > 0.0)
    };
    let all: Vec<f64> = result.inferences().filter_map(|i| bar(&i)).map(|bar| bar.value).collect();
    let range = statistics::range(&all);
    let panel = |(title, workloads): (String, Vec<&Workload>)| {
        let group = |workload: &&Workload| BarGroup {
            name: group_name(workload),
            bars: result
                .inferences()
                .filter(|i| i.workload == *workload)
                .filter_map(|i| bar(&i))
                .collect(),
        };
        let x_label = if matches!(workloads[0], Workload::Sdgc { .. }) { "layers l" } else { "network" };
        let groups: Vec<BarGroup> = workloads.iter().map(group).collect();
        let title = with_inputs(title, workloads[0]);
        let (x_label, y_label) = (x_label.to_owned(), y_label.to_owned());
        Panel { title, plot: Plot::Bars(Bars { x_label, y_label, groups, range, axis }) }
    };
    let panels: Vec<Panel> = if all.is_empty() {
        vec![]
    } else {
        grouped(result, width_name).into_iter().map(panel).collect()
    };
    (legend(&methods(result), false), panels, 2)
}

pub(super) fn run_times(result: &ResultFile) -> Drawn {
    method_bars(result, "run time, ms (logarithmic)", BarAxis::Logarithmic, |inference| {
        Some(inference.measurement.totals_ms())
    })
}

pub(super) fn post_layers(result: &ResultFile) -> Drawn {
    method_bars(result, "latency of a layer, ms (logarithmic)", BarAxis::Logarithmic, |inference| {
        inference.measurement.post_layer_ms()
    })
}

/// How many times faster SNICIT is on the trained networks.
pub(super) fn speed_ups(result: &ResultFile) -> Drawn {
    let mut drawn =
        method_bars(result, "speed-up of SNICIT, times", BarAxis::Linear(1.0), |inference| {
            let snicit = of(result, inference.workload, "SNICIT")?.measurement.median_ms();
            let factor = |ms: f64| ms / snicit;
            let totals = inference.measurement.totals_ms();
            (inference.method != "SNICIT").then(|| totals.into_iter().map(factor).collect())
        });
    drawn.0.retain(|entry| entry.series != Series::Fourth);
    for entry in &mut drawn.0 {
        entry.name = format!("over {}", entry.name);
    }
    drawn
}

pub(super) fn connections(result: &ResultFile) -> Drawn {
    let statistics = |workload: &Workload| {
        result.records.iter().find_map(|record| match &record.finding {
            Finding::Statistics(found) if record.task.workload() == workload => {
                Some(found.connections as f64)
            }
            _ => None,
        })
    };
    let all: Vec<f64> =
        result.records.iter().filter_map(|record| statistics(record.task.workload())).collect();
    let range = statistics::range(&all.iter().map(|n| n / 1e6).collect::<Vec<_>>());
    let panel = |(title, workloads): (String, Vec<&Workload>)| {
        let group = |workload: &&Workload| {
            let millions = statistics(workload).unwrap_or(1.0) / 1e6;
            let bar = Bar { series: Series::Third, value: millions, low: millions, high: millions };
            BarGroup { name: group_name(workload), bars: vec![bar] }
        };
        let (x_label, y_label) =
            ("layers l".to_owned(), "connections, millions (logarithmic)".to_owned());
        let groups = workloads.iter().map(group).collect();
        let bars = Bars { x_label, y_label, groups, range, axis: BarAxis::Logarithmic };
        Panel { title, plot: Plot::Bars(bars) }
    };
    (vec![], grouped(result, width_name).into_iter().map(panel).collect(), 2)
}
