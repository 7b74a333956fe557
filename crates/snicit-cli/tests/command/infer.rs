//! `snicit infer` on one network and test set in every form they may have.

use std::fs;

use serde_json::Value;
use snicit::{
    Activation, Activations, Bias, Connection, Inputs, Layer, Network, SparseWeights, classes,
};
use snicit_data::arrays::{Array, Packing, Values, read_npy, write_npy, write_npz};
use snicit_data::matrices::{write_matrix_market, write_scipy};
use snicit_data::model::write_safetensors;

use crate::networks::{Random, TextLayer, write_artifact};
use crate::support::Folder;

const INPUTS: usize = 40;
const FEATURES: usize = 12;

/// Dense 12 → 8, two sparse 8 → 8, dense 8 → 3.
fn layers() -> Vec<TextLayer> {
    let mut random = Random(12);
    vec![
        TextLayer::random((FEATURES, 8), 1.0, true, &mut random),
        TextLayer::random((8, 8), 0.5, true, &mut random),
        TextLayer::random((8, 8), 0.4, true, &mut random),
        TextLayer::random((8, 3), 1.0, false, &mut random),
    ]
}

/// Pixels, as images have them.
fn pixels() -> Vec<u8> {
    let mut random = Random(12);
    let black = |random: &mut Random| random.uniform() < 0.6;
    let pixel = |_| if black(&mut random) { 0 } else { (random.uniform() * 256.0) as u8 };
    (0..INPUTS * FEATURES).map(pixel).collect()
}

fn features() -> Vec<f32> {
    pixels().iter().map(|&pixel| f32::from(pixel) / 255.0).collect()
}

/// The scores of all inputs, in float64 by the definition.
fn expected() -> Vec<f64> {
    let layers = layers();
    let scores = |input: &[f32]| {
        let input = input.iter().map(|&value| f64::from(value)).collect();
        layers.iter().fold(input, |column: Vec<f64>, layer| layer.apply(&column))
    };
    features().chunks(FEATURES).flat_map(scores).collect()
}

fn expected_classes() -> Vec<u32> {
    let class = |scores: &[f64]| classes::argmax(&scores.iter().map(|&y| y as f32).collect::<Vec<_>>());
    expected().chunks(3).map(class).collect()
}

fn weights(layer: &TextLayer) -> SparseWeights {
    let connection = |&(input, output, weight): &(usize, usize, f32)| Connection {
        input: input as u32,
        output: output as u32,
        weight,
    };
    let connections = layer.connections.iter().map(connection).collect();
    SparseWeights::from_connections(layer.inputs, layer.outputs, connections).unwrap()
}

fn network() -> Network {
    let layer = |layer: &TextLayer| {
        let activation =
            if layer.clipped { Activation::Relu { max: Some(1.0) } } else { Activation::Identity };
        Layer::new(weights(layer), Bias::PerNeuron(layer.biases.clone()), activation).unwrap()
    };
    Network::new(layers().iter().map(layer).collect::<Vec<_>>()).unwrap()
}

/// The network as safetensors, TOML and text; the inputs as npy, npz, csv and IDX; labels likewise.
fn folder() -> Folder {
    let folder = Folder::new();
    write_safetensors(&folder.path("net.safetensors"), &network(), Some("three classes")).unwrap();
    write_artifact(&folder, "artifact", "small", &layers());
    write_toml(&folder);

    let inputs = Inputs::from(Activations::new(INPUTS, FEATURES, features()).unwrap());
    write_npy(&folder.path("in.npy"), &(&inputs).into()).unwrap();
    let as_images = Array::new(vec![INPUTS, 3, 4], Values::U8(pixels())).unwrap();
    write_npy(&folder.path("images.npy"), &as_images).unwrap();
    write_npz(&folder.path("in.npz"), &[("inputs", &(&inputs).into())], Packing::Deflated).unwrap();
    let idx = [&[0, 0, 8, 3, 0, 0, 0, INPUTS as u8, 0, 0, 0, 3, 0, 0, 0, 4][..], &pixels()].concat();
    fs::write(folder.path("images-idx3-ubyte"), idx).unwrap();
    let line = |input: &[f32]| input.iter().map(f32::to_string).collect::<Vec<_>>().join(", ") + "\n";
    let csv: String = features().chunks(FEATURES).map(line).collect();
    let header = (1..=FEATURES).map(|i| format!("x{i}")).collect::<Vec<_>>().join(",");
    folder.write("in.csv", &csv);
    folder.write("header.csv", &format!("{header}\n{csv}"));

    let classes = expected_classes();
    let lines: String = classes.iter().map(|class| format!("{class}\n")).collect();
    folder.write("labels.txt", &lines);
    folder.write("labels.csv", &format!("class\n{lines}"));
    write_npy(&folder.path("labels.npy"), &classes.clone().into()).unwrap();
    let bytes: Vec<u8> = classes.iter().map(|&class| class as u8).collect();
    let idx = [&[0, 0, 8, 1, 0, 0, 0, INPUTS as u8][..], &bytes].concat();
    fs::write(folder.path("labels-idx1-ubyte"), idx).unwrap();
    folder
}

