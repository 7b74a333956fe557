//! SNICIT's post-convergence update in both schedules, against the f64 reference. All numbers are small
//! integers, so that every order of additions gives the same: answers must be equal, however deep the network.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit::{
    Activation, Bias, BitActivations, Connection, CpuEngine, Engine, Inputs, Layer, Method, Network,
    Plan, Prepared, SnicitOptions, SparseWeights, reference,
};
use snicit_cuda::{CudaEngine, CudaOptions, Products, UpdateSchedule};

use crate::engines::engines;

/// A network of random connections of weight 1 and -1.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    widths: Vec<usize>,
    /// Outputs that share their inputs.
    block_outputs: usize,
    /// Connections of an output: at most.
    reads: usize,
    /// Of the connections: have weight 1.
    positive: f64,
    /// In every layer whose number is a multiple of this all weights are 1 instead; 0: in none.
    equal_weights: usize,
    /// In `N = 16·G` neurons an output reads, instead of random ones, the inputs that are congruent to it or to
    /// it plus a power of two, modulo `G`, as in the Graph Challenge: whole strips of the layer before.
    whole_strips: bool,
    /// The largest; there are `bias_spread` different ones.
    bias: i32,
    bias_spread: usize,
    /// Share of the outputs that have no connection.
    unconnected: f64,
    inputs: usize,
    sampled_columns: usize,
    threshold_layer: usize,
}

impl Case {
    fn base(name: &'static str, widths: Vec<usize>, inputs: usize) -> Self {
        Case {
            name,
            widths,
            block_outputs: 16,
            reads: 8,
            positive: 0.6,
            equal_weights: 0,
            whole_strips: false,
            bias: 0,
            bias_spread: 2,
            unconnected: 0.1,
            inputs,
            sampled_columns: 32,
            threshold_layer: 1,
        }
    }

    fn generate(&self) -> (Network, Inputs) {
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let widths = self.widths.windows(2).enumerate();
        let layers = widths.map(|(l, pair)| self.layer(l, pair[0], pair[1], &mut random));
        let network = Network::new(layers).unwrap();
        let mut bits = BitActivations::zeros(self.inputs, self.widths[0]);
        for input in (0..self.inputs).filter(|input| input % 5 != 3) {
            for feature in 0..self.widths[0] {
                if random.random_bool(0.4) {
                    bits.set(input, feature);
                }
            }
        }
        (network, bits.into())
    }

    fn layer(&self, l: usize, inputs: usize, outputs: usize, random: &mut ChaCha8Rng) -> Layer {
        let equal_weights = self.equal_weights > 0 && l.is_multiple_of(self.equal_weights);
        let mut connections = Vec::new();
        let mut chosen = Vec::new();
        for output in 0..outputs {
            if output % self.block_outputs == 0 {
                let reads =
                    if random.random_bool(self.unconnected) { 0 } else { self.reads.min(inputs) };
                chosen = rand::seq::index::sample(random, inputs, reads).into_vec();
            }
            if self.whole_strips {
                let classes = inputs / 16;
                let other = (output + (1 << (l % classes.ilog2() as usize))) % classes;
                let read = |input: &usize| [output % classes, other].contains(&(input % classes));
                chosen = (0..inputs).filter(read).collect();
            }
            connections.extend(chosen.iter().map(|&input| Connection {
                input: input as u32,
                output: output as u32,
                weight: if equal_weights || random.random_bool(self.positive) { 1.0 } else { -1.0 },
            }));
        }
        let weights = SparseWeights::from_connections(inputs, outputs, connections).unwrap();
        let bias = |output: usize| (self.bias - (output * 7919 % self.bias_spread) as i32) as f32;
        let bias = match self.bias_spread {
            1 => Bias::Uniform(bias(0)),
            _ => Bias::PerNeuron((0..outputs).map(bias).collect()),
        };
        Layer::new(weights, bias, Activation::SDGC).unwrap()
    }

