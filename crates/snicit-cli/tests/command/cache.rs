use std::fs;
use std::path::PathBuf;

use crate::support::benchmark;

#[test]
fn the_second_run_loads_from_the_cache() {
    let folder = benchmark();
    // `data truth` has filled the cache already.
    folder.done("cache clear");
    let first = folder.done("sdgc -l 24");
    assert!(first.contains("ms, from the files"), "{first}");
    let second = folder.done("sdgc -l 24");
    assert!(second.contains("ms, from the cache"), "{second}");
    let fewer = folder.done("sdgc -l 7 --truth none");
    assert!(fewer.contains("ms, from the cache"), "{fewer}");
    let without = folder.done("sdgc -l 24 --no-cache");
    assert!(without.contains("ms, from the files"), "{without}");

    let list = folder.done("cache list");
    for part in ["600 inputs, 1024 features", "24 layers", "current", "data/neuron1024", "2 files"] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[test]
fn what_is_stale_or_damaged_is_made_anew_and_said() {
    let folder = benchmark();
    folder.done("sdgc -l 24");
    let is_network = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("network");
    let mut files = fs::read_dir(folder.path("cache")).unwrap().map(|file| file.unwrap().path());
    let network = files.find(is_network).unwrap();
    let mut bytes = fs::read(&network).unwrap();
    bytes[5000] ^= 1;
    fs::write(&network, bytes).unwrap();
    let ran = folder.run("sdgc -l 24");
    ran.expect(0);
    assert!(ran.stderr.contains("note: the cache is damaged (the checksum of a section differs)"));
    assert!(ran.stdout.contains("the inputs from the cache"), "{}", ran.stdout);

    // The same layers with another seed.
    folder.done("data generate -l 24 --seed 4 --force");
    let ran = folder.run("sdgc -l 24 --truth none");
    ran.expect(0);
    assert!(ran.stderr.contains("note: the cache is out of date"), "{}", ran.stderr);
    folder.done("data digits --inputs 10 --force");
    assert!(folder.done("cache list").contains("out of date"));
    assert!(folder.done("cache prune").starts_with("removed 1 file ("));
    assert!(folder.done("cache clear").starts_with("removed 1 file ("));
    assert!(folder.done("cache list").starts_with("0 files (0 bytes) in "));
}
