//! `snicit beyond` on networks in the artifact's layout, written by hand, and on those that it comes with.

use std::fs;

use serde_json::Value;

use crate::networks::{Random, TextLayer, benchmark_network, class_of, write_artifact};
use crate::support::{self, Folder};

const IMAGES: usize = 300;
/// Labels that are wrong on purpose, so that the accuracy is not 100 %.
const WRONG: usize = 60;

/// Labels that the network gets right but for [`WRONG`] of them. An input without a clear winner is replaced.
fn labelled(
    layers: &[TextLayer],
    mut draw: impl FnMut() -> (Vec<u8>, Vec<f64>),
) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut raw, mut labels) = (Vec::new(), Vec::new());
    while raw.len() < IMAGES {
        let (bytes, input) = draw();
        let (class, lead) = class_of(layers, &input);
        if lead > 1e-3 {
            labels.push(((class + usize::from(raw.len() < WRONG)) % 10) as u8);
            raw.push(bytes);
        }
    }
    (raw, labels)
}

/// A in the artifact's layout: with `l1-dense`, MNIST's images in IDX.
fn mnist_folder() -> Folder {
    let folder = Folder::new();
    let layers = benchmark_network(128, 18, true);
    write_artifact(&folder, "artifact", "n128-l18-acc94.94", &layers);
    let mut random = Random(3);
    let (images, labels) = labelled(&layers, || {
        let black = |random: &mut Random| random.uniform() < 0.8;
        let pixel = |_| if black(&mut random) { 0 } else { (random.uniform() * 256.0) as u8 };
        let pixels: Vec<u8> = (0..784).map(pixel).collect();
        // As the artifact computes it, in float32.
        let input = pixels.iter().map(|&pixel| f64::from(f32::from(pixel) / 255.0)).collect();
        (pixels, input)
    });
    fs::create_dir_all(folder.path("artifact/MNIST")).unwrap();
    let count = (IMAGES as u32).to_be_bytes();
    let header = [&[0, 0, 8, 3][..], &count, &[0, 0, 0, 28, 0, 0, 0, 28]].concat();
    let file = |name: &str| folder.path("artifact/MNIST").join(name);
    fs::write(file("t10k-images-idx3-ubyte"), [header, images.concat()].concat()).unwrap();
    let header = [&[0, 0, 8, 1][..], &count].concat();
    fs::write(file("t10k-labels-idx1-ubyte"), [header, labels].concat()).unwrap();
    folder
}

/// D in the artifact's layout: without `l1-dense`, features as text, labels as CIFAR-10 has them.
fn cifar_folder() -> Folder {
    let folder = Folder::new();
    let layers = benchmark_network(256, 12, false);
    write_artifact(&folder, "artifact", "n256-l12-acc75.86", &layers);
    let mut random = Random(4);
    let mut text = String::new();
    let (_, labels) = labelled(&layers, || {
        let features: Vec<f32> =
            (0..256).map(|_| (random.uniform() as f32 * 1e4).round() / 1e4).collect();
        let input: Vec<f64> = features.iter().map(|&feature| f64::from(feature)).collect();
        if class_of(&layers, &input).1 > 1e-3 {
            features.iter().for_each(|feature| text += &format!("{feature}\n"));
        }
        (Vec::new(), input)
    });
    fs::create_dir_all(folder.path("artifact/CIFAR-10")).unwrap();
    folder.write("artifact/CIFAR-10/cifar-input.txt", &text);
    let records: Vec<u8> =
        labels.iter().flat_map(|&label| [vec![label], vec![9; 3072]].concat()).collect();
    fs::write(folder.path("artifact/CIFAR-10/cifar-label.bin"), records).unwrap();
    folder
}

fn json(folder: &Folder, line: &str) -> Value {
    serde_json::from_str(&folder.done(line)).unwrap()
}

const EXACT: &str = "--prune-at-conversion 0 --prune-at-update 0";

