//! What a reader of a plot must know: grid, data, device, what is missing, what marks mean.

use crate::numbers::count;
use crate::record::{NotRun, ResultFile};
use crate::result_id::ResultId;
use crate::statistics::FEWEST_REPETITIONS;
use crate::task::Task;

pub(super) fn notes(result: &ResultFile) -> Vec<String> {
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
    notes.extend(products(result.result).map(str::to_owned));
    notes.extend(not_run(result));
    match result.result {
        ResultId::Table1 | ResultId::Fig1 => {}
        ResultId::Table4 => notes.push(format!(
            "Ratios of medians of repeated inferences; thin lines are 95 % intervals, by bootstrap, where that can be \
             seen and both methods have {FEWEST_REPETITIONS} repetitions or more. Loading and preparing are not \
             counted."
        )),
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

/// Why SNICIT is slower here than elsewhere, where it is.
pub(crate) fn products(id: ResultId) -> Option<&'static str> {
    match id {
        ResultId::Table4 | ResultId::Fig10 | ResultId::Fig11 | ResultId::Fig12 => Some(
            "On these networks SNICIT multiplies as BF-2019 does, which is what the paper measured. XY-2021's products \
             are faster at their density; the command snicit beyond lets SNICIT take them, so the times it prints are \
             others.",
        ),
        _ => None,
    }
}

/// Points that were to be measured and were not, method by method.
fn not_run(result: &ResultFile) -> Option<String> {
    /// More names than this are no longer read.
    const NAMED: usize = 16;
    let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
    for NotRun { task, .. } in result.not_run.iter().take(NAMED) {
        let (kind, point) = kind_and_point(result.result, task);
        match kinds.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, points)) => points.push(point),
            None => kinds.push((kind, vec![point])),
        }
    }
    let mut parts: Vec<String> =
        kinds.into_iter().map(|(kind, points)| format!("{kind} {}", points.join(", "))).collect();
    if result.not_run.len() > NAMED {
        parts.push(format!("and {} more", count((result.not_run.len() - NAMED) as u64)));
    }
    let name = result.result.name();
    (!parts.is_empty())
        .then(|| format!("Not run: {}. The reasons are in {name}.json.", parts.join("; ")))
}

/// `cuBLAS on`, and `1024-120` or what else tells points of this result apart.
fn kind_and_point(id: ResultId, task: &Task) -> (String, String) {
    let name = task.workload().name();
    match task {
        Task::Inference { method, threshold_layer: t, batch, .. } => {
            let batch = count(*batch as u64);
            let point = match id {
                ResultId::Fig8 => format!("{name} with t = {t}"),
                ResultId::Fig9 => format!("{name} with B = {batch}"),
                ResultId::Fig12 => format!("{name} with t = {t} and B = {batch}"),
                _ => name,
            };
            (format!("{method} on"), point)
        }
        Task::Statistics { .. } => ("statistics of".to_owned(), name),
        Task::Embedding { layer, .. } => ("t-SNE of".to_owned(), format!("{name} after layer {layer}")),
    }
}
