//! A trained network and its test set for the tests of `beyond` and `infer`, written by hand in the forms that
//! users have.

use std::fmt::Write;

use crate::support::Folder;

/// Numbers that a seed gives for ever.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1_u64 << 24) as f64
    }
}

/// A layer as text has it: `(input, output, weight)`, and biases.
pub(crate) struct TextLayer {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) connections: Vec<(usize, usize, f32)>,
    pub(crate) biases: Vec<f32>,
    pub(crate) clipped: bool,
}

impl TextLayer {
    pub(crate) fn random(
        (inputs, outputs): (usize, usize),
        density: f64,
        clipped: bool,
        random: &mut Random,
    ) -> Self {
        let scale = 3.0 / (inputs as f64 * density).sqrt();
        let mut connections = Vec::new();
        for input in 0..inputs {
            for output in 0..outputs {
                if density == 1.0 || random.uniform() < density {
                    connections.push((input, output, ((2.0 * random.uniform() - 1.0) * scale) as f32));
                }
            }
        }
        let biases = (0..outputs).map(|_| (random.uniform() * 0.6 - 0.2) as f32).collect();
        TextLayer { inputs, outputs, connections, biases, clipped }
    }

    /// `min(max(W·y + b, 0), 1)`, or without the clipping.
    pub(crate) fn apply(&self, column: &[f64]) -> Vec<f64> {
        let mut sums: Vec<f64> = self.biases.iter().map(|&bias| f64::from(bias)).collect();
        for &(input, output, weight) in &self.connections {
            sums[output] += f64::from(weight) * column[input];
        }
        if self.clipped {
            sums.iter_mut().for_each(|y| *y = y.clamp(0.0, 1.0));
        }
        sums
    }

    /// In the artifact's layout, as layer `number` of the network `name` below `root`.
    fn write_artifact(&self, folder: &Folder, root: &str, name: &str, number: usize, dense: bool) {
        let mut weights = String::new();
        if dense {
            assert_eq!(self.connections.len(), self.inputs * self.outputs, "a dense layer");
        }
        for &(input, output, weight) in &self.connections {
            let line = if dense {
                writeln!(weights, "{weight}")
            } else {
                writeln!(weights, "{input}\t{output}\t{weight}")
            };
            line.unwrap();
        }
        let biases: String = self.biases.iter().map(|bias| format!("{bias}\n")).collect();
        let kind = if dense { "dense" } else { "sparse" };
        folder.write(&format!("{root}/tsv_weights/{name}/l{number}-{kind}.tsv"), &weights);
        folder.write(&format!("{root}/tsv_biases/{name}/l{number}-{kind}.tsv"), &biases);
    }
}

/// The class of one input, and by how much its score leads.
pub(crate) fn class_of(layers: &[TextLayer], input: &[f64]) -> (usize, f64) {
    let scores = layers.iter().fold(input.to_vec(), |column, layer| layer.apply(&column));
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    (order[0], scores[order[0]] - scores[order[1]])
}

/// A network of a benchmark's sizes: `neurons`, `sparse` layers, with a dense first layer where it takes
/// images. The density is below the paper's, so that the test is quick.
pub(crate) fn benchmark_network(neurons: usize, sparse: usize, images: bool) -> Vec<TextLayer> {
    let mut random = Random(7);
    let mut layers = Vec::new();
    if images {
        layers.push(TextLayer::random((784, neurons), 1.0, true, &mut random));
    }
    for _ in 0..sparse {
        layers.push(TextLayer::random((neurons, neurons), 0.1, true, &mut random));
    }
    layers.push(TextLayer::random((neurons, 10), 1.0, false, &mut random));
    layers
}

/// Writes it below `root`/networks under `name`.
pub(crate) fn write_artifact(folder: &Folder, root: &str, name: &str, layers: &[TextLayer]) {
    let root = format!("{root}/networks");
    for kind in ["tsv_weights", "tsv_biases"] {
        std::fs::create_dir_all(folder.path(&format!("{root}/{kind}/{name}"))).unwrap();
    }
    for (i, layer) in layers.iter().enumerate() {
        let dense = layer.inputs != layer.outputs;
        layer.write_artifact(folder, &root, name, i + 1, dense);
    }
    folder.write(&format!("{root}/tsv_weights/{name}/l1-dense-nontrans.tsv"), "left over\n");
}