/// Every form of matrix and bias that a description may name.
fn write_toml(folder: &Folder) {
    let layers = layers();
    fs::create_dir(folder.path("toml")).unwrap();
    let file = |name: &str| folder.path("toml").join(name);
    let mut dense = vec![0.0; 8 * FEATURES];
    layers[0].connections.iter().for_each(|&(i, j, weight)| dense[j * FEATURES + i] = weight);
    write_npy(&file("l1.npy"), &Array::new(vec![8, FEATURES], Values::F32(dense)).unwrap()).unwrap();
    write_scipy(&file("l2.npz"), &weights(&layers[1]), Packing::Stored).unwrap();
    write_matrix_market(&file("l3.mtx"), &weights(&layers[2])).unwrap();
    write_scipy(&file("l4.npz"), &weights(&layers[3]), Packing::Deflated).unwrap();
    for (i, layer) in layers.iter().enumerate() {
        write_npy(&file(&format!("b{}.npy", i + 1)), &layer.biases.clone().into()).unwrap();
    }
    let layer = |weights: &str, i: usize, activation: &str| {
        let files = format!("weights = \"{weights}\"\nbias = \"b{i}.npy\"");
        format!("[[layers]]\n{files}\nactivation = \"{activation}\"\n\n")
    };
    let text = [
        "format = \"snicit-network\"\nversion = 1\nname = \"described\"\n\n".to_owned(),
        layer("l1.npy", 1, "relu:1"),
        layer("l2.npz", 2, "relu:1"),
        layer("l3.mtx", 3, "relu:1"),
        layer("l4.npz", 4, "identity"),
    ];
    folder.write("toml/network.toml", &text.concat());
}

fn close(found: &[f32], expected: &[f64]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4)
}

fn scores(folder: &Folder, line: &str) -> Vec<f32> {
    folder.done(&format!("infer {line} -o scores.npy"));
    let array = read_npy(&folder.path("scores.npy")).unwrap();
    assert_eq!(array.shape(), [INPUTS, 3], "{line}");
    array.to_f32().unwrap().value
}

#[test]
fn every_form_of_network_and_inputs_gives_the_same_scores() {
    let folder = folder();
    let expected = expected();
    for model in ["net.safetensors", "toml", "toml/network.toml", "artifact/networks/tsv_weights/small"]
    {
        assert!(close(&scores(&folder, &format!("{model} in.npy")), &expected), "{model}");
    }
    for inputs in ["in.npz", "in.csv", "header.csv", "images.npy --scale", "images-idx3-ubyte --scale"] {
        let found = scores(&folder, &format!("net.safetensors {inputs}"));
        assert!(close(&found, &expected), "{inputs}");
    }
    for options in [
        "-m BF",
        "-m SNIG -b 7",
        "-m SNICIT",
        "-m SNICIT -t 0 -b 1",
        "-m SNICIT -t 4",
        "-b 1",
        "-m SNICIT -t 1 --segments none --sampled-columns 3 --repeat 2",
        "--isa portable --threads 1",
    ] {
        let found = scores(&folder, &format!("net.safetensors in.npy {options}"));
        assert!(close(&found, &expected), "{options}");
    }
    let biases =
        "artifact/networks/tsv_weights/small in.npy --biases artifact/networks/tsv_biases/small";
    assert!(close(&scores(&folder, biases), &expected));
    // Without the upper bound the answer is another.
    let unbounded = "artifact/networks/tsv_weights/small in.npy --activation relu";
    assert!(!close(&scores(&folder, unbounded), &expected));
}

