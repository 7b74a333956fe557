//! The shares of the four stages.

use super::common::Drawn;
use crate::numbers::{count, significant};
use crate::plot::{LegendEntry, Panel, Plot, Series, ShareRow, Shares};
use crate::published;
use crate::record::{Inference, ResultFile};
use crate::tables::STAGES;
use crate::task::Workload;

pub(super) fn stage_shares(result: &ResultFile) -> Drawn {
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
