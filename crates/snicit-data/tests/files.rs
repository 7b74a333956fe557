//! What is written can be read again, and other people's files too.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use proptest::prelude::*;
use snicit::{Activation, Bias, Categories, Connection, Inputs, Layer, Network, SparseWeights};
use snicit_data::sdgc;

mod common;

fn layer(inputs: usize, outputs: usize, connections: Vec<Connection>) -> Layer {
    let weights = SparseWeights::from_connections(inputs, outputs, connections).unwrap();
    Layer::new(weights, Bias::Uniform(-0.3), Activation::SDGC).unwrap()
}

fn connections(triples: &[(u32, u32, f32)]) -> Vec<Connection> {
    let connection = |&(input, output, weight)| Connection { input, output, weight };
    triples.iter().map(connection).collect()
}

fn assert_same(a: &Network, b: &Network) {
    assert_eq!(a.layers().len(), b.layers().len());
    for (a, b) in a.layers().iter().zip(b.layers()) {
        assert_eq!(a.weights(), b.weights());
        assert_eq!((a.bias(), a.activation()), (b.bias(), b.activation()));
    }
}

#[test]
fn a_network_in_the_official_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = layer(3, 3, connections(&[(2, 1, 0.0625), (0, 1, 0.0625), (1, 0, -1.5)]));
    let second = layer(3, 3, connections(&[(0, 0, 1.0 / 3.0)]));
    let network = Network::new([first, second]).unwrap();
    let done = AtomicU64::new(0);
    let count = |layers| _ = done.fetch_add(layers, Ordering::Relaxed);
    sdgc::write_network(&folder.path().join("neuron3"), &network, &count).unwrap();
    let file = folder.path().join("neuron3/n3-l1.tsv");
    let expected = "2\t1\t-1.500000e+00\n1\t2\t6.250000e-02\n3\t2\t6.250000e-02\n";
    assert_eq!(fs::read_to_string(file).unwrap(), expected);
    let read = sdgc::read_network(&folder.path().join("neuron3"), 3, 2, -0.3, &count).unwrap();
    assert_same(&read, &network);
    assert_eq!(done.into_inner(), 4);
}

#[test]
fn lines_in_any_order_with_any_line_end_and_gzip_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = "3\t2\t0.5\r\n1\t2\t-2e0\r\n2\t1\t+7";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    // One name promises gzip that is none, the other hides it.
    fs::write(folder.path().join("n3-l1.tsv.gz"), text).unwrap();
    fs::write(folder.path().join("n3-l2.tsv"), gzip).unwrap();
    let read = sdgc::read_network(folder.path(), 3, 2, -0.3, &|_| ()).unwrap();
    let expected = || layer(3, 3, connections(&[(2, 1, 0.5), (0, 1, -2.0), (1, 0, 7.0)]));
    assert_same(&read, &Network::new([expected(), expected()]).unwrap());
}

#[test]
fn networks_that_the_files_cannot_hold_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |layers: [Layer; 2]| {
        let network = Network::new(layers).unwrap();
        sdgc::write_network(folder.path(), &network, &|_| ()).unwrap_err().to_string()
    };
    let one = || connections(&[(0, 0, 1.0)]);
    assert_eq!(
        refuse([layer(3, 3, one()), layer(3, 2, one())]),
        "layer 2 cannot be written to a layer file: it has 3 inputs and 2 outputs, expected 3 of both"
    );
    assert_eq!(
        refuse([layer(3, 3, one()), layer(3, 3, vec![])]),
        "layer 2 cannot be written to a layer file: it has no connections, expected at least 1"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn inputs_are_bits_until_another_value_shows_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images.tsv");
    fs::write(&file, "3\t2\t1\n1\t70\t1\n").unwrap();
    let Inputs::Bits(bits) = sdgc::read_inputs(&file, 70, None).unwrap() else { panic!("not bits") };
    assert_eq!((bits.inputs(), bits.features(), bits.count_ones()), (3, 70, 2));
    assert!(bits.get(2, 1) && bits.get(0, 69));
    let five = sdgc::read_inputs(&file, 70, Some(5)).unwrap();
    assert_eq!((five.len(), five.features()), (5, 70));

    fs::write(&file, "3\t2\t1\n1\t70\t-0.5\n4\t1\t1.0\n2\t3\t0\n").unwrap();
    let Inputs::Values(values) = sdgc::read_inputs(&file, 70, None).unwrap() else {
        panic!("not values")
    };
    assert_eq!((values.inputs(), values.features()), (4, 70));
    assert_eq!(values.column(2)[1], 1.0);
    assert_eq!(values.column(0)[69], -0.5);
    assert_eq!(values.column(3)[0], 1.0);
    assert_eq!(values.values().iter().filter(|&&value| value != 0.0).count(), 3);
}