#[test]
fn answers_in_every_form() {
    let folder = folder();
    let (scores, classes) = (expected(), expected_classes());
    assert!(classes.iter().any(|class| *class != classes[0]), "{classes:?}");
    let softmax: Vec<f64> = scores
        .chunks(3)
        .flat_map(|scores| {
            let sum: f64 = scores.iter().map(|y| y.exp()).sum();
            scores.iter().map(move |y| y.exp() / sum).collect::<Vec<_>>()
        })
        .collect();
    for (what, expected) in [("scores", &scores), ("softmax", &softmax)] {
        let line = |form| format!("infer net.safetensors in.npy --output {what} -o out.{form}");
        for form in ["npy", "csv", "json"] {
            folder.done(&line(form));
        }
        let npy = read_npy(&folder.path("out.npy")).unwrap();
        assert_eq!(npy.shape(), [INPUTS, 3]);
        let npy = npy.to_f32().unwrap().value;
        assert!(close(&npy, expected), "{what}");
        // Text has all digits.
        let csv = folder.read("out.csv");
        let csv: Vec<f32> = csv.split(['\n', ',']).filter_map(|number| number.parse().ok()).collect();
        assert_eq!(csv, npy, "{what}");
        let json: Vec<[f32; 3]> = serde_json::from_str(&folder.read("out.json")).unwrap();
        assert_eq!(json.concat(), npy, "{what}");
    }
    for form in ["npy", "csv", "json"] {
        folder.done(&format!("infer net.safetensors in.npy --output classes -o out.{form}"));
    }
    assert_eq!(read_npy(&folder.path("out.npy")).unwrap().to_labels().unwrap(), classes);
    let lines: String = classes.iter().map(|class| format!("{class}\n")).collect();
    assert_eq!(folder.read("out.csv"), lines);
    assert_eq!(serde_json::from_str::<Vec<u32>>(&folder.read("out.json")).unwrap(), classes);
}

#[test]
fn labels_give_the_accuracy() {
    let folder = folder();
    for labels in ["labels.txt", "labels.csv", "labels.npy", "labels-idx1-ubyte"] {
        let text = folder.done(&format!("infer net.safetensors in.npy --labels {labels}"));
        assert!(text.contains("accuracy                100.00 %"), "{labels}: {text}");
        assert!(text.contains("three classes: 4 layers, 12 inputs, 3 outputs"), "{text}");
    }
    let mut wrong = expected_classes();
    wrong.iter_mut().take(10).for_each(|class| *class = (*class + 1) % 3);
    let lines: String = wrong.iter().map(|class| format!("{class}\n")).collect();
    folder.write("wrong.txt", &lines);
    let line = "infer net.safetensors in.npy --labels wrong.txt -m SNICIT --repeat 3 --json";
    let report: Value = serde_json::from_str(&folder.done(line)).unwrap();
    for (key, value) in [
        ("schema", Value::from(1)),
        ("network", "three classes".into()),
        ("method", "SNICIT".into()),
        ("features", FEATURES.into()),
        ("outputs", 3.into()),
        ("layers", 4.into()),
        ("inputs", INPUTS.into()),
        ("batch", INPUTS.into()),
        ("threshold_layer", 2.into()),
        ("accuracy", 75.0.into()),
        ("repeat", 3.into()),
    ] {
        assert_eq!(report[key], value, "{key}");
    }
    for key in ["pre_convergence", "conversion", "post_convergence", "recovery", "total"] {
        assert!(report["times_ms"][key].is_f64(), "{key}");
    }
    assert!(report["notes"].is_array());
    let plain: Value =
        serde_json::from_str(&folder.done("infer net.safetensors in.npy --json")).unwrap();
    assert_eq!((&plain["accuracy"], &plain["method"]), (&Value::Null, &"XY-2021".into()));
}

