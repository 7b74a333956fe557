//! The dense product and layers that go through it together, against the f64 reference.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Activations, Bias, BitActivations, Connection, Engine, Inputs, Layer, Method, Network,
    Output, Plan, SnicitOptions, SparseWeights, reference,
};
use snicit_cuda::{CudaEngine, CudaOptions, Products, WeightPlacement};

use crate::engines::engines;
use crate::problem::worst_excess;

/// Halves lose up to four times what float32 does, and sums are cut; outputs with one or two connections
/// notice that, those with many do not.
const SLACK: f64 = 8.0;

const CLIPPED: Activation = Activation::Relu { max: Some(1.0) };
const RELU: Activation = Activation::Relu { max: None };

/// Engines that take the dense product wherever they can, with resident and with streamed weights; none
/// without a GPU that has it.
fn dense_engines() -> Vec<CudaEngine> {
    if engines().is_empty() {
        return Vec::new();
    }
    let engine = |weights| {
        let mut options = CudaOptions::default();
        options.products = Products::Dense;
        options.weights = weights;
        CudaEngine::with_options(&options).unwrap()
    };
    vec![engine(WeightPlacement::Resident), engine(WeightPlacement::Streamed)]
}

/// A random network; densities and activations take turns.
struct Case<'a> {
    widths: &'a [usize],
    densities: &'a [f64],
    activations: &'a [Activation],
    /// Weights that are numbers in half precision.
    halves: bool,
    seed: u64,
}

impl Case<'_> {
    fn network(&self) -> Network {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let layers = self.widths.windows(2).enumerate().map(|(index, pair)| {
            let density = self.densities[index % self.densities.len()];
            let activation = self.activations[index % self.activations.len()];
            // Sums vary about as much as the bounds of the activation are apart.
            let size = (3.0 / (density * pair[0] as f64)).sqrt() * 2.0;
            let mut connections = Vec::new();
            for output in 0..pair[1] {
                for input in 0..pair[0] {
                    if density < 1.0 && !random.random_bool(density) {
                        continue;
                    }
                    let weight = (random.random_range(-1.0..1.0) * size) as f32;
                    let weight = if self.halves { (weight * 256.0).round() / 256.0 } else { weight };
                    let (input, output) = (input as u32, output as u32);
                    connections.push(Connection { input, output, weight });
                }
            }
            let weights = SparseWeights::from_connections(pair[0], pair[1], connections).unwrap();
            let bias = (0..pair[1]).map(|_| random.random_range(-0.3..0.5)).collect();
            Layer::new(weights, Bias::PerNeuron(bias), activation).unwrap()
        });
        Network::new(layers.collect::<Vec<_>>()).unwrap()
    }

    fn inputs(&self, inputs: usize) -> Inputs {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed + 1);
        let mut values = Activations::zeros(inputs, self.widths[0]);
        for input in 0..inputs {
            // Inputs of very different sizes.
            let size = 10.0_f32.powi(input as i32 % 7 - 3);
            for value in values.column_mut(input) {
                *value =
                    if random.random_bool(0.7) { random.random_range(-1.0..2.0) * size } else { 0.0 };
            }
        }
        values.into()
    }

    fn bits(&self, inputs: usize) -> Inputs {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed + 2);
        let mut bits = BitActivations::zeros(inputs, self.widths[0]);
        for input in 0..inputs {
            for feature in 0..self.widths[0] {
                if random.random_bool(0.4) {
                    bits.set(input, feature);
                }
            }
        }
        bits.into()
    }
}

fn check(engine: &CudaEngine, network: &Network, inputs: &Inputs, what: &str) {
    let expected = reference::infer(network, inputs);
    let bound = reference::rounding_error_bound(network, inputs);
    let layers = network.layers().len();
    for (method, threshold_layer) in
        [(Method::Xy2021, 0), (Method::Xy2021, layers / 2), (Method::Snicit, layers / 2)]
    {
        let plan =
            Plan::new(method).at_threshold_layer(threshold_layer).with_snicit(SnicitOptions::sdgc());
        let output = engine.prepare(network, &plan).unwrap().infer(inputs).unwrap().output;
        let slack = if method == Method::Snicit { 4.0 * SLACK } else { SLACK };
        let (excess, input, neuron) = worst_excess(&output, &expected, &bound, slack);
        assert!(
            excess <= 0.0,
            "{what}, {}, threshold layer {threshold_layer}, {} inputs: input {input}, neuron {neuron} is {}, \
             expected {} within {:e}",
            method.name(),
            inputs.len(),
            output.to_activations().column(input)[neuron],
            expected[input][neuron],
            slack * bound[neuron],
        );
    }
}