    fn plan(&self) -> Plan {
        let mut options = SnicitOptions::sdgc();
        options.sampled_columns = self.sampled_columns;
        options.segments = None;
        Plan::new(Method::Snicit).with_snicit(options).at_threshold_layer(self.threshold_layer)
    }
}

fn cases() -> Vec<Case> {
    let base = Case::base;
    // All columns become alike.
    let contracting =
        |name, widths, inputs| Case { bias: 3, positive: 0.9, ..base(name, widths, inputs) };
    // Every strip is whole: there are shorter ways for such layers.
    let alike = |name, widths, inputs| {
        let case = Case { bias: 3, positive: 0.9, bias_spread: 1, ..base(name, widths, inputs) };
        Case { unconnected: 0.0, sampled_columns: 1, ..case }
    };
    // Columns become alike, but activations stay apart: most biases are so large or small that they decide.
    let varied = |name, widths, reads: usize, equal_weights, inputs| {
        let bias_spread = 300 + 32 * reads;
        Case { reads, equal_weights, bias: 150, bias_spread, ..alike(name, widths, inputs) }
    };
    vec![
        Case { bias: -9, ..base("no column is left", vec![96; 9], 50) },
        Case { sampled_columns: 1, ..contracting("one column is left", vec![96; 40], 50) },
        Case { sampled_columns: 2, ..contracting("two centroids are left", vec![96; 40], 50) },
        Case { equal_weights: 1, bias: -2, ..base("equal weights", vec![96; 40], 50) },
        Case { reads: 32, ..alike("layers all alike", vec![1024; 40], 40) },
        Case { sampled_columns: 3, ..alike("layers all alike, some columns", vec![96; 30], 100) },
        Case {
            equal_weights: 1,
            bias: -11,
            reads: 30,
            ..alike("alike, equal weights", vec![100; 99], 90)
        },
        Case { equal_weights: 1, bias: -3, ..alike("two layers alike", vec![100; 4], 90) },
        Case { equal_weights: 1, bias: -3, reads: 7, ..alike("alike, wide", vec![40_000; 14], 4) },
        Case { reads: 7, ..alike("alike, wide, weights differ", vec![40_000; 5], 4) },
        Case { inputs: 1, ..alike("a single input", vec![64; 700], 1) },
        varied("alike, biases vary", vec![96; 30], 8, 0, 40),
        varied("alike, biases vary, weights are equal in some layers", vec![300; 30], 32, 3, 40),
        varied("alike, an output more than a strip has", vec![17; 30], 1, 1, 40),
        varied("alike, all inputs but one", vec![230; 30], 31, 1, 40),
        varied("alike, 1025 strips", vec![16_400; 8], 32, 1, 1),
        varied("one block", vec![1024; 40], 32, 1, 40),
        varied("one block, seven strips", vec![112; 30], 32, 1, 40),
        varied("one block, as many strips as it takes", vec![2048; 17], 32, 1, 20),
        varied("a strip too many for one block", vec![2064; 12], 32, 1, 5),
        varied("alike, 256 strips", vec![4096; 12], 32, 1, 1),
        varied("a part of a strip too many for one block", vec![1030; 12], 32, 1, 5),
        varied("one block in several launches", vec![160; 1200], 32, 1, 10),
        Case { whole_strips: true, ..varied("whole strips", vec![1024; 22], 32, 1, 30) },
        Case { whole_strips: true, ..varied("few whole strips", vec![128; 22], 32, 1, 1) },
        Case { whole_strips: true, ..varied("whole strips, weights differ", vec![512; 22], 32, 0, 30) },
        Case {
            bias: -13,
            bias_spread: 1,
            threshold_layer: 0,
            ..varied("one block, one bias", vec![1024; 3], 32, 1, 1)
        },
        Case {
            bias: -13,
            bias_spread: 1,
            threshold_layer: 0,
            ..varied("alike, one bias", vec![2560; 3], 32, 1, 1)
        },
        base("residues stay alive", vec![96; 12], 50),
        Case {
            sampled_columns: 2,
            ..base("residues stay alive through 300 layers", vec![160; 301], 30)
        },
        Case { sampled_columns: 1, ..base("one centroid and its residues", vec![1000; 20], 60) },
        base("more columns than the ring has", vec![96; 12], 700),
        contracting("few enough after some layers", vec![96; 80], 700),
        Case { sampled_columns: 5, ..base("few centroids for many columns", vec![128; 9], 1100) },
        Case { sampled_columns: 60, ..base("more centroids than are kept", vec![96; 12], 60) },
        Case { sampled_columns: 300, ..base("more centroids than the ring has", vec![96; 11], 400) },
        base("one layer behind the threshold layer", vec![96; 3], 50),
        base("two layers behind", vec![96; 4], 50),
        base("one layer behind, many columns", vec![96; 3], 300),
        Case { block_outputs: 1, ..base("rows", vec![77, 250, 101, 33, 1000, 10], 60) },
        Case { block_outputs: 1, reads: 70, ..base("long rows", vec![150, 333, 90, 211, 150, 97], 300) },
        Case { block_outputs: 1, equal_weights: 1, bias: -4, ..base("equal rows", vec![80; 9], 40) },
        Case { block_outputs: 5, ..base("ragged strips", vec![77, 250, 101, 33, 1000, 10], 60) },
        Case {
            block_outputs: 37,
            reads: 70,
            ..base("long strips", vec![150, 333, 90, 211, 150, 97], 60)
        },
        Case { reads: 33, ..base("an input too many", vec![100; 6], 9) },
        Case { threshold_layer: 0, ..base("converted at once", vec![64; 6], 90) },
        Case { bias: 1, ..base("layers without neurons", vec![32, 32, 0, 40, 40], 20) },
        base("more strips than warps", vec![40_000, 40_000, 40_000, 40_000], 6),
        Case {
            equal_weights: 1,
            bias_spread: 1,
            ..base("wide indices", vec![70_000, 70_000, 70_000, 64], 3)
        },
        Case { sampled_columns: 1, ..contracting("several launches", vec![64; 1401], 100) },
        Case { sampled_columns: 3, ..base("several launches with residues", vec![64; 1100], 90) },
    ]
}

