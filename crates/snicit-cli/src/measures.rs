//! What the reports of all subcommands derive from an outcome.

use snicit::{Network, Report};

use crate::units::as_ms;

/// The Graph Challenge's throughput, `inputs × connections / seconds`, in edges a second. The connections are those
/// of the network as it was given, also where a method skips some or an extra merges neurons.
pub(crate) fn edges_per_second(network: &Network, inputs: usize, report: &Report) -> f64 {
    inputs as f64 * network.connections() as f64 / report.times.total().as_secs_f64()
}

/// Columns that are not all zero after the last layer; after conversion, of centroids and residues.
pub(crate) fn columns_left(report: &Report) -> u64 {
    report.live_columns.last().copied().unwrap_or(0)
}

/// The average latency of a layer behind the threshold layer, in ms; all batches together.
pub(crate) fn post_convergence_layer_ms(network: &Network, report: &Report) -> Option<f64> {
    let layers = network.layers().len() - report.threshold_layer;
    (layers > 0).then(|| as_ms(report.times.post_convergence) / layers as f64)
}