#[test]
fn all_widths() {
    let widths: [&[usize]; 6] = [
        &[1, 15, 16, 17, 1],
        &[100, 128, 128, 33, 10],
        &[784, 256, 256, 255, 256, 10],
        &[257, 31, 257, 256, 300, 2],
        &[64, 700, 513, 96],
        &[3, 256, 1, 256, 32],
    ];
    for engine in dense_engines() {
        for (seed, widths) in widths.into_iter().enumerate() {
            for halves in [true, false] {
                let case = Case {
                    widths,
                    densities: &[1.0, 0.5, 0.6],
                    activations: &[CLIPPED, RELU, CLIPPED, Activation::Identity],
                    halves,
                    seed: seed as u64,
                };
                let network = case.network();
                for inputs in [case.inputs(83), case.inputs(520)] {
                    check(&engine, &network, &inputs, &format!("{widths:?}, halves: {halves}"));
                }
                check(&engine, &network, &case.bits(83), &format!("{widths:?}, bits"));
            }
        }
    }
}

/// Tiles of 8, 16, 32, 40 and 80 columns, one column more and less, and more tiles than a GPU has multiprocessors
/// or clusters of them.
#[test]
fn all_batches() {
    let batches = [1, 7, 8, 9, 80, 129, 257, 512, 513, 1055, 2111, 5441, 11_000];
    for engine in dense_engines() {
        for (widths, batches) in [
            (&[40, 128, 128, 100][..], &batches[..]),
            (&[40, 200, 256, 10], &batches),
            (&[90, 600], &batches),
        ] {
            let case = Case {
                widths,
                densities: &[1.0, 0.5],
                activations: &[CLIPPED, RELU],
                halves: false,
                seed: 9,
            };
            let network = case.network();
            for &batch in batches {
                check(&engine, &network, &case.inputs(batch), &format!("{widths:?}"));
            }
        }
    }
}

/// Layers with more outputs than a block of weights, around the sizes of tiles and chunks.
#[test]
fn wide_layers() {
    let widths: [&[usize]; 8] = [
        &[1, 257, 1],
        &[31, 300, 511],
        &[32, 513, 300, 10],
        &[33, 1000, 257, 2],
        &[784, 512, 512, 10],
        &[4096, 300],
        &[300, 2048],
        &[1025, 1024, 1023],
    ];
    for engine in dense_engines() {
        for (seed, widths) in widths.into_iter().enumerate() {
            for halves in [true, false] {
                let case = Case {
                    widths,
                    densities: &[1.0, 0.3, 0.6],
                    activations: &[RELU, CLIPPED, RELU, Activation::Identity],
                    halves,
                    seed: 50 + seed as u64,
                };
                let network = case.network();
                for batch in [1, 8, 9, 65] {
                    check(
                        &engine,
                        &network,
                        &case.inputs(batch),
                        &format!("{widths:?}, halves: {halves}"),
                    );
                }
                check(&engine, &network, &case.bits(33), &format!("{widths:?}, bits"));
            }
        }
    }
}

/// As many columns as each tile of the wide kernel is chosen for, on a GPU with 132 multiprocessors.
#[test]
fn wide_layers_of_many_columns() {
    for engine in dense_engines() {
        for (widths, halves) in [(&[40, 257], true), (&[70, 600], false), (&[45, 1000], true)] {
            let case = Case { widths, densities: &[0.7], activations: &[RELU], halves, seed: 70 };
            let network = case.network();
            for batch in [33, 64, 600, 1665, 2113, 3169, 4225, 6337, 8449] {
                check(&engine, &network, &case.inputs(batch), &format!("{widths:?}, halves: {halves}"));
            }
        }
    }
}

/// Columns that become empty are left out, behind the first layers of wide and narrow networks.
#[test]
fn dropped_columns() {
    for engine in dense_engines() {
        for widths in [&[300, 400, 500, 300][..], &[40, 100, 256, 90]] {
            let case = Case { widths, densities: &[0.2], activations: &[RELU], halves: false, seed: 80 };
            let network = case.network();
            let layers = network.layers().iter().map(|layer| {
                Layer::new(layer.weights().clone(), Bias::Uniform(-0.6), layer.activation()).unwrap()
            });
            let network = Network::new(layers.collect::<Vec<_>>()).unwrap();
            for batch in [5, 70, 700] {
                check(&engine, &network, &case.inputs(batch), &format!("{widths:?}, dropped"));
            }
            let plan = Plan::new(Method::Xy2021);
            let outcome = engine.prepare(&network, &plan).unwrap().infer(&case.inputs(700)).unwrap();
            let left = outcome.report.live_columns[widths.len() - 1];
            assert!((1..700).contains(&left), "{left} columns are left of 700");
        }
    }
}

/// More sizes in turn than are kept recorded, on the same memory.
#[test]
fn many_sizes_in_turn() {
    for engine in dense_engines() {
        let case = Case {
            widths: &[40, 300, 32],
            densities: &[0.4],
            activations: &[RELU],
            halves: false,
            seed: 90,
        };
        let network = case.network();
        let prepared = engine.prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
        for batch in [700, 300, 65, 9, 8, 2, 1, 700, 65] {
            let inputs = case.inputs(batch);
            let output = prepared.infer(&inputs).unwrap().output;
            let expected = reference::infer(&network, &inputs);
            let bound = reference::rounding_error_bound(&network, &inputs);
            let (excess, input, neuron) = worst_excess(&output, &expected, &bound, SLACK);
            assert!(excess <= 0.0, "{batch} inputs: input {input}, neuron {neuron}");
        }
    }
}

