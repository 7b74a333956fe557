//! Networks and test sets in the layout of SNICIT's artifact, written by hand from its description.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::path::Path;

use snicit::{Activation, Bias, Network};
use snicit_data::medium_scale::{self, Letter, Source};
use snicit_data::model::{is_artifact, read_artifact};
use tempfile::TempDir;

/// Three inputs, two neurons, a class: dense, sparse, dense.
const FILES: [(&str, &str); 7] = [
    ("weights/l1-dense.tsv", "1\n2\n3\n0\n-0.5\n6e-1\n"),
    ("weights/l2-sparse.tsv", "0\t1\t0.25\n1\t0\t-1\n1\t1\t2\n"),
    ("weights/l3-dense.tsv", "7\n8\n"),
    ("weights/l1-dense-nontrans.tsv", "left over"),
    ("biases/l1-dense.tsv", "0.5\n-0.5\n"),
    ("biases/l2-sparse.tsv", "0\n1\n"),
    ("biases/l3-dense.tsv", "0.125\n"),
];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        write(folder.path(), name, text);
    }
    folder
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn read(folder: &Path) -> Result<Network, String> {
    let relu = Activation::Relu { max: Some(1.0) };
    read_artifact(&folder.join("weights"), &folder.join("biases"), relu)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
}

fn connections(network: &Network, layer: usize) -> Vec<(u32, u32, f32)> {
    network.layers()[layer].weights().iter().map(|c| (c.input, c.output, c.weight)).collect()
}

#[test]
fn dense_layers_are_input_major_and_indices_count_from_0() {
    let folder = folder();
    assert!(is_artifact(&folder.path().join("weights")) && !is_artifact(folder.path()));
    let network = read(folder.path()).unwrap();
    assert_eq!(
        connections(&network, 0),
        [(0, 0, 1.0), (1, 0, 3.0), (2, 0, -0.5), (0, 1, 2.0), (2, 1, 0.6)]
    );
    assert_eq!(connections(&network, 1), [(1, 0, -1.0), (0, 1, 0.25), (1, 1, 2.0)]);
    assert_eq!(connections(&network, 2), [(0, 0, 7.0), (1, 0, 8.0)]);
    assert_eq!(network.layers()[0].bias(), &Bias::PerNeuron(vec![0.5, -0.5]));
    let activations: Vec<String> =
        network.layers().iter().map(|layer| layer.activation().to_string()).collect();
    assert_eq!(activations, ["relu:1", "relu:1", "identity"]);
}

#[test]
fn the_first_layer_may_be_sparse() {
    let folder = folder();
    for kind in ["weights", "biases"] {
        let path = |name: &str| folder.path().join(kind).join(name);
        fs::remove_file(path("l1-dense.tsv")).unwrap();
        fs::rename(path("l2-sparse.tsv"), path("l1-sparse.tsv")).unwrap();
        fs::rename(path("l3-dense.tsv"), path("l2-dense.tsv")).unwrap();
    }
    let network = read(folder.path()).unwrap();
    assert_eq!((network.inputs(), network.layers().len(), network.outputs()), (2, 2, 1));
}