#[test]
fn the_artifacts_layout_with_and_without_a_dense_first_layer() {
    for (folder, letter, t) in [(mnist_folder(), "A", 8), (cifar_folder(), "D", 6)] {
        let expected = 100.0 * (IMAGES - WRONG) as f64 / IMAGES as f64;
        for (method, options) in [
            ("BF", ""),
            ("snig", "-b 100"),
            ("XY-2021", "-b 7"),
            ("SNICIT", EXACT),
            ("SNICIT", &format!("-t 0 {EXACT} -b 100")),
            ("SNICIT", &format!("-t 3 {EXACT} --pre-convergence BF --post-convergence BF")),
            ("SNICIT", &format!("-t 12 {EXACT} --isa portable --threads 1")),
        ] {
            let line =
                format!("beyond --data artifact -k {letter} -m {method} {options} --repeat 1 --json");
            let report = json(&folder, &line);
            assert_eq!(report["accuracy"], expected, "{line}");
            assert_eq!(report["accuracy_loss"], 0.0, "{line}");
            assert_eq!(report["inputs"], IMAGES, "{line}");
            if !options.contains("-t") {
                assert_eq!(report["threshold_layer"], t, "{line}");
            }
        }
        // With everything pruned, all inputs are their centroid.
        let line = format!("beyond --data artifact -k {letter} --prune-at-conversion 9 -t 2 --json");
        let report = json(&folder, &format!("{line} --sampled-columns 1"));
        assert_eq!(report["centroids"], 1, "{line}");
        let loss = report["accuracy_loss"].as_f64().unwrap();
        assert!(loss > 1.0, "{line}: {loss}");
        assert!((report["accuracy"].as_f64().unwrap() + loss - expected).abs() < 1e-9, "{line}");
    }
}

#[test]
fn the_report_says_what_was_done_and_gained() {
    let folder = mnist_folder();
    let text = folder.done("beyond --data artifact -k a -t 10 -b 250 --compare --repeat 2");
    for part in [
        "A: MNIST, 18 sparse layers of 128 neurons",
        "n128-l18-acc94.94",
        "300 in batches of 250, threshold layer 10 of 18",
        "%; the paper's network 94.94 %",
        "percentage points",
        "post-convergence",
        "a layer",
        "is exact and takes",
        "BF-2019   SNIG-2020   XY-2021   SNICIT",
        "speed-up over the slowest",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let gains = text.contains("times as fast as");
    assert!(gains != text.contains("SNICIT gains nothing here"), "{text}");
    // Without SNICIT there is nothing to say about its gain.
    assert!(!folder.done("beyond --data artifact -m XY --repeat 1").contains("gain"));

    let report = json(&folder, "beyond --data artifact --compare --repeat 2 --json");
    let mut keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    let mut expected = [
        "schema",
        "benchmark",
        "method",
        "device",
        "neurons",
        "layers",
        "inputs",
        "batch",
        "threshold_layer",
        "accuracy",
        "accuracy_loss",
        "centroids",
        "schedule",
        "repeat",
        "times_ms",
        "post_convergence_layer_ms",
        "edges_per_second",
        "best_exact",
        "gain",
        "compared",
        "load_ms",
        "prepare_ms",
        "upload_ms",
        "peak_memory_bytes",
    ];
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    for (key, value) in [
        ("schema", Value::from(1)),
        ("benchmark", "A".into()),
        ("method", "SNICIT".into()),
        ("neurons", 128.into()),
        ("layers", 18.into()),
        ("batch", 300.into()),
        ("repeat", 2.into()),
    ] {
        assert_eq!(report[key], value, "{key}");
    }
    assert_eq!(report["compared"].as_array().unwrap().len(), 3);
    let total = |run: &Value| run["times_ms"]["total"].as_f64().unwrap();
    let gain = total(&report["best_exact"]) / total(&report);
    assert!((report["gain"].as_f64().unwrap() - gain).abs() < 1e-9);
}

/// The four networks of the command do what they were trained for.
#[test]
fn the_embedded_networks_classify() {
    let folder = Folder::new();
    let report = json(&folder, "beyond -k D -m XY --repeat 1 --json");
    assert!(report["accuracy"].as_f64().unwrap() > 60.0, "{report}");
    let line = format!("beyond -k D {EXACT} --repeat 1 --json");
    assert_eq!(json(&folder, &line)["accuracy_loss"], 0.0);

    let Some(mnist) = support::shared("the embedded networks on MNIST", "mnist") else { return };
    fs::create_dir_all(folder.path("data/mnist")).unwrap();
    for name in ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"] {
        fs::copy(mnist.join(name), folder.path("data/mnist").join(name)).unwrap();
    }
    for letter in ["A", "B", "C"] {
        let report = json(&folder, &format!("beyond -k {letter} --repeat 1 --json"));
        let accuracy = report["accuracy"].as_f64().unwrap();
        assert!(accuracy > 90.0, "{letter}: {accuracy}");
        let loss = report["accuracy_loss"].as_f64().unwrap();
        assert!(loss < 5.0, "{letter}: {loss}");
    }
}