/// A batch without inputs is refused as by other engines, and does not break the next.
#[test]
fn empty_batch() {
    for engine in dense_engines() {
        let case =
            Case { widths: &[40, 32], densities: &[1.0], activations: &[RELU], halves: true, seed: 3 };
        let network = case.network();
        let prepared = engine.prepare(&network, &Plan::new(Method::Xy2021)).unwrap();
        assert!(prepared.infer(&case.inputs(0)).is_err());
        assert_eq!(prepared.infer(&case.inputs(2)).unwrap().output.inputs(), 2);
    }
}

fn outputs_within(output: &Output, max: f32) -> f64 {
    let values = output.to_activations();
    let within = |input| values.column(input).iter().filter(|y| **y > 0.0 && **y < max).count();
    let count: usize = (0..values.inputs()).map(within).sum();
    count as f64 / (values.inputs() * values.features()) as f64
}

/// Deep networks like the medium-scale ones: the answer must be neither all zero nor all clamped, or the
/// test would see nothing.
#[test]
fn deep_networks() {
    for engine in dense_engines() {
        for halves in [true, false] {
            let widths = [256; 13];
            let case =
                Case { widths: &widths, densities: &[0.5], activations: &[CLIPPED], halves, seed: 20 };
            let network = case.network();
            let inputs = case.inputs(500);
            check(&engine, &network, &inputs, &format!("deep, halves: {halves}"));
            let plan = Plan::new(Method::Xy2021);
            let output = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap().output;
            let share = outputs_within(&output, 1.0);
            assert!((0.1..0.9).contains(&share), "{share}");
        }
    }
}

/// What a layer loses of the sum of magnitudes grows with its inputs, since sums are cut with every sixteen
/// products: seen were 1.2·10⁻⁶ with 784. Wide layers begin a new sum after 2048 inputs. Float32 itself may lose 10⁻⁵
/// with 256 inputs.
#[test]
fn precision_of_a_layer() {
    for engine in dense_engines() {
        let layers = [
            (true, 256, 256, 300),
            (false, 256, 256, 300),
            (true, 784, 256, 300),
            (false, 784, 256, 300),
            (false, 4096, 256, 300),
            // Of wide layers in tiles.
            (false, 784, 1000, 600),
            (false, 4096, 1000, 600),
        ];
        for (halves, inputs, outputs, batch) in layers {
            let case = Case {
                widths: &[inputs, outputs],
                densities: &[0.6],
                activations: &[Activation::Identity],
                halves,
                seed: 40,
            };
            let (network, inputs) = (case.network(), case.inputs(batch));
            let plan = Plan::new(Method::Xy2021);
            let output = engine.prepare(&network, &plan).unwrap().infer(&inputs).unwrap().output;
            let (expected, found) = (reference::infer(&network, &inputs), output.to_activations());
            let layer = &network.layers()[0];
            let Inputs::Values(values) = &inputs else { panic!("float32 inputs") };
            let mut worst = 0.0_f64;
            for (input, expected) in expected.iter().enumerate() {
                let y = values.column(input);
                for (output, expected) in expected.iter().enumerate() {
                    let (from, weights) = layer.weights().row(output);
                    let products =
                        from.iter().zip(weights).map(|(&i, &w)| f64::from(w * y[i as usize]).abs());
                    let magnitude = products.sum::<f64>() + f64::from(layer.bias().of(output)).abs();
                    let error = (f64::from(found.column(input)[output]) - expected).abs() / magnitude;
                    worst = if error.is_nan() { f64::NAN } else { worst.max(error) };
                }
            }
            eprintln!("{} inputs, {outputs} outputs, halves {halves}: {worst:.1e}", layer.inputs());
            let limit = 5e-7 + 2e-9 * layer.inputs().min(2048) as f64;
            assert!(worst <= limit, "{} inputs, halves {halves}: {worst:e}", layer.inputs());
        }
    }
}

/// The model takes the dense product where most neurons are connected and a sparse one elsewhere.
#[test]
fn the_model_chooses() {
    if dense_engines().is_empty() {
        return;
    }
    let engine = CudaEngine::new().unwrap();
    let note = |density: f64| {
        let case = Case {
            widths: &[300, 256, 256],
            densities: &[density],
            activations: &[CLIPPED],
            halves: true,
            seed: 1,
        };
        engine.prepare(&case.network(), &Plan::new(Method::Xy2021)).unwrap().notes()[0].clone()
    };
    assert!(note(0.6).starts_with("dense product on tensor cores in 2 of 2 layers"), "{}", note(0.6));
    assert!(!note(0.01).contains("dense"), "{}", note(0.01));
}