#[test]
fn damages_are_named() {
    #[rustfmt::skip]
    let table = [
        ("weights/l1-dense.tsv", Some("1\n2\n3\n"),
            "weights/l1-dense.tsv: the number of weights is 3, expected a multiple of 2, the number of biases"),
        ("weights/l1-dense.tsv", Some("1\nnan\n"),
            "weights/l1-dense.tsv, line 2: weight is \"nan\", expected a finite number"),
        ("weights/l1-dense.tsv", Some(""),
            "weights/l1-dense.tsv: the file is empty, expected lines of 1 field (number)"),
        ("weights/l1-dense.tsv", None, "weights: l1-dense.tsv or l1-sparse.tsv, layer 1 of 3, is missing"),
        ("weights/l1-sparse.tsv", Some(""), "weights: layer 1 is dense as well as sparse, expected one of both"),
        ("weights/l2-sparse.tsv", Some("0\t1\t1\n2\t1\t1\n"),
            "weights/l2-sparse.tsv, line 2: input neuron is 2, expected 0 to 1"),
        ("weights/l2-sparse.tsv", Some("0\t-1\t1\n"),
            "weights/l2-sparse.tsv, line 1: output neuron is \"-1\", expected 0 to 1"),
        ("weights/l2-sparse.tsv", Some("0\t1\n"), "weights/l2-sparse.tsv, line 1: the line has 2 tab-separated \
            fields, expected 3 fields (input neuron, output neuron, weight)"),
        ("weights/l2-sparse.tsv", Some("0\t1\t1\n0\t1\t2\n"),
            "weights/l2-sparse.tsv: the connection from input neuron 1 to output neuron 2 is given twice"),
        ("weights/l3-dense.tsv", Some("1\n2\n3\n"), "weights: layer 3 takes 3 inputs, but layer 2 puts out 2"),
        ("biases/l2-sparse.tsv", Some("1\n\n2\n"),
            "biases/l2-sparse.tsv, line 2: the line is empty, expected 1 field (number)"),
        ("biases/l2-sparse.tsv", None,
            "biases/l2-sparse.tsv: could not be read: No such file or directory (os error 2)"),
    ];
    let mut failures = Vec::new();
    for (file, text, expected) in table {
        let folder = folder();
        match text {
            Some(text) => write(folder.path(), file, text),
            None => fs::remove_file(folder.path().join(file)).unwrap(),
        }
        let found = read(folder.path()).err();
        if found.as_deref() != Some(expected) {
            failures.push(format!("   found    {found:?}\n   expected {expected}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Network A's shape, a connection a neuron, and two images.
fn benchmark() -> (TempDir, Source) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (weights, biases) =
        ("networks/tsv_weights/n128-l18-acc1.00", "networks/tsv_biases/n128-l18-acc1.00");
    write(root, &format!("{weights}/l1-dense.tsv"), "0.001\n".repeat(784 * 128));
    let diagonal: String = (0..128).map(|i| format!("{i}\t{i}\t1\n")).collect();
    for layer in 2..=19 {
        write(root, &format!("{weights}/l{layer}-sparse.tsv"), &diagonal);
        write(root, &format!("{biases}/l{layer}-sparse.tsv"), "0\n".repeat(128));
    }
    write(root, &format!("{weights}/l20-dense.tsv"), "1\n".repeat(128 * 10));
    write(root, &format!("{biases}/l1-dense.tsv"), "0\n".repeat(128));
    write(root, &format!("{biases}/l20-dense.tsv"), "0\n".repeat(10));
    // A wider network beside it is none of A's.
    fs::create_dir_all(root.join("networks/tsv_weights/n128-l180")).unwrap();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..], &[51; 784], &[255; 784]];
    write(root, "MNIST/t10k-images-idx3-ubyte", images.concat());
    write(root, "MNIST/t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
    let source = Source { folder: Some(root.to_owned()), mnist: root.join("nowhere") };
    (folder, source)
}

fn message(letter: Letter, folder: &TempDir, source: &Source) -> String {
    let error = medium_scale::load(letter, source).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn benchmarks_are_found_by_their_names() {
    let (folder, source) = benchmark();
    let benchmark = medium_scale::load(Letter::A, &source).unwrap();
    assert_eq!(benchmark.labels, [7, 9]);
    assert_eq!((benchmark.inputs.len(), benchmark.network.layers().len()), (2, 20));
    benchmark.inputs.for_each_nonzero(0, |_, value| assert_eq!(value, 0.2));
    assert!(benchmark.origin.ends_with("n128-l18-acc1.00"), "{}", benchmark.origin);

    assert_eq!(
        message(Letter::B, &folder, &source),
        "networks/tsv_weights: network B, a folder n256-l18-… with l1-dense.tsv, is missing"
    );
    assert_eq!(
        message(Letter::D, &folder, &source),
        "networks/tsv_weights: network D, a folder n256-l12-… without l1-dense.tsv, is missing"
    );
    write(folder.path(), "networks/tsv_weights/n128-l18-acc2.00/l1-dense.tsv", "1\n");
    assert!(message(Letter::A, &folder, &source).contains("expected one of both"));
}

#[test]
fn networks_and_test_sets_of_another_shape_are_refused() {
    let (folder, source) = benchmark();
    let weights = folder.path().join("networks/tsv_weights/n128-l18-acc1.00");
    fs::rename(weights.join("l20-dense.tsv"), weights.join("l21-dense.tsv")).unwrap();
    assert!(message(Letter::A, &folder, &source).contains("layer 20 of 21, is missing"));
    fs::remove_file(weights.join("l21-dense.tsv")).unwrap();
    assert_eq!(
        message(Letter::A, &folder, &source),
        "networks/tsv_weights/n128-l18-acc1.00: the number of layers is 19, expected 20 for network A"
    );

    let (folder, source) = benchmark();
    write(folder.path(), "MNIST/t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 1, 7]);
    assert_eq!(
        message(Letter::A, &folder, &source),
        "MNIST/t10k-labels-idx1-ubyte: the number of labels is 1, expected 2, one an image"
    );
    fs::remove_file(folder.path().join("MNIST/t10k-images-idx3-ubyte")).unwrap();
    assert!(
        message(Letter::A, &folder, &source).starts_with("nowhere/t10k-images-idx3-ubyte: could not be")
    );
    assert_eq!(source.mnist_images(), folder.path().join("nowhere/t10k-images-idx3-ubyte"));
}

/// What comes with the crate has the shape that it should have.
#[test]
fn the_embedded_networks_are_whole() {
    let source = Source { folder: None, mnist: "nowhere".into() };
    let benchmark = medium_scale::load(Letter::D, &source).unwrap();
    assert_eq!((benchmark.inputs.len(), benchmark.labels.len()), (10_000, 10_000));
    assert!(benchmark.labels.iter().all(|&label| label < 10));
    for layer in &benchmark.network.layers()[..12] {
        assert!((layer.weights().density() - 0.5).abs() < 0.01, "{}", layer.weights().density());
    }
    assert!(benchmark.network.layers()[12].weights().density() > 0.9);
}
