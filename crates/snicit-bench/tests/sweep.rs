//! Sweeps on network D, which needs no data, and A, which needs MNIST's test images.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use snicit::{CpuEngine, CpuOptions, Network, Prepared};
use snicit_bench::environment::Library;
use snicit_bench::measure::Repetitions;
use snicit_bench::record::{Record, ResultFile};
use snicit_bench::{
    Cause, Contestants, Grid, Peer, ResultId, Store, Sweep, Task, TimeLeft, Watch, Workloads,
};
use snicit_data::sdgc::DataFolder;

/// What a sweep told.
#[derive(Debug, Default)]
struct Told {
    /// Points in all and finished before.
    begun: RefCell<(usize, usize)>,
    measured: RefCell<Vec<String>>,
    notes: RefCell<Vec<String>>,
    /// How many points were decided when one was that is not run.
    not_run: RefCell<Vec<usize>>,
}

impl Watch for Told {
    fn begins(&self, points: usize, finished: usize) {
        self.begun.replace((points, finished));
    }

    fn point_begins(&self, _number: usize, _task: &Task, _left: Option<TimeLeft>) {}

    fn point_not_run(&self, number: usize, _task: &Task) {
        self.not_run.borrow_mut().push(number);
    }

    fn point_ends(&self, _number: usize, record: &Record) {
        self.measured.borrow_mut().push(record.task.workload().name());
    }

    fn note(&self, note: &str) {
        self.notes.borrow_mut().push(note.to_owned());
    }

    fn result_ends(&self, _result: &ResultFile) {}
}

/// SNICIT on the networks A and D, the results in the folder.
fn run(folder: &Path) -> (ResultFile, Told) {
    run_beside(folder, &[], &[])
}

/// The same where other libraries are there and versions are known.
fn run_beside(folder: &Path, peers: &[Box<dyn Peer>], libraries: &[(&str, &str)]) -> (ResultFile, Told) {
    let library =
        |&(name, version): &(&str, &str)| Library { name: name.to_owned(), version: version.to_owned() };
    let libraries: Vec<Library> = libraries.iter().map(library).collect();
    let engine = CpuEngine::with_options(&CpuOptions::default()).expect("a sweep that can be run");
    let sweep = Sweep {
        results: vec![ResultId::Fig10],
        grid: Grid::Quick,
        repetitions: Repetitions::exactly(1),
        budget: None,
        command: String::new(),
    };
    let told = Told::default();
    let contestants = Contestants { engine: &engine, peers, libraries: &libraries };
    let workloads = Workloads::new(DataFolder::new(folder.join("data")), None);
    let mut results = sweep
        .run(contestants, workloads, &Store::new(folder.join("results")), &told)
        .expect("a sweep that can be run");
    (results.remove(0), told)
}

/// As many test images as the quick grid takes; `seed` makes them others.
fn write_mnist(folder: &Path, seed: usize) {
    const IMAGES: usize = 2000;
    let mnist = folder.join("data/mnist");
    fs::create_dir_all(&mnist).expect("a folder that can be written");
    let header = |numbers: &[u32]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_be_bytes()).collect() };
    let mut images = header(&[0x0803, IMAGES as u32, 28, 28]);
    images.extend((0..IMAGES * 28 * 28).map(|i| ((i * seed + i / 784) % 251) as u8));
    fs::write(mnist.join("t10k-images-idx3-ubyte"), images).expect("a folder that can be written");
    let mut labels = header(&[0x0801, IMAGES as u32]);
    labels.extend((0..IMAGES).map(|i| (i % 10) as u8));
    fs::write(mnist.join("t10k-labels-idx1-ubyte"), labels).expect("a folder that can be written");
}

