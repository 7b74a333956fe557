//! What is drawn for each table and figure.

use crate::numbers::{count, significant};
use crate::plot::{
    Bar, BarAxis, BarGroup, Bars, Boundary, Figure, HeatMap, LegendEntry, Line, Lines, Panel, Plot,
    Point, Scatter, Series, Shade, ShareRow, Shares,
};
use crate::published;
use crate::record::{Finding, Inference, ResultFile};
use crate::result_id::ResultId;
use crate::statistics;
use crate::tables::{STAGES, of};
use crate::task::{Task, Workload};

/// The figure of a result; nothing if it has no points.
pub fn figure(result: &ResultFile) -> Option<Figure> {
    let (legend, panels, columns) = match result.result {
        ResultId::Table1 => connections(result),
        ResultId::Table3 => run_times(result),
        ResultId::Fig6 => post_layers(result),
        ResultId::Fig11 => post_layers(result),
        ResultId::Fig7 | ResultId::Fig10 => stage_shares(result),
        ResultId::Fig8 => {
            lines(result, "threshold layer t (not to scale)", |point| point.threshold_layer)
        }
        ResultId::Fig9 => lines(result, "batch size B, inputs (not to scale)", |point| point.batch),
        ResultId::Table4 => speed_ups(result),
        ResultId::Fig12 => heat_maps(result),
        ResultId::Fig1 => convergence(result),
    };
    let id = result.result;
    (!panels.is_empty()).then(|| Figure {
        id: id.name().to_owned(),
        title: format!("{}. {}", id.label(), id.title()),
        legend,
        panels,
        columns,
        notes: notes(result),
    })
}

/// What a reader of the plot must know: grid, data, device, marks.
fn notes(result: &ResultFile) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(result.grid.remark().map(|remark| format!("Reduced: {remark}.")));
    let mut inputs: Vec<String> = result
        .sources()
        .iter()
        .flat_map(|sources| [sources.network.clone(), sources.inputs.clone()])
        .collect();
    inputs.sort_unstable();
    inputs.dedup();
    notes.push(format!("Data: {}.", inputs.join("; ")));
    let environment = &result.environment;
    notes.push(format!(
        "Device: {}; {}; snicit {}; {}.",
        environment.device,
        environment.processor,
        environment.version,
        result.date.get(..10).unwrap_or(&result.date)
    ));
    if result.busy() > 0 && result.inferences().next().is_some() {
        let (busy, all) = (result.busy(), result.records.len());
        notes.push(format!(
            "Other programs were running during {busy} of {all} points: times are noisy."
        ));
    }
    match result.result {
        ResultId::Table1 | ResultId::Fig1 => {}
        ResultId::Fig7 | ResultId::Fig10 | ResultId::Fig12 => notes.push(
            "From medians of repeated inferences. Loading and preparing are not counted.".to_owned(),
        ),
        _ => notes.push(
            "Medians of repeated inferences; thin lines from the smallest to the largest where that can be \
             seen. Loading and preparing are not counted."
                .to_owned(),
        ),
    }
    notes
}

fn legend(methods: &[&str], line: bool) -> Vec<LegendEntry> {
    let entry = |method: &&str| {
        let name = if Series::of_method(method) == Series::Other { "other" } else { *method };
        LegendEntry { series: Series::of_method(method), name: name.to_owned(), line }
    };
    methods.iter().map(entry).collect()
}

/// The methods of a result, in the order in which they appear.
fn methods(result: &ResultFile) -> Vec<&str> {
    let mut methods: Vec<&str> = Vec::new();
    for inference in result.inferences() {
        if !methods.contains(&inference.method) {
            methods.push(inference.method);
        }
    }
    methods
}

