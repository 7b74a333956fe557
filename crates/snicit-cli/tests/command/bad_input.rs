//! What is wrong, and what the command says of it: one sentence on standard error, exit code 2.

use std::fs;

use crate::support::Folder;

/// Three layers of 1024 neurons, whole and damaged, and inputs for them.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.done("data generate -l 3 -o net");
    folder.done("data digits --inputs 20 -o digits.tsv");
    for name in ["gap", "letters"] {
        fs::create_dir(folder.path(name)).unwrap();
        for layer in 1..=3 {
            let file = format!("n1024-l{layer}.tsv");
            fs::copy(folder.path("net").join(&file), folder.path(name).join(&file)).unwrap();
        }
    }
    fs::remove_file(folder.path("gap/n1024-l2.tsv")).unwrap();
    folder.write("letters/n1024-l3.tsv", "1\t1\t0.0625\n2\tx\t0.0625\n");
    folder.write("empty.tsv", "");
    folder.write("letters.tsv", "1\t1\t1\n1\tone\t1\n");
    folder.write("truth-letters.tsv", "3\nfour\n");
    folder
}

fn refuse(folder: &Folder, line: &str, message: &str) {
    let ran = folder.run(line);
    ran.expect(2);
    let stderr = &ran.stderr;
    assert!(stderr.starts_with("error: "), "snicit {line}: {stderr}");
    assert!(stderr.contains(message), "snicit {line}: {stderr}\nexpected: {message}");
    assert_eq!(ran.stdout, "", "snicit {line}");
}

#[test]
fn of_sdgc() {
    let folder = folder();
    let cases = [
        // Files that are missing.
        ("--weights nowhere --inputs digits.tsv", "layer 1 of 3 is missing: nowhere/n1024-l1.tsv"),
        ("--weights nowhere --inputs digits.tsv", "`snicit data generate -n 1024 -l 3 -o nowhere`"),
        ("--weights gap --inputs digits.tsv", "layer 2 of 3 is missing: gap/n1024-l2.tsv"),
        ("--weights net --inputs nowhere.tsv", "the inputs are missing: nowhere.tsv"),
        (
            "--weights net --inputs nowhere.tsv",
            "`snicit data images -n 1024 --mnist FILE -o nowhere.tsv`",
        ),
        ("--weights net --inputs digits.tsv --truth nowhere.tsv", "the truth is missing: nowhere.tsv"),
        ("", "data/neuron1024/n1024-l1.tsv; `snicit data generate -n 1024 -l 3` makes"),
        (
            "--data there",
            "there/neuron1024/n1024-l1.tsv; `snicit data generate -n 1024 -l 3 --data there`",
        ),
        // Files that are damaged.
        ("--weights letters --inputs digits.tsv", "letters/n1024-l3.tsv, line 2"),
        ("--weights net --inputs letters.tsv", "letters.tsv, line 2"),
        ("--weights net --inputs empty.tsv", "empty.tsv: the file is empty"),
        ("--weights net --inputs digits.tsv --truth truth-letters.tsv", "truth-letters.tsv, line 2"),
        ("--weights net --inputs digits.tsv --input-count 19", "digits.tsv, line"),
        // Values out of their range.
        (
            "--weights net --inputs digits.tsv -t 4",
            "threshold layer is 4, but the network has only 3 layers",
        ),
        ("--weights net --inputs digits.tsv -b 0", "'--batch <B>': expected a whole number, at least 1"),
        ("--weights net --inputs digits.tsv --input-count 0", "at least 1"),
        ("--weights net --inputs digits.tsv -n 0", "at least 1"),
        ("--weights net --inputs digits.tsv --bias NaN", "NaN"),
        ("--weights net --inputs digits.tsv --differing-share 2", "is 2, expected from 0 to 1"),
        ("--weights net --inputs digits.tsv --sum-tolerance=-1", "is -1, expected a finite number"),
        ("--weights net --inputs digits.tsv --sampled-columns 0", "at least 1"),
        ("--weights net --inputs digits.tsv --segments 0", "at least 1, or none"),
        ("--weights net --inputs digits.tsv --pre-convergence SNICIT", "expected BF, SNIG or XY"),
        ("--weights net --inputs digits.tsv -m FAST", "expected BF, SNIG, XY or SNICIT"),
        ("--weights net --inputs digits.tsv --threads 0", "at least 1"),
        ("--weights net --inputs digits.tsv --isa mmx", "'mmx'"),
        ("--weights net --inputs digits.tsv --device gpu", "'gpu'"),
        ("-n 100", "the Graph Challenge has no bias for 100 neurons; give one with --bias"),
        // Options that contradict each other.
        ("--weights net --inputs digits.tsv --data data", "cannot be used with"),
        ("--weights net", "--weights needs --inputs"),
        ("--inputs digits.tsv", "--weights"),
        // Outputs that cannot be written, noticed before anything is read.
        ("--weights net --inputs letters.tsv --categories-out no/out.tsv", "cannot write no/out.tsv"),
        (
            "--weights net --inputs letters.tsv --categories-out digits.tsv/out",
            "cannot write digits.tsv/out",
        ),
        (
            "--weights net --inputs letters.tsv --categories-out net",
            "cannot write net: it is not a file",
        ),
    ];
    for (options, message) in cases {
        refuse(&folder, &format!("sdgc -l 3 {options}"), message);
    }
    refuse(&folder, "sdgc -l 0", "at least 1");
    refuse(
        &folder,
        "sdgc -l 5 --weights net --inputs digits.tsv",
        "layer 4 of 5 is missing: net/n1024-l4.tsv; take -l 3, or make another network with \
         `snicit data generate -n 1024 -l 5 -o net --force`",
    );
}

