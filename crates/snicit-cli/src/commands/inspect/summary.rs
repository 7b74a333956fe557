use serde::Serialize;
use snicit::network::MiniBlocks;
use snicit::{Layer, Network};
use snicit_data::sdgc;

/// What `--json` prints; a change of meaning needs another `schema`.
#[derive(Serialize)]
pub(super) struct Summary {
    schema: u32,
    pub(super) layers: usize,
    /// Neurons before the first layer and after each.
    pub(super) widths: Vec<usize>,
    pub(super) connections: u64,
    pub(super) inputs_per_neuron: Spread,
    pub(super) outputs_per_neuron: Spread,
    /// Connections over possible connections.
    pub(super) density: f64,
    /// The one weight of all connections, if they have only one.
    pub(super) equal_weight: Option<f32>,
    /// `None` where neither the Graph Challenge nor the user gives one.
    pub(super) bias: Option<f32>,
    pub(super) mini_blocks: MiniBlockSummary,
    pub(super) memory: Memory,
}

#[derive(Serialize)]
pub(super) struct Spread {
    pub(super) min: usize,
    pub(super) mean: f64,
    pub(super) max: usize,
}

#[derive(Serialize)]
pub(super) struct MiniBlockSummary {
    /// Layers in which at least two outputs read the same inputs.
    pub(super) layers: usize,
    /// Blocks of two outputs or more, in all layers.
    pub(super) blocks: usize,
    pub(super) outputs_per_block: Spread,
    /// Inputs that the outputs of a block read.
    pub(super) inputs_per_block: Spread,
}

/// Bytes.
#[derive(Serialize)]
pub(super) struct Memory {
    pub(super) weights: u64,
    /// How many inputs the activations are of.
    pub(super) inputs: usize,
    pub(super) activations_f32: u64,
    pub(super) activations_bits: u64,
}

impl Summary {
    pub(super) fn of(network: &Network, bias: Option<f32>) -> Self {
        let layers = network.layers();
        let possible: f64 =
            layers.iter().map(|layer| layer.inputs() as f64 * layer.outputs() as f64).sum();
        let weights: Vec<_> = layers.iter().map(|layer| layer.weights().equal_weight()).collect();
        let equal_weight = weights[0].filter(|_| weights.iter().all(|weight| *weight == weights[0]));
        Summary {
            schema: 1,
            layers: layers.len(),
            widths: std::iter::once(network.inputs())
                .chain(layers.iter().map(|l| l.outputs()))
                .collect(),
            connections: network.connections(),
            inputs_per_neuron: Spread::of(layers.iter().flat_map(|layer| fan_in(layer))),
            outputs_per_neuron: Spread::of(layers.iter().flat_map(|layer| fan_out(layer))),
            density: network.connections() as f64 / possible,
            equal_weight,
            bias,
            mini_blocks: MiniBlockSummary::of(network),
            memory: Memory::of(network),
        }
    }
}

fn fan_in(layer: &Layer) -> impl Iterator<Item = usize> {
    (0..layer.outputs()).map(|output| layer.weights().row(output).0.len())
}

fn fan_out(layer: &Layer) -> Vec<usize> {
    let mut counts = vec![0; layer.inputs()];
    for output in 0..layer.outputs() {
        for &input in layer.weights().row(output).0 {
            counts[input as usize] += 1;
        }
    }
    counts
}

impl Spread {
    /// All zero for no numbers at all.
    fn of(numbers: impl Iterator<Item = usize>) -> Self {
        let (mut min, mut max, mut sum, mut count) = (usize::MAX, 0, 0_u64, 0_u64);
        for number in numbers {
            (min, max) = (min.min(number), max.max(number));
            sum += number as u64;
            count += 1;
        }
        match count {
            0 => Spread { min: 0, mean: 0.0, max: 0 },
            _ => Spread { min, mean: sum as f64 / count as f64, max },
        }
    }
}

impl MiniBlockSummary {
    fn of(network: &Network) -> Self {
        let (mut layers, mut outputs, mut inputs) = (0, Vec::new(), Vec::new());
        for layer in network.layers() {
            let weights = layer.weights();
            let found = MiniBlocks::find(weights);
            layers += usize::from(!found.none_shared());
            for block in found.blocks.iter().filter(|block| block.outputs.len() > 1) {
                outputs.push(block.outputs.len());
                inputs.push(weights.row(block.outputs[0] as usize).0.len());
            }
        }
        MiniBlockSummary {
            layers,
            blocks: outputs.len(),
            outputs_per_block: Spread::of(outputs.into_iter()),
            inputs_per_block: Spread::of(inputs.into_iter()),
        }
    }
}

impl Memory {
    fn of(network: &Network) -> Self {
        // As stored: a 32-bit index and an f32 a connection, a 64-bit offset an output.
        let offsets: u64 = network.layers().iter().map(|layer| layer.outputs() as u64 + 1).sum();
        let (inputs, width) = (sdgc::INPUTS, network.max_width() as u64);
        Memory {
            weights: network.connections() * 8 + offsets * 8,
            inputs,
            activations_f32: inputs as u64 * width * 4,
            activations_bits: inputs as u64 * width.div_ceil(64) * 8,
        }
    }
}