#[test]
fn inputs_are_written_in_order_and_packed_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut bits = snicit::BitActivations::zeros(2, 70);
    for (input, feature) in [(1, 69), (1, 0), (0, 5)] {
        bits.set(input, feature);
    }
    let inputs = Inputs::from(bits);
    let expected = "1\t6\t1\n2\t1\t1\n2\t70\t1\n";
    let plain = folder.path().join("new/images.tsv");
    sdgc::write_inputs(&plain, &inputs).unwrap();
    assert_eq!(fs::read_to_string(&plain).unwrap(), expected);
    let packed = folder.path().join("new/images.tsv.gz");
    sdgc::write_inputs(&packed, &inputs).unwrap();
    let mut text = String::new();
    GzDecoder::new(fs::File::open(&packed).unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text, expected);
    for file in [plain, packed] {
        assert_eq!(sdgc::read_inputs(&file, 70, None).unwrap(), inputs);
    }
}

#[test]
fn categories_are_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("categories.tsv");
    for indices in [vec![], vec![3, 17, 59_999]] {
        let categories = Categories::new(indices);
        sdgc::write_categories(&file, &categories).unwrap();
        assert_eq!(sdgc::read_categories(&file).unwrap(), categories);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "3\n17\n59999\n");
}

/// Reads 30 layers, the images and the categories that come from the challenge itself.
#[test]
fn official_files() {
    let Some(folder) = common::shared("official_files", "sdgc-1024-official-subset") else { return };
    assert_eq!(sdgc::count_layer_files(&folder, 1024).unwrap(), 30);
    let bias = sdgc::bias(1024).unwrap();
    let network = sdgc::read_network(&folder, 1024, 30, bias, &|_| ()).unwrap();
    let connections = 1024 * sdgc::CONNECTIONS_PER_NEURON;
    for layer in network.layers() {
        assert_eq!(layer.weights().connections(), connections);
        assert_eq!(layer.weights().equal_weight(), Some(1.0 / 16.0));
    }
    let inputs =
        sdgc::read_inputs(&folder.join("sparse-images-1024-first1200.tsv.gz"), 1024, None).unwrap();
    assert_eq!((inputs.len(), inputs.features()), (1200, 1024));
    let truth = sdgc::read_categories(&folder.join("neuron1024-l120-categories-first1200.tsv")).unwrap();
    assert_eq!(truth.len(), 19);
    assert_eq!(snicit::reference::categories(&network, &inputs), truth);

    let written = tempfile::tempdir().unwrap();
    sdgc::write_network(written.path(), &network, &|_| ()).unwrap();
    for layer in 1..=30 {
        let ours = fs::read(written.path().join(format!("n1024-l{layer}.tsv"))).unwrap();
        assert!(ours == unpacked(&folder.join(format!("n1024-l{layer}.tsv.gz"))), "layer {layer}");
    }
    let images = written.path().join("images.tsv");
    sdgc::write_inputs(&images, &inputs).unwrap();
    let official = unpacked(&folder.join("sparse-images-1024-first1200.tsv.gz"));
    assert!(fs::read(images).unwrap() == official, "images");
}

fn unpacked(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(file).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_network_comes_back(
        triples in prop::collection::btree_map((0..9_u32, 0..9_u32), -1e30_f32..1e30, 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let connections =
            triples.iter().map(|(&(input, output), &weight)| Connection { input, output, weight });
        let network = Network::new([layer(9, 9, connections.collect())]).unwrap();
        sdgc::write_network(folder.path(), &network, &|_| ()).unwrap();
        assert_same(&sdgc::read_network(folder.path(), 9, 1, -0.3, &|_| ()).unwrap(), &network);
    }

    /// No file may make a reader panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(
        prop::sample::select(b"0123\t\t\n\n\r.e-x\x1f\x8b\xff".to_vec()), 0..60,
    )) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("n9-l1.tsv");
        fs::write(&file, bytes).unwrap();
        let _ = sdgc::read_network(folder.path(), 9, 1, -0.3, &|_| ());
        let _ = sdgc::read_inputs(&file, 9, Some(100));
        let _ = sdgc::read_categories(&file);
    }
}
