//! Random networks and inputs for the tests.

use std::io::Write;
use std::ops::Range;
use std::sync::OnceLock;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, BitActivations, Connection, CpuEngine, CpuOptions, Engine, Inputs,
    InstructionSet, Layer, Network, Output, Plan, SparseWeights,
};

/// How a random network and its inputs look.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// Neurons before the first layer and after each.
    pub(crate) widths: Vec<usize>,
    /// Share of possible connections, the same for all layers.
    pub(crate) density: f64,
    /// Outputs that share their inputs; 1 for no mini-blocks.
    pub(crate) block_outputs: usize,
    pub(crate) biases: Range<f32>,
    pub(crate) uniform_bias: bool,
    pub(crate) activation: Activation,
    pub(crate) inputs: usize,
    pub(crate) binary_inputs: bool,
    pub(crate) seed: u64,
}

impl Problem {
    pub(crate) fn generate(&self) -> (Network, Inputs) {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let layers: Vec<Layer> =
            self.widths.windows(2).map(|pair| self.layer(pair[0], pair[1], &mut random)).collect();
        let inputs = self.inputs(&mut random);
        (Network::new(layers).unwrap(), inputs)
    }

    fn layer(&self, inputs: usize, outputs: usize, random: &mut ChaCha8Rng) -> Layer {
        let mut connections = Vec::new();
        let mut chosen: Vec<u32> = Vec::new();
        for output in 0..outputs {
            if output % self.block_outputs == 0 {
                // Uneven on purpose: some outputs have no connection at all.
                let density = self.density * random.random_range(0.0..2.0);
                let density = if random.random_bool(0.1) { 0.0 } else { density.min(1.0) };
                chosen = (0..inputs as u32).filter(|_| random.random_bool(density)).collect();
            }
            // Sums stay of the size of the inputs, whatever the number of connections.
            let scale = 2.0 / (chosen.len().max(1) as f32).sqrt();
            connections.extend(chosen.iter().map(|&input| Connection {
                input,
                output: output as u32,
                weight: random.random_range(-0.7..1.0) * scale,
            }));
        }
        let weights = SparseWeights::from_connections(inputs, outputs, connections).unwrap();
        let mut bias = || random.random_range(self.biases.clone());
        let bias = if self.uniform_bias {
            Bias::Uniform(bias())
        } else {
            Bias::PerNeuron((0..outputs).map(|_| bias()).collect())
        };
        Layer::new(weights, bias, self.activation).unwrap()
    }

    /// Every fifth input is empty.
    fn inputs(&self, random: &mut ChaCha8Rng) -> Inputs {
        let features = self.widths[0];
        let is_empty = |input: usize| input % 5 == 3;
        if self.binary_inputs {
            let mut bits = BitActivations::zeros(self.inputs, features);
            for input in (0..self.inputs).filter(|&input| !is_empty(input)) {
                for feature in 0..features {
                    if random.random_bool(0.4) {
                        bits.set(input, feature);
                    }
                }
            }
            return bits.into();
        }
        let mut values = Activations::zeros(self.inputs, features);
        for input in (0..self.inputs).filter(|&input| !is_empty(input)) {
            for value in values.column_mut(input) {
                *value = if random.random_bool(0.6) { random.random_range(-1.0..2.0) } else { 0.0 };
            }
        }
        values.into()
    }
}

/// Engines with every instruction set that this processor has; says once which ones it lacks.
pub(crate) fn engines() -> &'static [CpuEngine] {
    static ENGINES: OnceLock<Vec<CpuEngine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let (available, missing): (Vec<_>, Vec<_>) =
            InstructionSet::ALL.into_iter().partition(|set| set.is_available());
        for set in missing {
            let line = format!("skipped: the {set} kernels; this processor does not have {set}\n");
            // Not `eprintln`, which a passing test swallows.
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
        available.into_iter().map(|set| engine(2, Some(set))).collect()
    })
}

pub(crate) fn engine(threads: usize, instruction_set: Option<InstructionSet>) -> CpuEngine {
    let options = CpuOptions { threads: threads.try_into().ok(), instruction_set };
    CpuEngine::with_options(&options).unwrap()
}

pub(crate) fn infer(engine: &CpuEngine, network: &Network, plan: &Plan, inputs: &Inputs) -> Output {
    engine.prepare(network, plan).unwrap().infer(inputs).unwrap().output
}

/// The largest excess of `|output − expected|` over `slack` times the neuron's rounding bound, with the
/// place where it occurs.
pub(crate) fn worst_excess(
    output: &Output,
    expected: &[Vec<f64>],
    bound: &[f64],
    slack: f64,
) -> (f64, usize, usize) {
    let activations = output.to_activations();
    let mut worst = (f64::NEG_INFINITY, 0, 0);
    for (input, expected) in expected.iter().enumerate() {
        let neurons = activations.column(input).iter().zip(expected).zip(bound);
        for (neuron, ((&found, &expected), &bound)) in neurons.enumerate() {
            let excess = (f64::from(found) - expected).abs() - slack * bound;
            // `>` alone would let NaN pass.
            if excess.is_nan() || excess > worst.0 {
                worst = (excess, input, neuron);
            }
        }
    }
    worst
}
