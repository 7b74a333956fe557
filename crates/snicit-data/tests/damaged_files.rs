//! Every way a file can be damaged, and the message it must lead to.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use snicit_data::{DataError, sdgc};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Gzip that does not compress, so that a damaged byte is a damaged checksum and nothing else.
fn stored_gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Collects the failures of a table and shows them all.
fn check(failures: Vec<String>) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn message<T>(result: Result<T, DataError>, folder: &Path) -> String {
    let Err(error) = result else { return "no error".to_owned() };
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

fn compare(damage: &str, found: String, expected: &str) -> Option<String> {
    (found != expected).then(|| format!("{damage}\n   found    {found}\n   expected {expected}"))
}

#[test]
fn layers() {
    let good = "1\t1\t6.250000e-02\n2\t1\t6.250000e-02\n1\t2\t6.250000e-02\n";
    let repeated = gzip(good.repeat(1000).as_bytes());
    let mut flipped = stored_gzip(good.as_bytes());
    let weight = flipped.windows(4).position(|bytes| bytes == b"6.25").unwrap();
    flipped[weight] = b'7';
    let line = |line: &str| format!("{good}{line}\n1024\t1024\t0.5\n").into_bytes();
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "empty",
            vec![],
            ": the file is empty, expected lines of 3 fields (input neuron, output neuron, weight)",
        ),
        (
            "gzip, truncated",
            repeated[..repeated.len() / 2].to_vec(),
            ": the gzip data end too early, the file is truncated",
        ),
        (
            "gzip, truncated header",
            repeated[..5].to_vec(),
            ": the gzip data end too early, the file is truncated",
        ),
        (
            "gzip, truncated checksum",
            repeated[..repeated.len() - 3].to_vec(),
            ": the gzip data end too early, the file is truncated",
        ),
        (
            "gzip, a flipped byte",
            flipped,
            ": the gzip data are corrupt: corrupt gzip stream does not have a matching checksum",
        ),
        (
            "gzip, other bytes behind it",
            [gzip(good.as_bytes()), b"twenty bytes behind.".to_vec()].concat(),
            ": the gzip data are corrupt: invalid gzip header",
        ),
        (
            "letters in a number",
            line("1\t2x\t0.5"),
            ", line 4: output neuron is \"2x\", expected 1 to 1024",
        ),
        ("a sign", line("+1\t2\t0.5"), ", line 4: input neuron is \"+1\", expected 1 to 1024"),
        ("a fraction", line("1.0\t2\t0.5"), ", line 4: input neuron is \"1.0\", expected 1 to 1024"),
        (
            "not UTF-8",
            line("1\t3\t\u{0}").into_iter().map(|b| if b == 0 { 0xff } else { b }).collect(),
            ", line 4: weight is \"\u{fffd}\", expected a finite number",
        ),
        ("an empty field", line("1\t\t0.5"), ", line 4: output neuron is empty, expected 1 to 1024"),
        ("an empty weight", line("1\t3\t"), ", line 4: weight is empty, expected a finite number"),
        (
            "too few fields",
            line("1\t3"),
            ", line 4: the line has 2 tab-separated fields, expected 3 fields (input neuron, output neuron, weight)",
        ),
        (
            "blanks for tabs",
            line("1 3 0.5"),
            ", line 4: the line has 1 tab-separated fields, expected 3 fields (input neuron, output neuron, weight)",
        ),
        (
            "too many fields",
            line("1\t3\t0.5\t"),
            ", line 4: the line has 4 tab-separated fields, expected 3 fields (input neuron, output neuron, weight)",
        ),
        (
            "an empty line",
            line(""),
            ", line 4: the line is empty, expected 3 fields (input neuron, output neuron, weight)",
        ),
        ("input neuron 0", line("0\t3\t0.5"), ", line 4: input neuron is 0, expected 1 to 1024"),
        ("output neuron 0", line("3\t0\t0.5"), ", line 4: output neuron is 0, expected 1 to 1024"),
        (
            "input neuron too large",
            line("1025\t3\t0.5"),
            ", line 4: input neuron is 1025, expected 1 to 1024",
        ),
        (
            "output neuron too large",
            line("3\t1025\t0.5"),
            ", line 4: output neuron is 1025, expected 1 to 1024",
        ),
        (
            "a number beyond 64 bits",
            line("18446744073709551617\t3\t0.5"),
            ", line 4: input neuron is 18446744073709551617, expected 1 to 1024",
        ),
        (
            "a very long number",
            line(&format!("{}\t3\t0.5", "12345".repeat(20))),
            ", line 4: input neuron is 123451234512345123451234512345…, expected 1 to 1024",
        ),
        ("NaN", line("1\t3\tnan"), ", line 4: weight is \"nan\", expected a finite number"),
        ("infinity", line("1\t3\t-inf"), ", line 4: weight is \"-inf\", expected a finite number"),
        (
            "too large for float32",
            line("1\t3\t1e39"),
            ", line 4: weight is \"1e39\", expected a finite number",
        ),
        (
            "letters behind a weight",
            line("1\t3\t0.5x"),
            ", line 4: weight is \"0.5x\", expected a finite number",
        ),
        (
            "a connection twice in succession",
            line("1\t2\t0.5"),
            ", line 4: the connection from input neuron 1 to output neuron 2 is given twice",
        ),
        (
            "a connection twice, far apart",
            line("2\t1\t6.250000e-02"),
            ", line 4: the connection from input neuron 2 to output neuron 1 is given twice",
        ),
        (
            "a connection three times",
            line("2\t1\t1\n1\t3\t1\n2\t1\t1"),
            ", line 4: the connection from input neuron 2 to output neuron 1 is given twice",
        ),
        (
            "the last line",
            b"1\t1\t1\n2\t1\t".to_vec(),
            ", line 2: weight is empty, expected a finite number",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("n1024-l1.tsv"), good).unwrap();
    let mut failures = Vec::new();
    for (damage, content, expected) in table {
        fs::write(folder.path().join("n1024-l2.tsv"), content).unwrap();
        // One thread reads file by file, many threads share a file.
        for threads in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let read = pool.install(|| sdgc::read_network(folder.path(), 1024, 2, -0.3, &|_| ()));
            failures.extend(compare(
                &format!("{damage}, {threads} threads"),
                message(read, folder.path()),
                &format!("n1024-l2.tsv{expected}"),
            ));
        }
    }
    check(failures);
}

