//! Results on disk: whole, or named and left out.

mod common;

use std::fs;

use snicit_bench::store::read_result;
use snicit_bench::{Grid, ResultId, Store, grid};

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("new/results"));
    for result in common::all(Grid::Full) {
        store.keep_result(&result).unwrap();
        // Not `assert_eq`: results are long.
        assert!(read_result(&store.file(result.result, "json")).unwrap() == result);
    }
    let found = store.results().unwrap();
    assert!(found.skipped.is_empty());
    let ids: Vec<ResultId> = found.results.iter().map(|result| result.result).collect();
    assert_eq!(ids, ResultId::ALL);
}

#[test]
fn points_are_kept_by_their_task() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let tasks = grid::tasks(ResultId::Fig8, Grid::Quick);
    let record = common::record(tasks[0].clone());
    assert!(store.point(&tasks[0]).unwrap().is_none());
    store.keep_point(&record).unwrap();
    assert!(store.point(&tasks[0]).unwrap() == Some(record));
    assert!(store.point(&tasks[1]).unwrap().is_none());

    // A point under another point's name is not taken for it.
    let file = |i: usize| folder.path().join("points").join(format!("{}.json", tasks[i].key()));
    fs::copy(file(0), file(1)).unwrap();
    let error = store.point(&tasks[1]).unwrap_err().to_string();
    assert!(error.contains("this is no intact result file: it holds"), "{error}");
}

/// Every way to damage a file is found and named, with the file.
#[test]
fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    store.keep_result(&common::result(ResultId::Table3, Grid::Quick)).unwrap();
    store.keep_result(&common::result(ResultId::Fig7, Grid::Quick)).unwrap();
    let file = store.file(ResultId::Table3, "json");
    let intact = fs::read_to_string(&file).unwrap();
    let half = intact[..intact.len() / 2].to_owned();
    let damages: [(&str, String, &str); 9] = [
        (
            "a changed time",
            intact.replacen("\"pre_convergence_ms\":", "\"pre_convergence_ms\":1", 1),
            "checksum",
        ),
        ("a space more", intact.replacen("{\"result\"", "{ \"result\"", 1), "checksum"),
        ("half of it", half, "it ends too early"),
        ("nothing", String::new(), "it is empty"),
        ("no JSON", "<html>".to_owned(), "it is no result of `snicit bench`"),
        ("other JSON", "{\"schema\": 1}".to_owned(), "it is no result of `snicit bench`"),
        (
            "another version",
            intact.replacen("\"snicit_bench\": 2", "\"snicit_bench\": 1", 1),
            "of an earlier version of the format: 1, expected 2",
        ),
        ("a key more", intact.replacen("\"xxh3\"", "\"more\": 1, \"xxh3\"", 1), "unknown field"),
        ("another checksum", intact.replacen("\"xxh3\": \"", "\"xxh3\": \"0", 1), "checksum"),
    ];
    for (damage, text, problem) in damages {
        assert_ne!(text, intact, "{damage}");
        fs::write(&file, text).unwrap();
        let found = store.results().unwrap();
        assert_eq!(found.results.len(), 1, "{damage}");
        let [named] = &found.skipped[..] else { panic!("{damage}: {:?}", found.skipped) };
        assert!(named.starts_with(&file.display().to_string()), "{damage}: {named}");
        assert!(named.contains(problem), "{damage}: {named}");
    }
    // Intact, but another one: it would stand on the page twice.
    fs::copy(store.file(ResultId::Fig7, "json"), &file).unwrap();
    let found = store.results().unwrap();
    assert_eq!(found.results.len(), 1);
    assert!(found.skipped[0].ends_with(": this is Figure 7, which belongs in fig7.json"), "{found:?}");
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(store.results().unwrap().skipped[0].contains("UTF-8"));
}

#[test]
fn what_is_no_result_is_named_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let task = grid::tasks(ResultId::Fig8, Grid::Quick).remove(0);
    assert_eq!(store.kept_points(), 0);
    store.keep_point(&common::record(task.clone())).unwrap();
    assert_eq!(store.kept_points(), 1);
    let point = folder.path().join("points").join(format!("{}.json", task.key()));
    for (file, said) in [
        (point, ": this is a single point of a sweep, expected a table or figure"),
        (folder.path().to_owned(), "/fig8.json"),
    ] {
        let error = read_result(&file).unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()) && error.ends_with(said), "{error}");
    }
}

/// Single bytes, wherever they are.
#[test]
fn no_flipped_byte_passes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let result = common::result(ResultId::Fig7, Grid::Quick);
    store.keep_result(&result).unwrap();
    let file = store.file(ResultId::Fig7, "json");
    let intact = fs::read(&file).unwrap();
    for place in (0..intact.len()).step_by(intact.len() / 400 + 1) {
        let mut bytes = intact.clone();
        bytes[place] ^= 0x04;
        fs::write(&file, &bytes).unwrap();
        // Space between the parts may change; the content may not.
        if let Ok(read) = read_result(&file) {
            assert!(read == result, "byte {place}");
        }
    }
}
