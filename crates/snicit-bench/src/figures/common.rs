//! What several figures share: who is in them, how they are grouped and named.

use crate::numbers::count;
use crate::plot::{LegendEntry, Panel, Series};
use crate::record::ResultFile;
use crate::task::Workload;

pub(super) fn legend(methods: &[&str], line: bool) -> Vec<LegendEntry> {
    let entry = |method: &&str| {
        let name = if Series::of_method(method) == Series::Other { "other" } else { *method };
        LegendEntry { series: Series::of_method(method), name: name.to_owned(), line }
    };
    methods.iter().map(entry).collect()
}

/// The methods of a result, in the order in which they appear.
pub(super) fn methods(result: &ResultFile) -> Vec<&str> {
    let mut methods: Vec<&str> = Vec::new();
    for inference in result.inferences() {
        if !methods.contains(&inference.method) {
            methods.push(inference.method);
        }
    }
    methods
}

/// The workloads of a result that are alike in `key`, in their order.
pub(super) fn grouped<K: PartialEq>(
    result: &ResultFile,
    key: impl Fn(&Workload) -> K,
) -> Vec<(K, Vec<&Workload>)> {
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
pub(super) fn width_name(workload: &Workload) -> String {
    match workload {
        Workload::Sdgc { neurons, .. } => format!("N = {neurons}"),
        Workload::MediumScale { .. } => "Trained networks".to_owned(),
    }
}

pub(super) fn with_inputs(title: String, workload: &Workload) -> String {
    format!("{title}, {} inputs", count(workload.inputs() as u64))
}

/// What stands below a group: the layers, or the network's letter.
pub(super) fn group_name(workload: &Workload) -> String {
    match workload {
        Workload::Sdgc { layers, .. } => layers.to_string(),
        Workload::MediumScale { network, .. } => network.clone(),
    }
}

/// A legend, panels, and how many of these lie side by side.
pub(super) type Drawn = (Vec<LegendEntry>, Vec<Panel>, usize);