/// The workloads of a result that are alike in `key`, in their order.
fn grouped<K: PartialEq>(result: &ResultFile, key: impl Fn(&Workload) -> K) -> Vec<(K, Vec<&Workload>)> {
    let mut groups: Vec<(K, Vec<&Workload>)> = Vec::new();
    for workload in result.records.iter().map(|record| record.task.workload()) {
        let key = key(workload);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) if members.contains(&workload) => {}
            Some((_, members)) => members.push(workload),
            None => groups.push((key, vec![workload])),
        }
    }
    groups
}

/// `N = 1,024`, or the kind of trained networks.
fn width_name(workload: &Workload) -> String {
    match workload {
        Workload::Sdgc { neurons, .. } => format!("N = {neurons}"),
        Workload::MediumScale { .. } => "Trained networks".to_owned(),
    }
}

fn with_inputs(title: String, workload: &Workload) -> String {
    format!("{title}, {} inputs", count(workload.inputs() as u64))
}

/// What stands below a group: the layers, or the network's letter.
fn group_name(workload: &Workload) -> String {
    match workload {
        Workload::Sdgc { layers, .. } => layers.to_string(),
        Workload::MediumScale { network, .. } => network.clone(),
    }
}

type Drawn = (Vec<LegendEntry>, Vec<Panel>, usize);

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

fn run_times(result: &ResultFile) -> Drawn {
    method_bars(result, "run time, ms (logarithmic)", BarAxis::Logarithmic, |inference| {
        Some(inference.measurement.totals_ms())
    })
}

fn post_layers(result: &ResultFile) -> Drawn {
    method_bars(result, "latency of a layer, ms (logarithmic)", BarAxis::Logarithmic, |inference| {
        inference.measurement.post_layer_ms()
    })
}

