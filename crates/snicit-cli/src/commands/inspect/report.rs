use std::path::Path;

use super::summary::{MiniBlockSummary, Spread, Summary};
use crate::table::Facts;
use crate::units::{bytes, count};

/// The summary for people.
pub(super) fn text(summary: &Summary, folder: &Path) -> String {
    let mut facts = Facts::default();
    facts.add("network", folder.display().to_string());
    facts.add("layers", count(summary.layers as u64));
    facts.add("neurons", widths(&summary.widths));
    facts.add("connections", count(summary.connections));
    facts.add("inputs a neuron", spread(&summary.inputs_per_neuron));
    facts.add("outputs a neuron", spread(&summary.outputs_per_neuron));
    facts.add("density", format!("{:.4} %", summary.density * 100.0));
    facts.add(
        "weights",
        summary
            .equal_weight
            .map_or_else(|| "different".to_owned(), |weight| format!("all equal, {weight}")),
    );
    facts.add(
        "bias",
        summary.bias.map_or_else(|| "unknown; give it with --bias".to_owned(), |bias| bias.to_string()),
    );
    facts.add("mini-blocks", mini_blocks(&summary.mini_blocks, summary.layers));
    let memory = &summary.memory;
    facts.add("memory", format!("weights {}", bytes(memory.weights)));
    let (inputs, values) = (count(memory.inputs as u64), bytes(memory.activations_f32));
    let bits = bytes(memory.activations_bits);
    facts.add("", format!("activations of {inputs} inputs {values} as f32, {bits} as bits"));
    facts.render()
}

fn widths(widths: &[usize]) -> String {
    if widths.iter().all(|width| *width == widths[0]) {
        return format!("{} in every layer", count(widths[0] as u64));
    }
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join(" → ")
}

fn spread(spread: &Spread) -> String {
    let Spread { min, mean, max } = spread;
    if min == max { count(*min as u64) } else { format!("{min} to {max} (mean {mean:.2})") }
}

fn mini_blocks(blocks: &MiniBlockSummary, layers: usize) -> String {
    if blocks.blocks == 0 {
        return "none: no two outputs read the same inputs".to_owned();
    }
    let outputs = spread(&blocks.outputs_per_block);
    let inputs = spread(&blocks.inputs_per_block);
    let (number, with) = (count(blocks.blocks as u64), blocks.layers);
    format!("{number} of {outputs} outputs × {inputs} inputs, in {with} of {layers} layers")
}
