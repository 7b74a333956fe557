//! Inputs and labels of trained networks in every form, and networks in whatever form a path has.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::path::Path;

use common::gzip;
use snicit::{Activation, Inputs};
use snicit_data::arrays::{Array, Values, write_idx, write_npy};
use snicit_data::model::{OpenOptions, open};
use snicit_data::samples::{AnswerForm, divide, read_inputs, read_labels};

mod common;

fn values(inputs: &Inputs) -> Vec<f32> {
    match inputs {
        Inputs::Values(values) => values.values().to_vec(),
        Inputs::Bits(bits) => bits.to_activations().values().to_vec(),
    }
}

/// The inputs in a file of this name and contents, or the message without the folder.
fn read(name: &str, contents: &[u8]) -> Result<(usize, usize, Vec<f32>), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, contents).unwrap();
    let inputs = read_inputs(&file, 3)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))?;
    Ok((inputs.value.len(), inputs.value.features(), values(&inputs.value)))
}

#[test]
fn csv_may_have_a_header() {
    let expected = Ok((2, 3, vec![1.0, 2.5, -3.0, 4.0, 0.0, 6.0]));
    for text in ["1,2.5,-3\n4,0,6\n", "a,b,c\n1,2.5,-3\n4,0,6\n", "\"x 1\",,\n1, 2.5 ,-3\r\n4,0,6\n\n"] {
        assert_eq!(read("in.csv", text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(read("in.csv.gz", &gzip(b"a,b,c\n1,2.5,-3\n4,0,6\n")), expected);
    for (text, message) in [
        ("a,b\n1,2\n3,x\n", "in.csv, line 3: value is \"x\", expected a finite number"),
        ("a,b\nc,d\n1,2\n", "in.csv, line 2: value is \"c\", expected a finite number"),
        ("1,b\n", "in.csv, line 1: value is \"b\", expected a finite number"),
        ("1,nan\n", "in.csv, line 1: value is \"nan\", expected a finite number"),
        ("a,b\n", "in.csv: the file is empty, expected lines of numbers separated by commas"),
        ("a,b\n1,2\n\n3,4\n", "in.csv, line 3: the line is empty, expected numbers separated by commas"),
    ] {
        assert_eq!(read("in.csv", text.as_bytes()), Err(message.to_owned()), "{text:?}");
    }
    // In a later block, a line without numbers is no header.
    let long = "1,2,3\n".repeat(100_000);
    let found = read("in.csv", format!("{long}a,b,c\n{long}").as_bytes());
    assert_eq!(found, Err("in.csv, line 100001: value is \"a\", expected a finite number".to_owned()));
    assert_eq!(read("in.csv", format!("a,b,c\n{long}").as_bytes()).unwrap().0, 100_000);
}

#[test]
fn the_contents_tell_the_form_before_the_name_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let array = Array::new(vec![2, 1, 3], Values::U8(vec![0, 51, 102, 153, 204, 255])).unwrap();
    write_npy(&file("array"), &array).unwrap();
    write_idx(&file("images-ubyte"), &array).unwrap();
    fs::write(file("sparse.tsv"), "1\t2\t51\n1\t3\t102\n2\t1\t153\n2\t2\t204\n2\t3\t255\n").unwrap();
    for name in ["array", "images-ubyte", "sparse.tsv"] {
        let inputs = read_inputs(&file(name), 3).unwrap().value;
        assert_eq!(values(&inputs), [0.0, 51.0, 102.0, 153.0, 204.0, 255.0], "{name}");
        assert_eq!(values(&divide(&inputs, 255.0).unwrap()), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], "{name}");
    }
    let message = read("in.txt", b"1,2").unwrap_err();
    assert_eq!(message, "in.txt: the form of the inputs is unknown, expected npy, npz, csv, tsv or IDX");
}

#[test]
fn labels_are_whole_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels");
    let read = |text: &str| {
        fs::write(&file, text).unwrap();
        read_labels(&file)
            .map_err(|error| error.to_string().replace(&file.display().to_string(), "labels"))
    };
    assert_eq!(read("7\n2\n0\n"), Ok(vec![7, 2, 0]));
    assert_eq!(read("class\n7\n2\n"), Ok(vec![7, 2]));
    for (text, message) in [
        ("7\n-1\n", "labels: label 2 is -1, expected a whole number from 0"),
        ("7\n1.5\n", "labels: label 2 is 1.5, expected a whole number from 0"),
        ("7,1\n", "labels: the number of columns is 2, expected 1, the label"),
        ("7\nx\n", "labels, line 2: value is \"x\", expected a finite number"),
    ] {
        assert_eq!(read(text), Err(message.to_owned()), "{text:?}");
    }
}

#[test]
fn answers_go_by_the_ending() {
    let form = |name: &str| AnswerForm::of(Path::new(name));
    assert_eq!(form("a/out.npy"), Some(AnswerForm::Npy));
    assert_eq!(form("out.csv"), Some(AnswerForm::Csv));
    assert_eq!(form("out.json"), Some(AnswerForm::Json));
    assert_eq!(form("out.txt"), None);
    assert_eq!(form("npy"), None);
}

#[test]
fn a_folder_tells_what_network_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["sdgc", "described", "empty"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("sdgc/n2-l1.tsv"), "1\t2\t0.5\n").unwrap();
    let dense = Array::new(vec![1, 2], Values::F64(vec![0.0, 0.1])).unwrap();
    write_npy(&path("described/w.npy"), &dense).unwrap();
    let text = "format = \"snicit-network\"\nversion = 1\n[[layers]]\nweights = \"w.npy\"\nbias = 0.5\n\
                activation = \"relu\"\n";
    fs::write(path("described/network.toml"), text).unwrap();

    let none = OpenOptions::default();
    let given = |bias, activation| OpenOptions { bias, activation, biases: None };
    let read = |name: &str, options: &OpenOptions| {
        let folder = format!("{}/", folder.path().display());
        open(&path(name), options, &|_| ()).map_err(|error| error.to_string().replace(&folder, ""))
    };
    let layers = read("sdgc", &given(Some(0.25), None)).unwrap().value.network;
    assert_eq!(layers.layers()[0].activation(), Activation::SDGC);
    assert_eq!(layers.layers()[0].bias().of(1), 0.25);
    let identity = given(Some(0.0), Some(Activation::Identity));
    let layers = read("sdgc", &identity).unwrap().value.network;
    assert_eq!(layers.layers()[0].activation(), Activation::Identity);
    for name in ["described", "described/network.toml"] {
        let model = read(name, &none).unwrap();
        // 0.1 in float64 is no float32, and the weight 0 is no connection.
        assert_eq!((model.rounded, model.value.network.connections()), (1, 1), "{name}");
    }
    for (name, options, message) in [
        ("sdgc", &none, "sdgc: the bias of 2 neurons a layer, not an official width, is missing"),
        (
            "described",
            &identity,
            "the activation is given, expected none for a file that describes the whole network",
        ),
        (
            "empty",
            &none,
            "empty: a network (network.toml, n1024-l1.tsv …, l1-dense.tsv … or l1-sparse.tsv …) is missing",
        ),
    ] {
        assert_eq!(read(name, options).map(|_| ()), Err(message.to_owned()), "{name}");
    }
}
