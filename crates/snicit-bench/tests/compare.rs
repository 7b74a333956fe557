//! Two results side by side.

mod common;

use snicit_bench::compare::compare;
use snicit_bench::environment::Library;
use snicit_bench::record::{Finding, ResultFile};
use snicit_bench::statistics::Verdict;
use snicit_bench::{Grid, ResultId};

/// The result with the times of its first point multiplied.
fn times(mut result: ResultFile, factor: f64) -> ResultFile {
    if let Finding::Inference(measurement) = &mut result.records[0].finding {
        for repetition in &mut measurement.repetitions {
            repetition.pre_convergence_ms *= factor;
            repetition.conversion_ms *= factor;
            repetition.post_convergence_ms *= factor;
            repetition.recovery_ms *= factor;
        }
    }
    result
}

#[test]
fn only_what_changed_has_a_verdict() {
    let before = common::result(ResultId::Fig6, Grid::Quick);
    for (factor, verdict) in
        [(0.5, Verdict::Faster), (2.0, Verdict::Slower), (1.01, Verdict::NoDifference)]
    {
        let comparison = compare(&before, &times(before.clone(), factor));
        let [changed, rest @ ..] = &comparison.points[..] else { panic!("no points") };
        assert_eq!(changed.verdict, verdict, "{factor}");
        assert!((changed.speed_up.ratio - 1.0 / factor).abs() < 1e-9);
        assert!(
            changed.speed_up.low <= changed.speed_up.ratio
                && changed.speed_up.ratio <= changed.speed_up.high
        );
        assert!(rest.iter().all(|point| point.verdict == Verdict::NoDifference));
        assert_eq!(comparison.table().rows.len(), before.records.len());
    }
}

#[test]
fn what_makes_it_doubtful_is_said() {
    let before = common::result(ResultId::Fig6, Grid::Quick);
    let mut after = before.clone();
    after.environment.device = "NVIDIA H100".to_owned();
    after.environment.program = "00000000".to_owned();
    let version = "120800".to_owned();
    after.environment.libraries = vec![Library { name: "cuBLAS".to_owned(), version }];
    after.records.remove(0);
    for record in &mut after.records[1..3] {
        record.sources.network_identity = Some("XXH3 1".to_owned());
    }
    after.records[0].sources.inputs = "drawn digits, seed 1".to_owned();
    after.records[1].environment.load_average = Some(1e6);
    if let Finding::Inference(measurement) = &mut after.records[2].finding {
        measurement.repetitions.truncate(3);
    }
    let comparison = compare(&before, &after);
    assert_eq!(comparison.points[2].verdict, Verdict::TooFewRepetitions);
    assert_eq!(comparison.alone.len(), 1);
    assert!(comparison.alone[0].starts_with("only in the first: "), "{:?}", comparison.alone);
    for caution in [
        "the device differs: CPU, 2 threads, AVX-512 and NVIDIA H100",
        "the program differs: ",
        "the version of cuBLAS differs: none and 120800",
        "the source of the inputs differs: rebuilt from the first of MNIST's training images and drawn digits, seed 1",
        "2 points on network 1024-480: what the network's files are known by differs: none and XXH3 1",
        "busy during 1 point of the second",
    ] {
        assert!(comparison.cautions.iter().any(|said| said.contains(caution)), "{caution}");
    }
}

#[test]
fn different_grids_are_named() {
    let (quick, full) =
        (common::result(ResultId::Fig8, Grid::Quick), common::result(ResultId::Fig8, Grid::Full));
    let comparison = compare(&quick, &full);
    let said = "the first is of the reduced grid, the second of the full one";
    assert!(comparison.points.is_empty() && comparison.cautions[0] == said, "{comparison:?}");
    assert!(compare(&full, &full).cautions.is_empty());
}

#[test]
fn wrong_answers_are_found() {
    let mut result = common::result(ResultId::Table3, Grid::Quick);
    assert_eq!(result.wrong().count(), 0);
    if let Finding::Inference(measurement) = &mut result.records[3].finding {
        let answer = measurement.answer.as_mut().expect("an answer");
        answer.difference = Some("missing: 1 input (7)".to_owned());
    }
    assert_eq!(result.wrong().count(), 1);
}
