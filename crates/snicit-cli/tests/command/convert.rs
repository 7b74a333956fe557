//! `snicit convert`: every pair of formats there and back, and what is refused.

use std::fs;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::support::{Folder, Ran, official_subset};

fn refuse(folder: &Folder, line: &str, message: &str) {
    let ran: Ran = folder.run(line);
    ran.expect(2);
    assert!(ran.stderr.contains(message), "snicit {line}: {}\nexpected: {message}", ran.stderr);
    assert_eq!(ran.stdout, "", "snicit {line}");
}

fn same_files(a: &Path, b: &Path) {
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    assert_eq!(names(a), names(b));
    for name in names(a) {
        let read = |folder: &Path| fs::read(folder.join(&name)).unwrap();
        assert!(read(a) == read(b), "{}", name.display());
    }
}

#[test]
fn a_network_goes_through_every_format_and_comes_back_byte_for_byte() {
    let folder = Folder::new();
    folder.done("data generate -l 5 --seed 3 -o neuron1024");
    let said = folder.done("convert neuron1024 net.safetensors");
    assert_eq!(
        said,
        "wrote a network of 5 layers, 163,840 connections to net.safetensors (safetensors)\n"
    );
    folder.done("convert net.safetensors mtx --to mtx");
    folder.done("convert mtx scipy --to scipy");
    folder.done("convert scipy neuron1024.tar.gz");
    folder.done("convert neuron1024.tar.gz again.safetensors");
    folder.done("convert again.safetensors neuron1024-again --to tsv");
    same_files(&folder.path("neuron1024"), &folder.path("neuron1024-again"));
    assert!(
        fs::read(folder.path("net.safetensors")).unwrap()
            == fs::read(folder.path("again.safetensors")).unwrap()
    );

    // Every pair, both ways, against the safetensors file.
    for (form, format) in
        [("tsv-x", "tsv"), ("mtx-x", "mtx"), ("scipy-x", "scipy"), ("neuron1024.tar", "tsv")]
    {
        for (other, other_format) in [("tsv-y", "tsv"), ("mtx-y", "mtx"), ("scipy-y", "scipy")] {
            folder.done(&format!("convert net.safetensors {form} --to {format} --force"));
            folder.done(&format!("convert {form} {other} --to {other_format} --force"));
            folder.done(&format!("convert {other} y.safetensors --force"));
            let same = fs::read(folder.path("net.safetensors")).unwrap()
                == fs::read(folder.path("y.safetensors")).unwrap();
            assert!(same, "{form} → {other}");
        }
    }
    let json = folder.done("convert mtx-x z.safetensors --json");
    assert!(json.contains(r#""layers": 5"#) && json.contains(r#""schema": 1"#), "{json}");
    // An inspected copy can be used like the original.
    folder.done("inspect --weights neuron1024-again -l 5");
}

#[test]
fn a_shallower_network_leaves_no_old_layer() {
    let folder = Folder::new();
    folder.done("data generate -l 3 -o deep");
    folder.done("data generate -l 2 -o shallow");
    folder.done("convert deep out --to tsv");
    refuse(&folder, "convert shallow out --to tsv", "out is not empty; --force writes over files in it");
    folder.done("convert shallow out --to tsv --force");
    same_files(&folder.path("shallow"), &folder.path("out"));
}

#[test]
fn the_official_layers_come_back_byte_for_byte() {
    let Some(subset) = official_subset() else { return };
    let folder = Folder::new();
    fs::create_dir(folder.path("official")).unwrap();
    let unpack = |name: &str, to: &str| {
        let mut from = GzDecoder::new(fs::File::open(subset.join(name)).unwrap());
        std::io::copy(&mut from, &mut fs::File::create(folder.path(to)).unwrap()).unwrap();
    };
    for layer in 1..=30 {
        let name = format!("n1024-l{layer}.tsv");
        unpack(&format!("{name}.gz"), &format!("official/{name}"));
    }
    folder.done("convert official net.safetensors");
    folder.done("convert net.safetensors mtx --to mtx");
    folder.done("convert mtx back --to tsv");
    same_files(&folder.path("official"), &folder.path("back"));
    unpack("sparse-images-1024-first1200.tsv.gz", "sparse-images-1024.tsv");
    for through in ["images.npy", "images.npz", "images.idx", "images.csv"] {
        folder.done(&format!("convert sparse-images-1024.tsv {through}"));
        folder.done(&format!("convert {through} back.tsv --force"));
        assert!(folder.read("sparse-images-1024.tsv") == folder.read("back.tsv"), "{through}");
    }
}

#[test]
fn inputs_go_through_every_format() {
    let folder = Folder::new();
    let values = "0.5,0.0,-1e-40\n0.1,3.4028235e38,7.0\n";
    folder.write("a.csv", values);
    let names = ["x.npy", "x.npz", "x.idx", "x.csv.gz", "x.tsv", "x.csv"];
    for first in names {
        for second in names {
            folder.done(&format!("convert a.csv {first} --force"));
            let second = second.replacen('x', "y", 1);
            // A file of this name says nothing of features.
            folder.done(&format!("convert {first} {second} --force -n 3"));
            folder.done(&format!("convert {second} back.npy --force -n 3"));
            folder.done("convert back.npy back.csv --force");
            let expected = "0.5,0.0,-1e-40\n0.1,3.4028235e38,7.0\n";
            assert_eq!(folder.read("back.csv"), expected, "{first} → {second}");
        }
    }
    let idx = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], &[0, 255, 7, 0]].concat();
    fs::write(folder.path("images-idx3-ubyte"), &idx).unwrap();
    let said = folder.done("convert images-idx3-ubyte images.npz");
    assert_eq!(said, "wrote 2 × 1 × 2 of uint8 to images.npz (npz)\n");
    folder.done("convert images.npz images.npy");
    folder.done("convert images.npy back-idx3-ubyte");
    assert_eq!(fs::read(folder.path("back-idx3-ubyte")).unwrap(), idx);
    let flat = folder.run("convert images.npy flat.tsv");
    flat.expect(0);
    let note = "note: flat.tsv: the shape [2, 1, 2] has become two dimensions\n";
    assert_eq!(flat.stderr, note);
    assert_eq!(folder.read("flat.tsv"), "1\t2\t255\n2\t1\t7\n");
}

