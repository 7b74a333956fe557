//! Results of every kind, with invented figures: for what does not depend on what was measured.

#![allow(dead_code, reason = "not every test file needs all of it")]

use snicit_bench::environment::{Environment, Library};
use snicit_bench::record::{
    Answer, Embedding, Finding, Measurement, NotRun, Record, Repetition, ResultFile, Sources, Statistics,
};
use snicit_bench::{Cause, Grid, ResultId, Task, Workload, grid};

pub(crate) fn environment() -> Environment {
    let device = "CPU, 2 threads, AVX-512".to_owned();
    let libraries = vec![Library { name: "NVRTC".to_owned(), version: "13.0".to_owned() }];
    Environment { load_average: Some(0.5), cores: 2, ..Environment::current(device, libraries) }
}

/// A result with all points of its grid.
pub(crate) fn result(id: ResultId, of: Grid) -> ResultFile {
    let tasks = grid::tasks_with(id, of, &["cuSPARSE", "cuBLAS"]);
    let records = tasks.into_iter().map(record).collect();
    ResultFile {
        result: id,
        grid: of,
        command: format!("snicit bench {} --device cpu", id.name()),
        date: "2026-11-25T20:00:00Z".to_owned(),
        environment: environment(),
        records,
        not_run: vec![],
    }
}

/// Every table and figure.
pub(crate) fn all(of: Grid) -> Vec<ResultFile> {
    ResultId::ALL.into_iter().map(|id| result(id, of)).collect()
}

/// Every table and figure of a machine that was disturbed: the first repetition of each inference is much too short,
/// the last much too long.
pub(crate) fn noisy(of: Grid) -> Vec<ResultFile> {
    let mut results = all(of);
    for record in results.iter_mut().flat_map(|result| &mut result.records) {
        let Finding::Inference(measurement) = &mut record.finding else { continue };
        let repetitions = &mut measurement.repetitions;
        let last = repetitions.len() - 1;
        for (place, factor) in [(0, 0.02), (last, 40.0)] {
            repetitions[place] = scaled(repetitions[place], factor);
        }
    }
    results
}

fn scaled(repetition: Repetition, factor: f64) -> Repetition {
    Repetition {
        pre_convergence_ms: repetition.pre_convergence_ms * factor,
        conversion_ms: repetition.conversion_ms * factor,
        post_convergence_ms: repetition.post_convergence_ms * factor,
        recovery_ms: repetition.recovery_ms * factor,
    }
}

/// Every table and figure where other libraries were not measured on every second network.
pub(crate) fn incomplete(of: Grid) -> Vec<ResultFile> {
    let mut results = all(of);
    for result in &mut results {
        let other = |method: &str| method.starts_with("cu");
        let lacks = |i: usize, task: &Task| {
            i % 4 >= 2 && matches!(task, Task::Inference { method, .. } if other(method))
        };
        let mut kept = Vec::new();
        for (i, record) in std::mem::take(&mut result.records).into_iter().enumerate() {
            if lacks(i, &record.task) {
                result.not_run.push(not_run(record.task));
            } else {
                kept.push(record);
            }
        }
        result.records = kept;
    }
    results
}

pub(crate) fn not_run(task: Task) -> NotRun {
    let cause = Cause::Memory;
    NotRun { task, cause, reason: "needs about 40.0 GiB of memory, 20.0 GiB are free".to_owned() }
}

pub(crate) fn record(task: Task) -> Record {
    let finding = match &task {
        Task::Inference { workload, method, threshold_layer, batch } => {
            Finding::Inference(measurement(workload, method, *threshold_layer, *batch))
        }
        Task::Statistics { workload } => Finding::Statistics(statistics(workload)),
        Task::Embedding { workload, .. } => Finding::Embedding(embedding(workload.inputs())),
    };
    let sources = Sources {
        network: "generated RadiX-Net, seed 1".to_owned(),
        network_identity: None,
        inputs: "rebuilt from the first of MNIST's training images".to_owned(),
        inputs_identity: Some("XXH3 0123456789abcdef".to_owned()),
        categories_identity: None,
    };
    Record {
        task,
        finding,
        sources,
        environment: environment(),
        date: "2026-11-25T20:00:00Z".to_owned(),
    }
}

/// Times that grow as the real ones do: over five decades between methods and widths.
fn measurement(workload: &Workload, method: &str, threshold_layer: usize, batch: usize) -> Measurement {
    let (neurons, layers) = match workload {
        Workload::Sdgc { neurons, layers, .. } => (*neurons, *layers),
        Workload::MediumScale { .. } => (256, 14),
    };
    let factor = match method {
        "BF-2019" => 30.0,
        "SNIG-2020" => 20.0,
        "XY-2021" => 1.4,
        "cuSPARSE" => 50.0,
        "cuBLAS" => 300.0,
        _ => 1.0,
    };
    let base = factor * neurons as f64 / 100.0 * (1.0 + layers as f64 / 500.0);
    let base = base * (1.0 + (threshold_layer as f64 - 20.0).abs() / 60.0);
    let base = base * (0.6 + 4000.0 / batch as f64);
    let repetition = |i: u32| {
        let ms = base * (1.0 + 0.02 * f64::from(i));
        Repetition {
            pre_convergence_ms: ms * 0.81,
            conversion_ms: ms * 0.06,
            post_convergence_ms: ms * 0.125,
            recovery_ms: ms * 0.005,
        }
    };
    let medium = matches!(workload, Workload::MediumScale { .. });
    let accuracy = 0.9494
        - if method == "SNICIT" { 0.002 * f64::from(8 - threshold_layer.min(8) as u32) } else { 0.0 };
    Measurement {
        prepare_ms: 3.0,
        inference_ms: base * 1.1,
        repetitions: (0..5).map(repetition).collect(),
        threshold_layer: threshold_layer.min(layers),
        live_columns: (0..=layers as u64).map(|i| 60_000 / (i + 1)).collect(),
        layer_connections: vec![32 * neurons as u64; layers],
        centroids: (method == "SNICIT").then_some(12),
        categories: 1812,
        answer: Some(Answer { against: "the float64 reference".to_owned(), difference: None }),
        accuracy: medium.then_some(accuracy),
    }
}

fn statistics(workload: &Workload) -> Statistics {
    let (neurons, layers) = match workload {
        Workload::Sdgc { neurons, layers, .. } => (*neurons as u64, *layers as u64),
        Workload::MediumScale { .. } => (256, 14),
    };
    let connections = 32 * neurons * layers;
    Statistics {
        neurons,
        layers,
        connections,
        largest_fan_in: 32,
        bias: Some(-0.3),
        density: 32.0 / neurons as f64,
        inputs: 60_000,
        ones: 6_000 * neurons,
    }
}

fn embedding(inputs: usize) -> Embedding {
    let point = |i: usize| {
        let (class, turn) = ((i % 10) as f32, (i / 10) as f32);
        [30.0 * (class * 0.63).cos() + turn.sin() * 5.0, 30.0 * (class * 0.63).sin() + turn.cos() * 5.0]
    };
    Embedding {
        points: (0..inputs).map(point).collect(),
        labels: (0..inputs).map(|i| (i % 10) as u8).collect(),
        perplexity: 30.0,
    }
}
