//! The extras: what changes what is computed, is part of no method, and is therefore off by default and told
//! apart from the method in every report.

use clap::Args;
use serde::Serialize;
use snicit::{Plan, Report};

use crate::timing::Lines;
use crate::units::count;

#[derive(Debug, Args)]
#[command(next_help_heading = "Extras: they lose nothing and are part of no method")]
pub(crate) struct ExtrasArgs {
    /// Compute neurons with the same inputs, weights and bias once
    #[arg(long)]
    merge_equal_neurons: bool,

    /// Compute equal columns once; on the CPU, by all methods but SNIG
    #[arg(long)]
    merge_equal_columns: bool,

    /// Skip the remaining layers when every column is saturated or zero and provably stays so; on a GPU
    /// at the threshold layer, by all methods but SNIG
    #[arg(long)]
    early_exit: bool,
}

impl ExtrasArgs {
    /// The plan with the extras that were given.
    pub(crate) fn apply(&self, mut plan: Plan) -> Plan {
        plan.merge_equal_neurons = self.merge_equal_neurons;
        plan.merge_equal_columns = self.merge_equal_columns;
        plan.early_exit = self.early_exit;
        plan
    }

    /// A line for each extra that was given.
    pub(crate) fn add_lines(&self, lines: &mut Lines, report: &Report) {
        if let Some(merged) = report.reduction {
            let unit = format!(
                "of {} left, {} of {} connections (extra)",
                count(merged.neurons),
                count(merged.connections_left),
                count(merged.connections)
            );
            lines.add("equal neurons", &count(merged.neurons_left), &unit);
        }
        if self.merge_equal_columns {
            lines.add("equal columns", "merged", "where the method can (extra)");
        }
        if self.early_exit {
            let (layer, unit) = match report.early_exit {
                Some(layer) => {
                    (format!("layer {layer}"), "was the last; every column is saturated or zero (extra)")
                }
                None => ("none".to_owned(), "some columns had to go through all layers (extra)"),
            };
            lines.add("early exit", &layer, unit);
        }
    }

    /// The same for machines.
    pub(crate) fn json(&self, report: &Report) -> ExtrasJson {
        ExtrasJson {
            merge_equal_neurons: report.reduction.map(|merged| MergedJson {
                neurons: merged.neurons,
                neurons_left: merged.neurons_left,
                connections: merged.connections,
                connections_left: merged.connections_left,
            }),
            merge_equal_columns: self.merge_equal_columns,
            early_exit: self.early_exit,
            exit_layer: report.early_exit,
        }
    }
}

/// Which extras were on, and what they found.
#[derive(Serialize)]
pub(crate) struct ExtrasJson {
    /// `null` where it was off.
    merge_equal_neurons: Option<MergedJson>,
    merge_equal_columns: bool,
    early_exit: bool,
    /// The last layer that was computed, where layers were skipped.
    exit_layer: Option<usize>,
}

#[derive(Serialize)]
struct MergedJson {
    neurons: u64,
    neurons_left: u64,
    connections: u64,
    connections_left: u64,
}