/// The Graph Challenge's files, of a width that is none of the official ones.
#[test]
fn layer_files_of_the_graph_challenge() {
    let folder = Folder::new();
    fs::create_dir(folder.path("net")).unwrap();
    // Neuron k goes on to neuron k with weight 2, then all to neuron 1.
    folder.write("net/n3-l1.tsv", "1\t1\t2\n2\t2\t2\n3\t3\t2\n");
    folder.write("net/n3-l2.tsv", "1\t1\t1\n2\t1\t1\n3\t1\t1\n");
    folder.write("in.tsv", "1\t1\t1\n1\t3\t1\n2\t2\t1\n");
    folder.done("infer net in.tsv --bias -0.5 -o out.csv");
    assert_eq!(folder.read("out.csv"), "2.5,0,0\n1,0,0\n");
    folder.done("infer net in.tsv --bias 0 --activation relu:1 -o out.csv");
    assert_eq!(folder.read("out.csv"), "1,0,0\n1,0,0\n");
    let ran = folder.run("infer net in.tsv");
    ran.expect(2);
    let expected = "error: net: the bias of 3 neurons a layer, not an official width, is missing\n";
    assert_eq!(ran.stderr, expected);
}

/// Neurons 1 and 2 are equal behind the first layer; behind the second every column is saturated or zero.
#[test]
fn extras_give_the_same_answers() {
    let folder = Folder::new();
    fs::create_dir(folder.path("net")).unwrap();
    folder.write("net/n3-l1.tsv", "1\t1\t2\n1\t2\t2\n3\t3\t3\n");
    let all_to_all: String = (0..9).map(|k| format!("{}\t{}\t3\n", k / 3 + 1, k % 3 + 1)).collect();
    for layer in 2..=5 {
        folder.write(&format!("net/n3-l{layer}.tsv"), &all_to_all);
    }
    folder.write("in.tsv", "1\t1\t1\n3\t3\t1\n4\t2\t1\n");
    let line = "infer net in.tsv --bias -0.5 --activation relu:2 -t 2 --device cpu";
    folder.done(&format!("{line} -o plain.csv"));
    let extras = "--merge-equal-neurons --merge-equal-columns --early-exit --json -o merged.csv";
    let report: Value = serde_json::from_str(&folder.done(&format!("{line} {extras}"))).unwrap();
    assert_eq!(folder.read("plain.csv"), "2,2,2\n0,0,0\n2,2,2\n0,0,0\n");
    assert_eq!(folder.read("plain.csv"), folder.read("merged.csv"));
    let expected = serde_json::json!({
        "merge_equal_neurons": {
            "neurons": 15,
            "neurons_left": 6,
            "connections": 39,
            "connections_left": 7,
        },
        "merge_equal_columns": true,
        "early_exit": true,
        "exit_layer": 2,
    });
    assert_eq!(report["extras"], expected);
}

