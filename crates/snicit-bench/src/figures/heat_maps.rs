//! Speed-up and accuracy loss over threshold layer and batch size.

use super::common::Drawn;
use crate::numbers::count;
use crate::plot::{Boundary, HeatMap, Panel, Plot, Shade};
use crate::record::ResultFile;
use crate::statistics;

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

pub(super) fn heat_maps(result: &ResultFile) -> Drawn {
    let points = heat_points(result);
    let mut networks: Vec<&str> = points.iter().map(|point| point.network.as_str()).collect();
    networks.dedup();
    let speeds: Vec<f64> = points.iter().filter_map(|point| point.speed_up).collect();
    let speeds = statistics::range(&speeds);
    // No loss is no colour, and less than a point is little of it.
    let losses = (0.0, points.iter().filter_map(|point| point.loss).fold(0.01, f64::max));
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
