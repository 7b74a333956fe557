//! What is drawn for each table and figure.

mod bars;
mod common;
mod convergence;
mod heat_maps;
mod lines;
mod notes;
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
use notes::notes;
pub(crate) use notes::products;
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
