//! What is drawn for each table and figure.

mod bars;
mod common;
mod convergence;
mod heat_maps;
mod lines;
mod shares;

use crate::plot::Figure;
use crate::record::ResultFile;
use crate::result_id::ResultId;

use bars::{connections, post_layers, run_times, speed_ups};
use convergence::convergence;
pub(crate) use convergence::work;
use heat_maps::heat_maps;
pub(crate) use heat_maps::heat_points;
use lines::lines;
use shares::stage_shares;

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
