//! One sentence for many points that have the same thing to be said.

use crate::numbers::count;
use crate::task::Task;

/// Values with equal keys together, in the order in which the keys first come.
pub(crate) fn grouped<K: PartialEq, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// One task in its words, several by their number and networks.
pub(crate) fn describe(tasks: &[Task]) -> String {
    if let [task] = tasks {
        return task.describe();
    }
    let networks = grouped(tasks.iter().map(|task| (task.workload().name(), ())));
    let names: Vec<String> = networks.into_iter().map(|(name, _)| name).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{} points on network{plural} {}", count(tasks.len() as u64), names.join(", "))
}