#[test]
fn layers_that_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let read = |folder: &Path, layers| sdgc::read_network(folder, 64, layers, -0.3, &|_| ());
    let mut failures = Vec::new();
    let mut expect = |damage, layers, expected: &str| {
        let found = message(read(folder.path(), layers), folder.path());
        failures.extend(compare(damage, found, expected));
    };
    let missing = "layer 1 of 5 is missing; 0 of these layers exist, the highest layer present is 0";
    expect("none at all", 5, &format!("n64-l1.tsv: {missing}"));
    for layer in [1, 2, 4, 5] {
        fs::write(folder.path().join(format!("n64-l{layer}.tsv")), "1\t1\t1\n").unwrap();
    }
    let missing = "layer 3 of 5 is missing; 4 of these layers exist, the highest layer present is 5";
    expect("one in the middle", 5, &format!("n64-l3.tsv: {missing}"));
    fs::write(folder.path().join("n64-l3.tsv"), "1\t1\t1\n").unwrap();
    let missing = "layer 6 of 120 is missing; 5 of these layers exist, the highest layer present is 5";
    expect("those at the end", 120, &format!("n64-l6.tsv: {missing}"));
    expect("no layers asked for", 0, "the number of layers is 0, expected at least 1");
    for layer in [2, 4] {
        fs::write(folder.path().join(format!("n64-l{layer}.tsv")), "x\t1\t1\n").unwrap();
    }
    expect("two damaged ones", 5, "n64-l2.tsv, line 1: input neuron is \"x\", expected 1 to 64");
    let absent = folder.path().join("absent");
    let found = message(read(&absent, 5), folder.path());
    let expected = "absent: could not be read: No such file or directory (os error 2)";
    failures.extend(compare("no folder", found, expected));
    let found = message(sdgc::read_network(folder.path(), 0, 1, 0.0, &|_| ()), folder.path());
    let expected = "the number of neurons is 0, expected 1 to 4294967295";
    failures.extend(compare("no neurons", found, expected));
    check(failures);
}