#[test]
fn points_are_taken_over_only_if_measured_on_the_same_data() {
    let root = tempfile::tempdir().unwrap();
    write_mnist(root.path(), 7);
    let (first, told) = run(root.path());
    assert_eq!(
        (first.records.len(), &*told.measured.borrow()),
        (2, &vec!["A".to_owned(), "D".to_owned()])
    );

    let (again, told) = run(root.path());
    assert_eq!((*told.begun.borrow(), told.measured.borrow().len()), ((2, 2), 0));
    assert!(again.records == first.records);

    // Other images under the same name: only what depends on them is measured again.
    write_mnist(root.path(), 11);
    let (other, told) = run(root.path());
    assert_eq!((*told.begun.borrow(), &*told.measured.borrow()), ((2, 1), &vec!["A".to_owned()]));
    let notes = told.notes.borrow();
    let [note] = &notes[..] else { panic!("{notes:?}") };
    let begin = "SNICIT on A, t = 8, 2,000 inputs: what the file of the inputs is known by was XXH3 ";
    assert!(note.starts_with(begin) && note.ends_with("; measured again"), "{note}");
    assert!(
        other.records[0].sources != first.records[0].sources && other.records[1] == first.records[1]
    );
}

/// What is missing is named with its remedy, what is damaged by its file; what does not need it is run.
#[test]
fn missing_and_damaged_data_cost_only_the_points_that_need_them() {
    let root = tempfile::tempdir().unwrap();
    let lacking = |said: &str| {
        let (result, told) = run(root.path());
        assert_eq!((result.records.len(), result.failed().count()), (1, 1), "{said}");
        assert_eq!((result.not_run[0].cause, &*told.not_run.borrow()), (Cause::Data, &vec![1]));
        assert!(result.not_run[0].reason.contains(said), "{said}: {}", result.not_run[0].reason);
        let notes = told.notes.borrow();
        assert_eq!(notes.iter().filter(|note| note.contains(said)).count(), 1, "{notes:?}");
        let shortfall = result.shortfall().unwrap();
        assert!(shortfall.starts_with("1 of 2 points of Figure 10 were not run: "), "{shortfall}");
        fs::remove_dir_all(root.path().join("results")).unwrap();
    };
    lacking("t10k-images-idx3-ubyte; `snicit data fetch mnist");
    write_mnist(root.path(), 7);
    let labels = root.path().join("data/mnist/t10k-labels-idx1-ubyte");
    fs::write(&labels, &fs::read(&labels).unwrap()[..100]).unwrap();
    lacking("t10k-labels-idx1-ubyte: the number of labels is 92, expected 2000");
    fs::remove_file(&labels).unwrap();
    lacking("MNIST's test labels are missing");
}

/// Another library, which has no part in Figure 10.
struct Bystander;

impl Peer for Bystander {
    fn name(&self) -> &str {
        "cuSPARSE"
    }

    fn refusal(&self, _layers: &[(usize, usize)]) -> Option<String> {
        None
    }

    fn prepare(&self, _: &Network, _: usize) -> Result<Box<dyn Prepared>, snicit::Error> {
        unreachable!("it is never asked")
    }
}

/// The driver matters for every point, a library that is timed beside our methods for its own points only.
#[test]
fn points_are_measured_again_under_another_driver() {
    let root = tempfile::tempdir().unwrap();
    write_mnist(root.path(), 7);
    let finished_before = |peers: &[Box<dyn Peer>], libraries: &[(&str, &str)]| {
        let (result, told) = run_beside(root.path(), peers, libraries);
        assert_eq!(result.environment.libraries.len(), libraries.len());
        (told.begun.borrow().1, told.notes.borrow().clone())
    };
    let peers: Vec<Box<dyn Peer>> = vec![Box::new(Bystander)];
    let nothing = Vec::<String>::new();
    assert_eq!(
        finished_before(&peers, &[("NVRTC", "12.8"), ("cuSPARSE", "12500")]),
        (0, nothing.clone())
    );
    assert_eq!(finished_before(&[], &[("NVRTC", "12.8")]), (2, nothing));
    let (finished, notes) = finished_before(&[], &[("NVRTC", "12.9")]);
    let said = "2 points on networks A, D: the version of NVRTC was 12.8, is now 12.9; measured again";
    assert_eq!((finished, notes), (0, vec![said.to_owned()]));
}