#[test]
fn both_schedules_give_the_exact_answer() {
    if engines().is_empty() {
        return;
    }
    for schedule in [UpdateSchedule::Persistent, UpdateSchedule::PerLayer] {
        // Some layers are dense enough for the dense product, which the persistent update has not.
        let mut options = CudaOptions::default().with_update(schedule);
        options.products = Products::Sparse;
        let engine = CudaEngine::with_options(&options).unwrap();
        for case in cases() {
            let (network, inputs) = case.generate();
            let prepared = engine.prepare_network(&network, &case.plan()).unwrap();
            let persistent =
                prepared.notes().iter().any(|note| note.contains("post-convergence update"));
            assert_eq!(persistent, schedule == UpdateSchedule::Persistent, "{}", case.name);
            let expected = reference::infer(&network, &inputs);
            // More than once: tags and lists of an inference must not trouble the next.
            for pass in 0..3 {
                let outcome = prepared.infer(&inputs).unwrap();
                let output = outcome.output.to_activations();
                for (input, expected) in expected.iter().enumerate() {
                    let found = output.column(input);
                    let differs = |neuron: &usize| f64::from(found[*neuron]) != expected[*neuron];
                    if let Some(neuron) = (0..expected.len()).find(differs) {
                        panic!(
                            "{}, {schedule:?}, pass {pass}: input {input}, neuron {neuron} is {}, expected {}",
                            case.name, found[neuron], expected[neuron]
                        );
                    }
                }
                let live = &outcome.report.live_columns;
                assert_eq!(live.len(), network.layers().len() + 1);
                let behind = &live[case.threshold_layer + 1..live.len() - 1];
                assert!(behind.is_sorted_by(|a, b| a >= b), "{}: {live:?}", case.name);
                let centroids = outcome.report.centroids.unwrap();
                assert!(behind.iter().all(|&live| live >= centroids), "{}: {live:?}", case.name);
            }
        }
    }
}

