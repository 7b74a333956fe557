//! Networks as safetensors files: what is written is read back, and every damage has its message.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::path::Path;

use half::{bf16, f16};
use proptest::prelude::*;
use serde_json::{Value, json};
use snicit::{Activation, Bias, Connection, Layer, Network, SparseWeights};
use snicit_data::model::{from_safetensors, read_safetensors, write_safetensors};

/// A tensor: name, type, shape, bytes.
type Tensor = (&'static str, &'static str, Vec<usize>, Vec<u8>);

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn u32s(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A dense layer 2 → 3 and a sparse one 3 → 2.
fn tensors() -> Vec<Tensor> {
    vec![
        ("layers.1.weight", "F32", vec![3, 2], f32s(&[1.0, 0.0, -0.5, 2.0, 0.0, 0.25])),
        ("layers.1.bias", "F32", vec![3], f32s(&[0.0, 0.5, -1.0])),
        ("layers.2.weight.values", "F32", vec![3], f32s(&[1.0, 0.0, -2.0])),
        ("layers.2.weight.columns", "U8", vec![3], vec![0, 2, 1]),
        ("layers.2.weight.row_starts", "U32", vec![3], u32s(&[0, 2, 3])),
        ("layers.2.weight.inputs", "U32", vec![1], u32s(&[3])),
        ("layers.2.bias", "F32", vec![1], f32s(&[0.125])),
    ]
}

fn metadata() -> Value {
    json!({"format": "snicit-network", "version": "1", "activations": "[\"relu:1\", \"identity\"]",
           "trained-by": "hand"})
}

fn file(tensors: &[Tensor], metadata: Value) -> Vec<u8> {
    let mut header = json!({"__metadata__": metadata});
    let mut data: Vec<u8> = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let end = data.len() + bytes.len();
        header[name] = json!({"dtype": dtype, "shape": shape, "data_offsets": [data.len(), end]});
        data.extend(bytes);
    }
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn message(bytes: &[u8]) -> String {
    match from_safetensors(Path::new("net"), bytes) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn assert_equal(a: &Network, b: &Network) {
    assert_eq!(a.layers().len(), b.layers().len());
    for (a, b) in a.layers().iter().zip(b.layers()) {
        assert_eq!(a.weights(), b.weights());
        // One neuron has one bias, whichever way it is kept.
        assert_eq!(a.bias().to_vec(a.outputs()), b.bias().to_vec(b.outputs()));
        assert_eq!(a.activation(), b.activation());
    }
}

#[test]
fn dense_and_sparse_layers_are_read() {
    let model = from_safetensors(Path::new("net"), &file(&tensors(), metadata())).unwrap();
    let connections = |layer: usize| -> Vec<(u32, u32, f32)> {
        let layer = &model.network.layers()[layer];
        layer.weights().iter().map(|c| (c.input, c.output, c.weight)).collect()
    };
    assert_eq!(connections(0), [(0, 0, 1.0), (0, 1, -0.5), (1, 1, 2.0), (1, 2, 0.25)]);
    assert_eq!(connections(1), [(0, 0, 1.0), (2, 0, 0.0), (1, 1, -2.0)]);
    let [first, second] = model.network.layers() else { panic!("two layers") };
    assert_eq!(first.bias(), &Bias::PerNeuron(vec![0.0, 0.5, -1.0]));
    assert_eq!(second.bias(), &Bias::Uniform(0.125));
    assert_eq!(first.activation(), Activation::Relu { max: Some(1.0) });
    assert_eq!(second.activation(), Activation::Identity);
    assert_eq!(model.name, None);
}

#[test]
fn half_precision_and_wide_offsets_are_widened() {
    let mut tensors = tensors();
    let halves = [1.5, 0.0, -0.25, 2.0, 0.0, 3.0].map(f16::from_f32);
    tensors[0] =
        ("layers.1.weight", "F16", vec![3, 2], halves.iter().flat_map(|h| h.to_le_bytes()).collect());
    let brains = [1.0, -0.5, 256.0].map(bf16::from_f32);
    tensors[2] = (
        "layers.2.weight.values",
        "BF16",
        vec![3],
        brains.iter().flat_map(|b| b.to_le_bytes()).collect(),
    );
    tensors[3] = ("layers.2.weight.columns", "U16", vec![3], vec![0, 0, 2, 0, 1, 0]);
    let starts = [0_u64, 2, 3].iter().flat_map(|start| start.to_le_bytes()).collect();
    tensors[4] = ("layers.2.weight.row_starts", "U64", vec![3], starts);
    // Without a bias.
    tensors.remove(6);
    let network = from_safetensors(Path::new("net"), &file(&tensors, metadata())).unwrap().network;
    assert_eq!(network.layers()[0].weights().values(), [1.5, -0.25, 2.0, 3.0]);
    assert_eq!(network.layers()[1].weights().values(), [1.0, -0.5, 256.0]);
    assert_eq!(network.layers()[1].bias(), &Bias::Uniform(0.0));
}

#[test]
fn every_damage_is_named() {
    let good = || (tensors(), metadata());
    type Damage = fn(&mut Vec<Tensor>, &mut Value);
    #[rustfmt::skip]
    let table: &[(Damage, &str)] = &[
        (|_, m| m["format"] = "pt".into(), "the metadata's format is \"pt\", expected \"snicit-network\""),
        (|_, m| m["version"] = "2".into(), "the metadata's version is \"2\", expected \"1\""),
        (|_, m| *m = json!({}), "the metadata's format, \"snicit-network\", is missing"),
        (|_, m| m["activations"] = "relu".into(),
            "the metadata's activations is \"relu\", expected a JSON list with one string a layer"),
        (|_, m| m["activations"] = "[\"relu\"]".into(),
            "the metadata's activations is a list of 1, expected 2, one a layer"),
        (|_, m| m["activations"] = "[\"relu\", \"tanh\"]".into(),
            "layer 2: the activation is \"tanh\", expected identity, relu, or relu:MAX with a number above 0"),
        (|t, _| t[0].0 = "layers.01.weight", "tensor \"layers.01.weight\" is unknown, expected layers.K.weight, \
            layers.K.weight.values, .columns, .row_starts, .inputs, or layers.K.bias"),
        (|t, _| { t.drain(2..6); },
            "the weight of layer 2, tensor layers.2.weight or layers.2.weight.values, is missing"),
        (|t, _| t.truncate(2), "the metadata's activations is a list of 2, expected 1, one a layer"),
        (|t, _| { t.remove(4); }, "tensor layers.2.weight.row_starts is missing"),
        (|t, _| { t.drain(..2); }, "layer 1 of 2 is missing"),
        (|t, _| t.clear(), "the metadata's activations is a list of 2, expected 0, one a layer"),
        (|t, _| t[1].0 = "layers.1.weight.values", "tensor layers.1.weight.values of a layer that also has \
            layers.1.weight is unknown, expected one of both"),
        (|t, _| t[0].2 = vec![6], "the shape of tensor layers.1.weight is [6], expected two dimensions of at \
            least 1"),
        (|t, _| (t[0].2, t[0].3) = (vec![0, 1 << 50], vec![]),
            "the shape of tensor layers.1.weight is [0, 1125899906842624], expected two dimensions of at least 1"),
        (|t, _| t[0].1 = "I32", "the type of tensor layers.1.weight is I32, expected F32, F16 or BF16"),
        (|t, _| t[3].1 = "I8", "the type of tensor layers.2.weight.columns is I8, expected U8, U16 or U32"),
        (|t, _| t[4].1 = "I32", "the type of tensor layers.2.weight.row_starts is I32, expected U32 or U64"),
        (|t, _| (t[1].2, t[1].3) = (vec![2], f32s(&[0.0, 0.0])),
            "the shape of tensor layers.1.bias is [2], expected [3], one a neuron, or [1]"),
        (|t, _| t[1].3[4..8].copy_from_slice(&f32::NAN.to_le_bytes()),
            "layer 1: the bias of output neuron 2 is NaN, expected a finite number"),
        (|t, _| t[0].3[..4].copy_from_slice(&f32::INFINITY.to_le_bytes()),
            "layer 1: the weight from input neuron 1 to output neuron 1 is inf, expected a finite number"),
        (|t, _| (t[3].2, t[3].3) = (vec![2], vec![0, 2]),
            "the shape of tensor layers.2.weight.columns is [2], expected [3]"),
        (|t, _| t[3].3[1] = 3, "layer 2: output neuron 1 is connected to input neuron 4 of 3"),
        (|t, _| t[3].3[1] = 0,
            "layer 2: the connection from input neuron 1 to output neuron 1 is given twice"),
        (|t, _| t[4].3 = u32s(&[0, 3, 2]), "layer 2: the row offsets do not describe 3 connections: they must \
            begin with 0 and end with that number"),
        (|t, _| (t[4].2, t[4].3) = (vec![1], u32s(&[0])),
            "the shape of tensor layers.2.weight.row_starts is [1], expected an entry more than there are \
             outputs, of which there is one"),
        (|t, _| t[5].3 = u32s(&[0]), "tensor layers.2.weight.inputs is 0, expected at least 1 input"),
        (|t, _| t[5].3 = u32s(&[4]), "layer 2 takes 4 inputs, but layer 1 puts out 3"),
    ];
    let mut failures = Vec::new();
    for (damage, expected) in table {
        let (mut tensors, mut metadata) = good();
        damage(&mut tensors, &mut metadata);
        let (found, expected) = (message(&file(&tensors, metadata)), format!("net: {expected}"));
        if found != expected {
            failures.push(format!("   found    {found}\n   expected {expected}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_is_no_safetensors_file_is_named() {
    let good = file(&tensors(), metadata());
    let longer = [&good[..], &[0]].concat();
    for (bytes, expected) in [
        (&b"PK"[..], "it is shorter than 8 bytes"),
        (&[0xff; 20], "its header of 18446744073709551615 bytes ends behind the file"),
        (b"\x02\0\0\0\0\0\0\0{]", "line 1 column 2"),
        (&good[..good.len() - 1], "ends at byte"),
        (&longer, "incomplete"),
    ] {
        let found = message(bytes);
        assert!(found.starts_with("net: the file is no safetensors file: "), "{found}");
        assert!(found.contains(expected), "{found}, expected {expected}");
    }
    // Sums of sizes that do not fit 64 bits.
    let end = 1_u64 << 61;
    let tensor =
        |i: u64| json!({"dtype": "U8", "shape": [end], "data_offsets": [i * end, (i + 1) * end]});
    let header =
        Value::from_iter((0..7).map(|i| (format!("layers.{}.bias", i + 1), tensor(i)))).to_string();
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(message(&bytes).contains("ends at byte"), "{}", message(&bytes));
    let error = read_safetensors(Path::new("nowhere")).unwrap_err().to_string();
    assert!(error.starts_with("nowhere: could not be read"), "{error}");
}

/// Any layers: dense and sparse ones, stored zeros, uniform and single biases.
fn networks() -> impl Strategy<Value = Network> {
    let activations = [
        Activation::Identity,
        Activation::Relu { max: None },
        Activation::Relu { max: Some(1.0) },
        Activation::Relu { max: Some(0.3) },
    ];
    let layer = (
        prop_oneof![1..40_usize, Just(256), Just(257)],
        prop::sample::select(vec![0.0, 0.1, 0.5, 1.0]),
        prop::sample::select(activations.to_vec()),
        any::<(bool, bool)>(),
    );
    (1..30_usize, prop::collection::vec(layer, 1..5), any::<u64>()).prop_map(|(first, layers, seed)| {
        let mut state = seed | 1;
        let mut uniform = move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        let mut inputs = first;
        let layers = layers.into_iter().map(|(outputs, density, activation, (single, zeros))| {
            let mut connections = Vec::new();
            for output in 0..outputs as u32 {
                for input in 0..inputs as u32 {
                    if uniform() < density {
                        let weight = if zeros && uniform() < 0.1 { 0.0 } else { uniform() - 2.0 };
                        connections.push(Connection { input, output, weight });
                    }
                }
            }
            let weights = SparseWeights::from_connections(inputs, outputs, connections).unwrap();
            let bias = if single {
                Bias::Uniform(uniform())
            } else {
                Bias::PerNeuron((0..outputs).map(|_| uniform() - 0.5).collect())
            };
            inputs = outputs;
            Layer::new(weights, bias, activation).unwrap()
        });
        Network::new(layers.collect::<Vec<_>>()).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(network in networks(), name in proptest::option::of("[a-z ]{0,9}")) {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|file| folder.path().join(file));
        write_safetensors(&one, &network, name.as_deref()).unwrap();
        let model = read_safetensors(&one).unwrap();
        assert_equal(&model.network, &network);
        assert_eq!(&model.name, &name);
        write_safetensors(&two, &network, name.as_deref()).unwrap();
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
    }
}

#[test]
fn a_layer_without_neurons_cannot_be_written() {
    let weights = SparseWeights::from_connections(3, 0, vec![]).unwrap();
    let layer = Layer::new(weights, Bias::Uniform(0.0), Activation::Identity).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = write_safetensors(&folder.path().join("net"), &Network::new([layer]).unwrap(), None);
    let expected = "layer 1 cannot be written to a layer file: it has 3 inputs and 0 outputs, expected at \
                    least 1 of both";
    assert_eq!(error.unwrap_err().to_string(), expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