#[test]
fn what_a_format_cannot_hold_is_refused_or_said() {
    let folder = Folder::new();
    folder.done("data generate -l 2 -o neuron1024");
    folder.done("convert neuron1024 other.safetensors --bias -0.5");
    let table = [
        ("convert nowhere x.npy", "nowhere: could not be read"),
        ("convert neuron1024 x", "--to is needed, as x does not tell the format of a network"),
        ("convert neuron1024 x.npy", "--to is needed"),
        (
            "convert neuron1024 x --to npy",
            "x: the format is npy, expected tsv, mtx, scipy or safetensors",
        ),
        ("convert neuron1024 x --to zip", "the format is \"zip\", expected tsv, mtx,"),
        ("convert neuron1024 other.safetensors", "other.safetensors exists already; --force"),
        (
            "convert other.safetensors x --to tsv",
            "layer 1 cannot be written to a layer file: it has the bias -0.5, expected the bias -0.3, that goes \
             with the files, which hold none",
        ),
        (
            "convert other.safetensors x.mtx",
            "x.mtx: the number of layers is 2, expected 1, or a folder to write to",
        ),
    ];
    for (line, message) in table {
        refuse(&folder, line, message);
    }
    folder.done("convert other.safetensors x --to tsv --bias -0.5");
    assert!(!folder.path("x.mtx").exists());

    // A single matrix carries neither bias nor activation.
    folder.write("w.mtx", "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 2 0.1\n2 3 -7\n");
    refuse(&folder, "convert w.mtx w.safetensors", "w.mtx: the bias is not given, expected one");
    refuse(&folder, "convert w.mtx w.safetensors --bias 1", "w.mtx: the activation is not given");
    folder.done("convert w.mtx w.safetensors --bias 1 --activation identity");
    refuse(
        &folder,
        "convert w.safetensors v.mtx",
        "it has the bias 1, expected the bias given that goes",
    );
    refuse(&folder, "convert w.safetensors v.npz --bias 1 --activation relu", "the activation identity");
    folder.done("convert w.safetensors v.npz --bias 1 --activation identity");
    folder.done("convert v.npz back.mtx --bias 1 --activation identity");
    let expected = "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 2 0.1\n2 3 -7.0\n";
    assert_eq!(folder.read("back.mtx"), expected);

    // Rounding has to be asked for.
    folder.write("r.mtx", "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 0.10000000012\n");
    let line = "convert r.mtx r.safetensors --bias 0 --activation relu";
    refuse(
        &folder,
        line,
        "r.mtx: the number of values that are no float32 is 1, expected 0, unless rounding",
    );
    let ran = folder.run(&format!("{line} --allow-rounding"));
    ran.expect(0);
    assert_eq!(ran.stderr, "note: r.mtx: 1 number is no float32 and was rounded to the nearest\n");

    folder.write("z.csv", "1,-0.0\n");
    refuse(&folder, "convert z.csv z.tsv", "the number of zeros with a sign is 1, expected 0");
    folder.write("t.csv", "1,0\n0,0\n");
    let ran = folder.run("convert t.csv t.tsv");
    ran.expect(0);
    let note =
        "note: t.tsv: the last 1 inputs have no features; who reads must be told that there are 2\n";
    assert_eq!(ran.stderr, note);
    folder.done("convert t.tsv t-back.csv -n 2 --input-count 2");
    refuse(
        &folder,
        "convert t.tsv t.npy",
        "t.tsv: the number of features is not in the name, expected it in",
    );
}

