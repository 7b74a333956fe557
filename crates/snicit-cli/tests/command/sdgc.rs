use serde_json::Value;

use crate::support::{Folder, benchmark};

fn json(folder: &Folder, line: &str) -> Value {
    serde_json::from_str(&folder.done(line)).unwrap()
}

#[test]
fn every_method_matches_the_truth() {
    let folder = benchmark();
    let truth = folder.read("data/neuron1024-l24-categories.tsv");
    assert!(!truth.is_empty(), "no input survives");
    for method in ["bf", "SNIG", "xy-2021", "snicit"] {
        for options in ["", "-t 0", "-t 12", "-t 24", "-b 7 -t 12", "-b 1000"] {
            let line = format!("sdgc -m {method} -l 24 {options} --categories-out out.tsv --json");
            let report = json(&folder, &line);
            assert_eq!(report["truth"], "match", "{line}");
            assert_eq!(report["categories"], truth.lines().count(), "{line}");
            assert_eq!(folder.read("out.tsv"), truth, "{line}");
        }
    }
}

#[test]
fn the_report_says_what_was_done() {
    let folder = benchmark();
    let text = folder.done("sdgc -l 24 -t 10 -b 250");
    for part in [
        "SNICIT",
        "1024 neurons, 24 layers, 786,432 connections",
        "600 in batches of 250, threshold layer 10",
        "post-convergence",
        "a layer",
        "edges/s",
        "match the truth",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_wrong_truth_is_named_and_exits_1() {
    let folder = benchmark();
    let truth = folder.read("data/neuron1024-l24-categories.tsv");
    let mut indices: Vec<usize> = truth.lines().map(|line| line.parse().unwrap()).collect();
    // The last survivor and one that is none change places; the count stays the same.
    let lost = indices.pop().unwrap();
    let gained = (1..=600).rev().find(|index| *index != lost && !indices.contains(index)).unwrap();
    indices.push(gained);
    indices.sort_unstable();
    folder.write("truth.tsv", &indices.iter().map(|index| format!("{index}\n")).collect::<String>());

    let difference = format!("missing: 1 input ({gained}); unexpected: 1 input ({lost})");
    let text = folder.run("sdgc -l 24 --truth truth.tsv");
    text.expect(1);
    assert!(text.stdout.contains(&difference), "{}", text.stdout);

    let report = folder.run("sdgc -l 24 --truth truth.tsv --json");
    report.expect(1);
    assert_eq!(serde_json::from_str::<Value>(&report.stdout).unwrap()["truth"], "mismatch");
    assert!(report.stderr.contains(&difference), "{}", report.stderr);
}

#[test]
fn json_has_exactly_the_documented_keys() {
    let folder = benchmark();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let report = json(&folder, "sdgc -m BF -l 24 -t 24 -b 100 --json");
    let mut expected = [
        "schema",
        "method",
        "device",
        "neurons",
        "layers",
        "inputs",
        "batch",
        "threshold_layer",
        "categories",
        "truth",
        "centroids",
        "schedule",
        "extras",
        "times_ms",
        "post_convergence_layer_ms",
        "edges_per_second",
        "load_ms",
        "prepare_ms",
        "upload_ms",
        "peak_memory_bytes",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&report), expected);
    let stages = ["conversion", "post_convergence", "pre_convergence", "recovery", "total"];
    assert_eq!(keys(&report["times_ms"]), stages);
    for (key, value) in [
        ("schema", Value::from(1)),
        ("method", "BF-2019".into()),
        ("neurons", 1024.into()),
        ("layers", 24.into()),
        ("inputs", 600.into()),
        ("batch", 100.into()),
        ("threshold_layer", 24.into()),
        ("centroids", Value::Null),
        ("post_convergence_layer_ms", Value::Null),
    ] {
        assert_eq!(report[key], value, "{key}");
    }
    for key in ["edges_per_second", "load_ms"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert_eq!(report["peak_memory_bytes"].is_u64(), cfg!(target_os = "linux"));

    let report = json(&folder, "sdgc -l 24 -t 10 --json");
    assert!(report["centroids"].as_u64().unwrap() >= 1);
    assert!(report["post_convergence_layer_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn without_a_truth_it_says_so() {
    let folder = benchmark();
    let network = "sdgc -l 24 --weights data/neuron1024 --inputs data/sparse-images-1024.tsv";
    for (line, note) in [
        (network, "no --truth was given"),
        ("sdgc -l 23", "; `snicit data truth -n 1024 -l 23` makes it"),
        ("sdgc -l 24 --truth none", ""),
    ] {
        let ran = folder.run(line);
        ran.expect(0);
        assert!(ran.stdout.contains("not checked"), "{line}: {}", ran.stdout);
        assert!(ran.stderr.contains(note), "{line}: {}", ran.stderr);
    }
}

#[test]
fn every_option_of_the_engine_can_be_given() {
    let folder = benchmark();
    let line = "sdgc -l 24 -t 8 --threads 1 --isa portable --sampled-columns 16 --segments none \
        --sum-tolerance 0.1 --differing-share 0.05 --prune-at-conversion 0 --prune-at-update 0 \
        --rebuild-interval 3 --pre-convergence BF --post-convergence SNIG --json";
    assert_eq!(json(&folder, line)["truth"], "match");
}

#[test]
fn blank_inputs_at_the_end_count() {
    let folder = benchmark();
    let line = "sdgc -l 24 --truth none --input-count 700 --json";
    let report = json(&folder, line);
    assert_eq!((&report["inputs"], &report["batch"]), (&700.into(), &700.into()));
}

/// They stand on their own lines, so that nobody takes them for the method.
#[test]
fn extras_are_told_apart() {
    let folder = benchmark();
    let report = json(&folder, "sdgc -l 24 -t 20 --json");
    let off = serde_json::json!({
        "merge_equal_neurons": null,
        "merge_equal_columns": false,
        "early_exit": false,
        "exit_layer": null,
    });
    assert_eq!((&report["extras"], &report["schedule"]), (&off, &"engine".into()));
    let plain = folder.done("sdgc -l 24 -t 20");
    assert!(!plain.contains("(extra)"), "{plain}");

    for method in ["BF", "SNIG", "XY", "SNICIT"] {
        let line = format!(
            "sdgc -m {method} -l 24 -t 20 --merge-equal-neurons --merge-equal-columns --early-exit"
        );
        let report = json(&folder, &format!("{line} --json"));
        assert_eq!(report["truth"], "match", "{method}");
        let merged = &report["extras"]["merge_equal_neurons"];
        assert_eq!(merged["neurons"], 24 * 1024);
        // 64 a layer, and half of that in the last of six.
        assert_eq!(merged["neurons_left"], 24 * 64 - 4 * 32);
        let exit = report["extras"]["exit_layer"].as_u64().unwrap();
        assert!((10..=20).contains(&exit), "{exit}");
        let text = folder.done(&line);
        let extras = text.lines().filter(|line| line.ends_with("(extra)")).count();
        assert_eq!(extras, 3, "{text}");
        assert!(text.contains("of 24,576 left"), "{text}");
        assert!(text.contains(&format!("layer {exit} was the last")), "{text}");
    }
}

#[test]
fn the_papers_schedule_needs_a_gpu() {
    let folder = benchmark();
    for device in ["--device cpu", "--threads 2"] {
        let ran = folder.run(&format!("sdgc -l 24 {device} --schedule paper"));
        ran.expect(2);
        assert_eq!(ran.stderr, "error: --schedule paper needs a GPU; the device is the CPU\n");
    }
}