#[test]
fn bad_requests_and_files() {
    let folder = folder();
    fs::create_dir(folder.path("empty")).unwrap();
    folder.write("junk", "junk");
    folder.write("ragged.csv", "1,2\n3\n");
    folder.write("narrow.csv", "1,2\n3,4\n");
    folder.write("letters.csv", "1,2\n3,x\n");
    folder.write("nan.csv", "1,nan\n");
    folder.write("few.txt", "1\n2\n");
    folder.write("half.txt", &"0.5\n".repeat(INPUTS));
    folder.write("large.txt", &"3\n".repeat(INPUTS));
    let nan = Array::new(vec![1, 2], Values::F32(vec![0.0, f32::NAN])).unwrap();
    write_npy(&folder.path("nan.npy"), &nan).unwrap();
    write_npy(&folder.path("flat.npy"), &vec![0.0_f32].into()).unwrap();
    let array: Array = vec![0.0_f32].into();
    write_npz(&folder.path("two.npz"), &[("a", &array), ("b", &array)], Packing::Stored).unwrap();
    let toml = folder.read("toml/network.toml");
    for (name, text) in [
        ("tanh", toml.replace("identity", "tanh")),
        ("key", toml.replace("name =", "nam =")),
        ("missing", toml.replace("l2.npz", "l9.npz")),
        ("shape", toml.replace("l4.npz", "l1.npy")),
        ("syntax", toml.replace("[[layers]]", "[[layers]")),
        ("kind", toml.replace("l2.npz", "l2.bin")),
    ] {
        fs::create_dir(folder.path(name)).unwrap();
        for file in fs::read_dir(folder.path("toml")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.path(name).join(file.file_name())).unwrap();
        }
        folder.write(&format!("{name}/network.toml"), &text);
    }
    let good = "net.safetensors in.npy";
    for (line, message) in [
        ("nowhere in.npy", "there is no nowhere"),
        ("net.safetensors nowhere", "there is no nowhere"),
        (
            "empty in.npy",
            "empty: a network (network.toml, n1024-l1.tsv …, l1-dense.tsv … or l1-sparse.tsv …) is missing",
        ),
        ("junk in.npy", "junk: the file is no safetensors file"),
        ("tanh in.npy", "layer 4: activation is \"tanh\", expected identity, relu, or relu:MAX"),
        ("key in.npy", "unknown field `nam`"),
        ("missing in.npy", "missing/l9.npz: could not be read"),
        ("shape in.npy", "layer 4: the bias has 3 values, the layer has 8 output neurons"),
        ("syntax in.npy", "syntax/network.toml: line 5"),
        ("kind in.npy", "layer 2: weights is \"l2.bin\", expected a name that ends in .mtx"),
        ("net.safetensors junk", "junk: the form of the inputs is unknown, expected npy, npz, csv"),
        ("net.safetensors ragged.csv", "ragged.csv, line 2: the line has 1 comma-separated fields"),
        ("net.safetensors letters.csv", "letters.csv, line 2: value is \"x\", expected a finite number"),
        ("net.safetensors nan.csv", "nan.csv, line 1: value is \"nan\""),
        ("net.safetensors nan.npy", "nan.npy: element [0, 1] is NaN, expected a finite float32"),
        ("net.safetensors flat.npy", "flat.npy: the shape is (1,), expected inputs × features"),
        (
            "net.safetensors two.npz",
            "two.npz: the arrays is a, b, expected one, or one that is named inputs",
        ),
        (
            "net.safetensors narrow.csv",
            "narrow.csv: the inputs have 2 features, but the network's first layer takes 12",
        ),
        (&format!("{good} --labels few.txt"), "few.txt: there are 2 labels, expected 40, one an input"),
        (
            &format!("{good} --labels half.txt"),
            "half.txt: label 1 is 0.5, expected a whole number from 0",
        ),
        (
            &format!("{good} --labels large.txt"),
            "large.txt: the label of input 1 is 3, but the network has 3 classes, from 0",
        ),
        (&format!("{good} --labels narrow.csv"), "narrow.csv: the number of columns is 2, expected 1"),
        (
            &format!("{good} -o out.txt"),
            "cannot write out.txt: its name must end in .npy, .csv or .json",
        ),
        (&format!("{good} -o no/out.npy"), "cannot write no/out.npy"),
        (&format!("{good} --output best"), "best"),
        (&format!("{good} -t 5"), "the threshold layer is 5, but the network has only 4 layers"),
        (&format!("{good} -b 0"), "at least 1"),
        (&format!("{good} --activation relu"), "the activation is given, expected none for a file"),
        (&format!("{good} --activation tanh"), "expected identity, relu, or relu:MAX"),
        (&format!("{good} --bias 1"), "the bias is given, expected none for a file"),
        (&format!("{good} --differing-share 2"), "is 2, expected from 0 to 1"),
    ] {
        let ran = folder.run(&format!("infer {line}"));
        ran.expect(2);
        assert!(ran.stderr.contains(message), "infer {line}: {}\nexpected: {message}", ran.stderr);
        assert_eq!(ran.stdout, "", "infer {line}");
    }
    assert!(!folder.path("out.txt").exists());
}