#[test]
fn inputs() {
    let table: &[(&str, &str, Option<usize>, &str)] = &[
        ("empty", "", None, ": the file is empty, expected lines of 3 fields (image, feature, value)"),
        (
            "only line ends",
            "\n\n",
            Some(3),
            ": the file is empty, expected lines of 3 fields (image, feature, value)",
        ),
        ("feature 0", "1\t0\t1\n", None, ", line 1: feature is 0, expected 1 to 64"),
        ("feature too large", "1\t65\t1\n", None, ", line 1: feature is 65, expected 1 to 64"),
        ("image 0", "0\t1\t1\n", None, ", line 1: image is 0, expected 1 to 4294967295"),
        ("image too large", "3\t1\t1\n4\t1\t1\n", Some(3), ", line 2: image is 4, expected 1 to 3"),
        (
            "image beyond u32",
            "4294967296\t1\t1\n",
            None,
            ", line 1: image is 4294967296, expected 1 to 4294967295",
        ),
        (
            "a feature twice",
            "1\t5\t1\n2\t5\t1\n1\t6\t1\n1\t5\t1\n",
            None,
            ", line 4: feature 5 of image 1 is given twice",
        ),
        (
            "a feature twice, as 0",
            "1\t5\t0\n1\t5\t0.5\n",
            None,
            ", line 2: feature 5 of image 1 is given twice",
        ),
        ("an empty value", "1\t5\t\n", None, ", line 1: value is empty, expected a finite number"),
        ("NaN", "1\t5\tNaN\n", None, ", line 1: value is \"NaN\", expected a finite number"),
        (
            "no value",
            "1\t5\n",
            None,
            ", line 1: the line has 2 tab-separated fields, expected 3 fields (image, feature, value)",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images.tsv");
    let mut failures = Vec::new();
    for (damage, content, inputs, expected) in table {
        fs::write(&file, content).unwrap();
        let found = message(sdgc::read_inputs(&file, 64, *inputs), folder.path());
        failures.extend(compare(damage, found, &format!("images.tsv{expected}")));
    }
    fs::write(&file, "4294967295\t1\t1\n").unwrap();
    let read = |inputs| message(sdgc::read_inputs(&file, u32::MAX as usize, inputs), folder.path());
    let expected = "image is 4294967295, expected at most 1 in a file of so few lines, unless the number \
                    of inputs is given";
    failures.extend(compare("too many", read(None), &format!("images.tsv, line 1: {expected}")));
    let expected =
        "the number of inputs is 4294967295, expected a number of images that fits into memory";
    failures.extend(compare("too many asked for", read(Some(u32::MAX as usize)), expected));
    let read = sdgc::read_inputs(folder.path().join("none.tsv").as_path(), 64, None);
    let expected = "none.tsv: could not be read: No such file or directory (os error 2)";
    failures.extend(compare("no file", message(read, folder.path()), expected));
    let read = sdgc::read_inputs(Path::new("/"), 64, None);
    let expected = "/: could not be read: Is a directory (os error 21)";
    failures.extend(compare("a folder", message(read, folder.path()), expected));
    check(failures);
}

#[test]
fn categories() {
    let table: &[(&str, &str, &str)] = &[
        ("category 0", "0\n", ", line 1: category is 0, expected 1 to 4294967295"),
        ("letters", "3\nx\n", ", line 2: category is \"x\", expected 1 to 4294967295"),
        ("twice", "3\n5\n5\n", ", line 3: category is 5, expected more than 5, the category before it"),
        (
            "descending",
            "3\n5\n4\n",
            ", line 3: category is 4, expected more than 5, the category before it",
        ),
        (
            "two fields",
            "3\t1\n",
            ", line 1: the line has 2 tab-separated fields, expected 1 field (category)",
        ),
        ("an empty line", "3\n\n5\n", ", line 2: the line is empty, expected 1 field (category)"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.tsv");
    let mut failures = Vec::new();
    for (damage, content, expected) in table {
        fs::write(&file, content).unwrap();
        let found = message(sdgc::read_categories(&file), folder.path());
        failures.extend(compare(damage, found, &format!("c.tsv{expected}")));
    }
    check(failures);
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let categories = snicit::Categories::default();
    fs::write(folder.path().join("file"), "").unwrap();
    let written = sdgc::write_categories(&folder.path().join("file/c.tsv"), &categories);
    let expected = "file/c.tsv: could not be written: Not a directory (os error 20)";
    let mut failures = Vec::new();
    // Which of the two the system says depends on how much of the path exists.
    let found = message(written, folder.path())
        .replace("File exists (os error 17)", "Not a directory (os error 20)");
    failures.extend(compare("a file for a folder", found, expected));
    fs::create_dir(folder.path().join("c.tsv")).unwrap();
    let written = sdgc::write_categories(&folder.path().join("c.tsv"), &categories);
    let expected = "c.tsv: could not be written: Is a directory (os error 21)";
    failures.extend(compare("a folder of that name", message(written, folder.path()), expected));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    check(failures);
}