/// The persistent update has no dense product; one layer that would like it must not cost the others theirs.
#[test]
fn a_dense_classifier_leaves_the_update_persistent() {
    if engines().is_empty() {
        return;
    }
    let engine = CudaEngine::new().unwrap();
    let sparse = Case { bias: 3, positive: 0.9, ..Case::base("sparse", vec![1024; 9], 60) };
    let dense = Case { reads: 1024, unconnected: 0.0, ..Case::base("dense", vec![1024, 10], 60) };
    let all_dense = Case { reads: 60, ..Case::base("all dense", vec![64; 9], 60) };
    for (case, classifier, persistent) in [(&sparse, Some(&dense), true), (&all_dense, None, false)] {
        let (network, inputs) = case.generate();
        let classifier = classifier.map(|case| case.generate().0);
        let layers = network.layers().iter().chain(classifier.iter().flat_map(Network::layers));
        let network = Network::new(layers.map(|layer| Layer::clone(layer))).unwrap();
        let prepared = engine.prepare_network(&network, &case.plan()).unwrap();
        let notes = prepared.notes();
        let found = notes.iter().any(|note| note.contains("post-convergence update"));
        assert_eq!(found, persistent, "{}: {notes:?}", case.name);
        let output = prepared.infer(&inputs).unwrap().output.to_activations();
        for (input, expected) in reference::infer(&network, &inputs).iter().enumerate() {
            let found: Vec<f64> = output.column(input).iter().map(|&y| f64::from(y)).collect();
            assert_eq!(found, *expected, "{}: input {input}", case.name);
        }
    }
}

/// The cases must take every way through the kernels; the CPU can tell.
#[test]
fn the_cases_go_all_ways() {
    /// Columns at most that the kernel hands on with tags, and centroids among them.
    const RING: u64 = 64;
    const KEPT: u64 = 32;
    /// Of centroids, columns behind the conversion, and columns before the last layer.
    type Way = fn(u64, u64, u64) -> bool;
    let cpu = CpuEngine::new().unwrap();
    let of_cases: Vec<(u64, u64, u64)> = cases()
        .iter()
        .map(|case| {
            let (network, inputs) = case.generate();
            let outcome = cpu.prepare(&network, &case.plan()).unwrap().infer(&inputs).unwrap();
            let live = outcome.output.categories().len();
            if case.bias_spread > 2 || case.name.contains("one bias") {
                // Neither all zero nor all clamped.
                let mut first = outcome.output.to_activations().column(0).to_vec();
                first.sort_by(f32::total_cmp);
                first.dedup();
                assert!(first.len() > 2, "{}: {first:?}", case.name);
            }
            assert_eq!(live == 0, case.name == "no column is left", "{}: {live} columns", case.name);
            let report = outcome.report;
            let behind = &report.live_columns[case.threshold_layer..];
            (report.centroids.unwrap(), behind[0], behind[behind.len() - 2])
        })
        .collect();
    let ways: [(&str, Way); 9] = [
        ("nothing to do", |_, first, _| first == 0),
        ("one column from the beginning or in the end", |_, _, last| last == 1),
        ("two columns", |centroids, _, last| (centroids, last) == (2, 2)),
        ("residues to the end, with tags", |c, first, last| last > c && first <= RING && c <= KEPT),
        ("one centroid, residues to the end", |c, _, last| c == 1 && last > 1),
        ("barriers to the end", |_, _, last| last > RING),
        ("barriers, then tags", |c, first, last| first > RING && last <= RING && c <= KEPT),
        ("more centroids than are kept, few columns", |c, first, _| c > KEPT && first <= RING),
        ("more centroids than the ring has", |c, _, _| c > RING),
    ];
    for (way, goes) in ways {
        assert!(of_cases.iter().any(|&(c, first, last)| goes(c, first, last)), "{way}: {of_cases:?}");
    }
}