/// How many times faster SNICIT is on the trained networks.
fn speed_ups(result: &ResultFile) -> Drawn {
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

fn connections(result: &ResultFile) -> Drawn {
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

fn stage_shares(result: &ResultFile) -> Drawn {
    let parts: Vec<(Series, String)> =
        Series::ALL.into_iter().zip(STAGES).map(|(series, name)| (series, name.to_owned())).collect();
    let row = |inference: Inference<'_>| ShareRow {
        name: match inference.workload {
            Workload::Sdgc { .. } => inference.workload.name(),
            Workload::MediumScale { network, .. } => format!("Network {network}"),
        },
        total: format!(
            "{} ms, {} inputs, t = {}",
            significant(inference.measurement.median_ms()),
            count(inference.workload.inputs() as u64),
            inference.threshold_layer
        ),
        parts: inference.measurement.median_stages_ms().to_vec(),
    };
    let rows: Vec<ShareRow> = result.inferences().map(row).collect();
    let entry = |(series, name): &(Series, String)| LegendEntry {
        series: *series,
        name: name.clone(),
        line: false,
    };
    let legend = parts.iter().map(entry).collect();
    let published: Vec<ShareRow> = result.inferences().filter_map(artifact_shares).collect();
    let panel = |title: &str, rows: Vec<ShareRow>| {
        let parts = parts.clone();
        Panel { title: title.to_owned(), plot: Plot::Shares(Shares { parts, rows }) }
    };
    let mut panels = Vec::new();
    for (title, rows) in [("SNICIT, here", rows), ("The paper's artifact, one H100", published)] {
        if !rows.is_empty() {
            panels.push(panel(title, rows));
        }
    }
    (legend, panels, 2)
}

/// The stages of the paper's artifact for the same benchmark.
fn artifact_shares(inference: Inference<'_>) -> Option<ShareRow> {
    let Workload::Sdgc { neurons, layers, .. } = *inference.workload else { return None };
    let parts = published::artifact_stages_ms(neurons, layers)?.to_vec();
    let total = format!("{} ms, 60,000 inputs, t = 30", significant(parts.iter().sum()));
    Some(ShareRow { name: inference.workload.name(), total, parts })
}

/// Run time of SNICIT against one variable, a panel a workload.
fn lines(result: &ResultFile, x_label: &str, variable: impl Fn(&Inference<'_>) -> usize) -> Drawn {
    let panel = |(_, workloads): (String, Vec<&Workload>)| {
        let workload = workloads[0];
        let inferences: Vec<_> = result.inferences().filter(|i| i.workload == workload).collect();
        let mut values: Vec<usize> = inferences.iter().map(&variable).collect();
        values.sort_unstable();
        values.dedup();
        let point = |inference: &Inference<'_>| {
            let totals = inference.measurement.totals_ms();
            let (low, high) = statistics::range(&totals);
            let category = values.binary_search(&variable(inference)).unwrap_or(0);
            Point { category, value: statistics::median(&totals), low, high }
        };
        let mut points: Vec<Point> = inferences.iter().map(point).collect();
        points.sort_unstable_by_key(|point| point.category);
        let line = Line { series: Series::Fourth, points };
        Panel {
            title: with_inputs(workload.name(), workload),
            plot: Plot::Lines(Lines {
                x_label: x_label.to_owned(),
                y_label: "run time, ms".to_owned(),
                categories: values.iter().map(|&value| count(value as u64)).collect(),
                lines: vec![line],
            }),
        }
    };
    let panels: Vec<Panel> = grouped(result, Workload::name).into_iter().map(panel).collect();
    let columns = if panels.len() == 4 { 2 } else { 3 };
    (legend(&methods(result), true), panels, columns)
}

/// A point of Figure 12.
#[derive(Debug, Clone)]
pub(crate) struct HeatPoint {
    pub(crate) network: String,
    pub(crate) threshold_layer: usize,
    pub(crate) batch: usize,
    pub(crate) ms: f64,
    /// SNIG-2020's time at this batch size over SNICIT's.
    pub(crate) speed_up: Option<f64>,
    /// Accuracy without SNICIT less that with it.
    pub(crate) loss: Option<f64>,
}

pub(crate) fn heat_points(result: &ResultFile) -> Vec<HeatPoint> {
    let snicit = result.inferences().filter(|inference| inference.method == "SNICIT");
    snicit
        .map(|snicit| {
            let snig = result.inferences().find(|other| {
                other.method == "SNIG-2020"
                    && other.workload == snicit.workload
                    && other.batch == snicit.batch
            });
            let ms = snicit.measurement.median_ms();
            let accuracy = snig.and_then(|snig| snig.measurement.accuracy);
            HeatPoint {
                network: snicit.workload.name(),
                threshold_layer: snicit.threshold_layer,
                batch: snicit.batch,
                ms,
                speed_up: snig.map(|snig| snig.measurement.median_ms() / ms),
                loss: accuracy.zip(snicit.measurement.accuracy).map(|(exact, lossy)| exact - lossy),
            }
        })
        .collect()
}

fn heat_maps(result: &ResultFile) -> Drawn {
    let points = heat_points(result);
    let mut networks: Vec<&str> = points.iter().map(|point| point.network.as_str()).collect();
    networks.dedup();
    let range = |value: fn(&HeatPoint) -> Option<f64>| {
        let values: Vec<f64> = points.iter().filter_map(value).collect();
        statistics::range(&values)
    };
    let (speeds, losses) = (range(|point| point.speed_up), range(|point| point.loss));
    let mut panels = Vec::new();
    for network in networks {
        let of_network: Vec<&HeatPoint> = points.iter().filter(|p| p.network == network).collect();
        panels.push(heat_map(
            format!("Network {network}: speed-up over SNIG-2020, times"),
            &of_network,
            |point| point.speed_up,
            speeds,
            Shade::Blue,
        ));
        panels.push(heat_map(
            format!("Network {network}: accuracy loss, percentage points"),
            &of_network,
            |point| point.loss,
            losses,
            Shade::Wine,
        ));
    }
    (vec![], panels, 2)
}

fn heat_map(
    title: String,
    points: &[&HeatPoint],
    value: fn(&HeatPoint) -> Option<f64>,
    range: (f64, f64),
    shade: Shade,
) -> Panel {
    let sorted = |of: fn(&HeatPoint) -> usize| {
        let mut values: Vec<usize> = points.iter().map(|point| of(point)).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let (layers, batches) = (sorted(|point| point.threshold_layer), sorted(|point| point.batch));
    let at = |t: usize, b: usize| {
        let point = points.iter().find(|point| point.threshold_layer == t && point.batch == b)?;
        value(point)
    };
    let values = layers.iter().map(|&t| batches.iter().map(|&b| at(t, b)).collect()).collect();
    let speed = shade == Shade::Blue;
    let map = HeatMap {
        x_label: "batch size B, inputs".to_owned(),
        y_label: "threshold layer t".to_owned(),
        columns: batches.iter().map(|&b| count(b as u64)).collect(),
        rows: layers.iter().map(usize::to_string).collect(),
        values,
        format: if speed { |factor| format!("{factor:.2}") } else { crate::tables::points },
        shade,
        range,
        boundary: speed.then(|| Boundary { at: 1.0, label: "speed-up = 1".to_owned() }),
    };
    Panel { title, plot: Plot::HeatMap(map) }
}

/// Connections × live columns of each sparse layer, without and with SNICIT: what a method that skips nothing
/// else multiplies.
pub(crate) fn work(result: &ResultFile) -> (Vec<u64>, Vec<u64>) {
    let of = |method: &str| -> Vec<u64> {
        let Some(inference) = result.inferences().find(|i| i.method == method) else { return vec![] };
        let Inference { measurement, .. } = inference;
        // The dense layers at both ends of a trained network are no part of the comparison.
        let (before, sparse) = match inference.workload {
            Workload::Sdgc { layers, .. } => (0, *layers),
            Workload::MediumScale { network, .. } => {
                let letter = crate::grid::letter(network);
                (letter.dense_layers_before(), letter.sparse_layers())
            }
        };
        let layers = measurement.layer_connections.iter().zip(&measurement.live_columns);
        layers.skip(before).take(sparse).map(|(connections, columns)| connections * columns).collect()
    };
    (of("BF-2019"), of("SNICIT"))
}

fn convergence(result: &ResultFile) -> Drawn {
    let mut panels = Vec::new();
    for record in &result.records {
        let (Task::Embedding { layer, workload }, Finding::Embedding(embedding)) =
            (&record.task, &record.finding)
        else {
            continue;
        };
        let label = |i: usize| embedding.labels.get(i).copied().unwrap_or(0);
        let points = embedding.points.iter().enumerate().map(|(i, &place)| (place, label(i))).collect();
        let x_label = format!("t-SNE, perplexity {}; no unit; marks are classes", embedding.perplexity);
        panels.push(Panel {
            title: with_inputs(
                format!("Network {}, after sparse layer {layer}", workload.name()),
                workload,
            ),
            plot: Plot::Scatter(Scatter { x_label, points }),
        });
    }
    let (without, with) = work(result);
    if without.is_empty() {
        return (vec![], panels, 2);
    }
    let line = |series, work: &[u64]| {
        let point = |(category, &work): (usize, &u64)| {
            let value = work as f64 / 1e6;
            Point { category, value, low: value, high: value }
        };
        Line { series, points: work.iter().enumerate().map(point).collect() }
    };
    let workload = result.inferences().next().map(|inference| inference.workload.clone());
    let title = "Work a layer".to_owned();
    panels.push(Panel {
        title: workload.map_or(title.clone(), |workload| with_inputs(title, &workload)),
        plot: Plot::Lines(Lines {
            x_label: "sparse layer".to_owned(),
            y_label: "connections × live columns, millions".to_owned(),
            categories: (1..=without.len()).map(|layer| layer.to_string()).collect(),
            lines: vec![line(Series::First, &without), line(Series::Fourth, &with)],
        }),
    });
    let entry = |series, name: &str| LegendEntry { series, name: name.to_owned(), line: true };
    let legend = vec![entry(Series::First, "without SNICIT"), entry(Series::Fourth, "with SNICIT")];
    (legend, panels, 2)
}