/// Files of our own: networks in safetensors, features and labels of D.
#[test]
fn our_own_files() {
    let folder = mnist_folder();
    let networks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../snicit-data/networks");
    for name in ["A.safetensors", "D.safetensors", "D-features.safetensors"] {
        fs::copy(networks.join(name), folder.path("artifact").join(name)).unwrap();
    }
    let text = folder.done("beyond --data artifact -k A -m XY --repeat 1");
    assert!(text.contains("artifact/A.safetensors"), "{text}");
    let own = json(&folder, "beyond --data artifact -k D -m XY --repeat 1 --json");
    let embedded = json(&folder, "beyond -k D -m XY --repeat 1 --json");
    assert_eq!(own["accuracy"], embedded["accuracy"]);
}

/// A folder of test sets alone: the embedded networks serve. With networks in it, they must be there.
#[test]
fn a_folder_without_networks() {
    let folder = mnist_folder();
    fs::create_dir_all(folder.path("sets/cifar10")).unwrap();
    fs::rename(folder.path("artifact/MNIST"), folder.path("sets/mnist")).unwrap();
    for letter in ["A", "D"] {
        let text = folder.done(&format!("beyond --data sets -k {letter} -m XY --repeat 1"));
        assert!(text.contains(&format!("the embedded network {letter}")), "{text}");
    }
    let of = |line: &str| json(&folder, line)["accuracy"].clone();
    assert_eq!(
        of("beyond --data sets -k D -m XY --repeat 1 --json"),
        of("beyond -k D -m XY --repeat 1 --json")
    );
    assert_eq!(json(&folder, "beyond --data sets -m XY --repeat 1 --json")["inputs"], IMAGES);

    fs::rename(folder.path("artifact/networks"), folder.path("sets/networks")).unwrap();
    let text = folder.done("beyond --data sets -k A -m XY --repeat 1");
    assert!(text.contains("n128-l18-acc94.94"), "{text}");
    let ran = folder.run("beyond --data sets -k B");
    ran.expect(2);
    assert!(ran.stderr.contains("network B, a folder n256-l18-…"), "{}", ran.stderr);
    assert!(ran.stderr.contains("is missing"), "{}", ran.stderr);
}

#[test]
fn bad_requests_and_files() {
    let folder = mnist_folder();
    folder.write("C.safetensors", "no network");
    let networks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../snicit-data/networks");
    fs::copy(networks.join("D.safetensors"), folder.path("B.safetensors")).unwrap();
    fs::create_dir(folder.path("MNIST")).unwrap();
    for name in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::copy(folder.path("artifact/MNIST").join(name), folder.path("MNIST").join(name)).unwrap();
    }
    for (line, message) in [
        ("-k E", "expected A, B, C or D"),
        ("-t 19", "the threshold layer is 19, but network A has only 18 sparse layers"),
        ("-k C -t 13", "the threshold layer is 13, but network C has only 12 sparse layers"),
        ("-b 0", "at least 1"),
        ("--repeat 0", "at least 1"),
        ("-m FAST", "expected BF, SNIG, XY or SNICIT"),
        ("--prune-at-update=-1", "is -1, expected a finite number"),
        ("--data nowhere", "there is no folder nowhere"),
        ("", "MNIST's test images are missing"),
        ("", "`snicit data fetch mnist` fetches them"),
        ("--data artifact -k B", "network B, a folder n256-l18-… with l1-dense.tsv, is missing"),
        ("--data artifact -k D", "network D, a folder n256-l12-… without l1-dense.tsv, is missing"),
        ("--data . -k A", "./A.safetensors: network A is missing"),
        ("--data . -k C", "./C.safetensors: the file is no safetensors file"),
        ("--data . -k B", "./B.safetensors: the number of layers is 13, expected 20 for network B"),
    ] {
        let ran = folder.run(&format!("beyond {line}"));
        ran.expect(2);
        assert!(ran.stderr.contains(message), "beyond {line}: {}\nexpected: {message}", ran.stderr);
        assert_eq!(ran.stdout, "", "beyond {line}");
    }
}