#[test]
fn of_an_official_benchmark_without_truth() {
    let folder = Folder::new();
    folder.done("data generate -n 1024 -l 120");
    refuse(&folder, "sdgc", "the inputs are missing");
    folder.done("data digits --inputs 10");
    refuse(&folder, "sdgc", "data/neuron1024-l120-categories.tsv; `snicit data truth -n 1024 -l 120`");
    folder.done("sdgc --truth none");
}

#[test]
fn of_the_other_subcommands() {
    let folder = folder();
    let cases = [
        ("demo --inputs 0", "at least 1"),
        ("demo --inputs 99999999999", "at most 4294967295"),
        ("demo --layers 99999999999", "so many layers need"),
        ("data generate -n 100 -o new", "100"),
        ("data generate -n 99999999999 -l 99999999999 -o new", "so many connections need"),
        ("data generate -l 3 -o net", "net holds a network of 1024 neurons a layer already"),
        ("data generate -l 3 -o digits.tsv", "cannot write to digits.tsv"),
        ("data generate -l 3 -o new --data data", "cannot be used with"),
        ("data images --mnist nowhere", "nowhere"),
        ("data images --mnist digits.tsv", "digits.tsv"),
        ("data images", "--mnist"),
        ("data images -n 1000 --mnist digits.tsv", "1000 features make no square image"),
        ("data digits -n 1000", "1000 features make no square image"),
        ("data digits -o digits.tsv", "digits.tsv exists already; --force writes over it"),
        ("data digits -o no/digits.tsv", "cannot write no/digits.tsv"),
        ("data digits --inputs 0", "at least 1"),
        ("data truth -l 3 --weights net --inputs digits.tsv", "--weights needs -o"),
        ("data truth -l 3 --weights net --inputs digits.tsv -o digits.tsv", "exists already"),
        ("data truth -l 4 --weights net --inputs digits.tsv -o new.tsv", "layer 4 of 4 is missing"),
        ("inspect", "layer 1 of 120 is missing"),
        ("inspect --weights gap", "layer 2 of 3 is missing"),
        ("inspect --weights net -n 4096", "layer 1 of 120 is missing: net/n4096-l1.tsv"),
        ("man nothing", "`snicit` has no subcommand nothing"),
        ("man data nothing", "`snicit data` has no subcommand nothing"),
        ("completions csh", "'csh'"),
        ("fly", "'fly'"),
    ];
    for (line, message) in cases {
        refuse(&folder, line, message);
    }
}
