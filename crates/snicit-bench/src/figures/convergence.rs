//! Activations in two dimensions, and the work that is left.

use super::common::{Drawn, with_inputs};
use crate::plot::{LegendEntry, Line, Lines, Panel, Plot, Point, Scatter, Series};
use crate::record::{Finding, Inference, ResultFile};
use crate::task::{Task, Workload};

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
                let Some(letter) = crate::grid::letter(network) else { return vec![] };
                (letter.dense_layers_before(), letter.sparse_layers())
            }
        };
        let layers = measurement.layer_connections.iter().zip(&measurement.live_columns);
        layers.skip(before).take(sparse).map(|(connections, columns)| connections * columns).collect()
    };
    (of("BF-2019"), of("SNICIT"))
}

pub(super) fn convergence(result: &ResultFile) -> Drawn {
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
