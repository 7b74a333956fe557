//! The tables of the trained networks.

use super::{NONE, Table, median_post_layer_us, of, points};
use crate::numbers::{count, percent, significant};
use crate::published;
use crate::record::ResultFile;

pub(super) fn table4(result: &ResultFile) -> Table {
    let others: Vec<&str> = ["SNIG-2020", "BF-2019", "XY-2021", "cuSPARSE", "cuBLAS"]
        .into_iter()
        .filter(|name| result.inferences().any(|inference| inference.method == *name))
        .collect();
    let mut table = Table::new([
        "network",
        "inputs",
        "accuracy",
        "with SNICIT",
        "loss, points",
        "paper's accuracy",
        "SNICIT, ms",
    ]);
    table.header.extend(others.iter().map(|name| format!("speed-up over {name}")));
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

pub(super) fn fig11(result: &ResultFile) -> Table {
    let mut table =
        Table::new(["network", "method", "t", "post-convergence, µs a layer", "SNICIT's speed-up"]);
    for inference in result.inferences() {
        let layer = median_post_layer_us(&inference);
        let snicit = of(result, inference.workload, "SNICIT");
        let snicit = snicit.and_then(|snicit| median_post_layer_us(&snicit));
        table.row([
            inference.workload.name(),
            inference.method.to_owned(),
            inference.threshold_layer.to_string(),
            layer.map_or_else(|| NONE.to_owned(), significant),
            match layer.zip(snicit) {
                Some((layer, snicit)) if inference.method != "SNICIT" => {
                    format!("{}×", significant(layer / snicit))
                }
                _ => NONE.to_owned(),
            },
        ]);
    }
    table
}

pub(super) fn fig12(result: &ResultFile) -> Table {
    let mut table = Table::new([
        "network",
        "t",
        "B",
        "SNICIT, ms",
        "speed-up over SNIG-2020",
        "accuracy loss, points",
    ]);
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

pub(super) fn fig1(result: &ResultFile) -> Table {
    let mut table = Table::new(["sparse layer", "connections × live columns", "with SNICIT", "share"]);
    let (without, with) = crate::figures::work(result);
    for (i, (a, b)) in without.iter().zip(&with).enumerate() {
        table.row([(i + 1).to_string(), count(*a), count(*b), percent(*b as f64 / (*a).max(1) as f64)]);
    }
    table
}
