use std::process::Stdio;

use crate::support::Folder;

#[test]
fn help_has_examples() {
    let folder = Folder::new();
    let commands =
        ["", "demo", "sdgc", "data generate", "data images", "data digits", "data truth", "inspect"];
    for command in commands.into_iter().chain([
        "cache",
        "data fetch",
        "data fetch sdgc",
        "data fetch mnist",
        "completions",
        "man",
    ]) {
        let help = folder.done(&format!("{command} --help"));
        assert!(help.contains("Example"), "{command}: {help}");
    }
    assert_eq!(folder.done("-V").trim(), format!("snicit {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_manual_pages_are_there() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(folder.done(&format!("completions {shell}")).contains("sdgc"), "{shell}");
    }
    assert!(folder.done("man").contains(".TH snicit 1"));
    let page = folder.done("man data generate");
    assert!(page.contains(".TH snicit-data-generate 1"), "{page}");
    folder.done("man -o pages");
    for page in ["snicit.1", "snicit-sdgc.1", "snicit-data-truth.1"] {
        assert!(folder.read(&format!("pages/{page}")).contains(".SH NAME"), "{page}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    for line in ["completions bash", "man", "help sdgc", "demo --inputs 3 --layers 2"] {
        let mut child =
            folder.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = Folder::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = folder.command("man").stdout(full).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.starts_with("error: cannot write to standard output: "), "{stderr}");
}

#[test]
fn nothing_but_results_goes_to_standard_output() {
    let folder = Folder::new();
    folder.done("data generate -l 2");
    folder.done("data digits --inputs 20");
    let ran = folder.run("sdgc -l 2 --json");
    ran.expect(0);
    assert!(ran.stdout.starts_with('{') && ran.stdout.ends_with("}\n"), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("note: "), "{}", ran.stderr);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "no colours, no bars");
}