#[test]
fn descriptions_are_checked() {
    let folder = Folder::new();
    fs::create_dir(folder.path("net")).unwrap();
    folder.write("net/w.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 0.5\n");
    let head = "format = \"snicit-network\"\nversion = 1\n";
    let layer = |weights: &str, more: &str| format!("{head}[[layers]]\nweights = \"{weights}\"\n{more}");
    let table = [
        (
            layer("w.mtx", "activation = \"tanh\"\n"),
            "layer 1: activation is \"tanh\", expected identity, relu",
        ),
        (
            layer("../w.mtx", "activation = \"relu\"\n"),
            "weights is \"../w.mtx\", expected the name of a file in",
        ),
        (
            layer("w.txt", "activation = \"relu\"\n"),
            "weights is \"w.txt\", expected a name that ends in .mtx",
        ),
        (layer("v.mtx", "activation = \"relu\"\n"), "net/v.mtx: could not be read"),
        (layer("w.mtx", "activation = \"relu\"\nbiases = 1\n"), "unknown field `biases`"),
        (layer("w.mtx", "activation = \"relu\"\nbias = \"w.npy\"\n"), "net/w.npy: could not be read"),
        (
            head.replace('1', "2") + "layers = []\n",
            "the format is \"snicit-network\", version 2, expected",
        ),
        (format!("{head}layers = []\n"), "the network has no layers"),
        ("nothing".to_owned(), "network.toml: line 1 is wrong ("),
    ];
    for (text, message) in table {
        folder.write("net/network.toml", &text);
        refuse(&folder, "convert net x.safetensors", message);
    }
    folder.write("net/network.toml", &layer("w.mtx", "activation = \"relu:0.1\"\nbias = -0.3\n"));
    folder.done("convert net x.safetensors");
    folder.done("convert x.safetensors net2 --to mtx");
    let text = folder.read("net2/network.toml");
    assert!(text.contains("bias = -0.3\n") && text.contains("activation = \"relu:0.1\""), "{text}");
}
