use std::process::Stdio;

use crate::support::Folder;

#[test]
fn help_has_examples() {
    let folder = Folder::new();
    let commands =
        ["", "demo", "sdgc", "data generate", "data images", "data digits", "data truth", "inspect"];
    for command in commands.into_iter().chain([
        "beyond",
        "infer",
        "cache",
        "devices",
        "data fetch",
        "data fetch sdgc",
        "data fetch mnist",
        "bench",
        "bench compare",
        "report",
        "completions",
        "man",
    ]) {
        let help = folder.done(&format!("{command} --help"));
        assert!(help.contains("Example"), "{command}: {help}");
    }
    assert_eq!(folder.done("-V").trim(), format!("snicit {}", env!("CARGO_PKG_VERSION")));
}

/// Text below the options is broken where the line is full, and nowhere else.
#[test]
fn help_fills_its_lines() {
    let folder = Folder::new();
    for command in
        ["", "sdgc", "infer", "beyond", "bench", "convert", "report", "data", "data fetch sdgc"]
    {
        for width in [70, 80, 100] {
            let mut help = folder.command(&format!("{command} --help"));
            let output = help.env("COLUMNS", width.to_string()).output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                let [line, next] = [pair[0], pair[1]];
                let is_text = |line: &str| line.starts_with(|first: char| !first.is_whitespace());
                if is_text(line) && is_text(next) {
                    let word = next.split_whitespace().next().unwrap();
                    let needed = line.chars().count() + 1 + word.chars().count();
                    assert!(needed > width, "{command}, {width} columns: {line}\n{next}");
                }
            }
        }
    }
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
    for line in ["completions bash", "man", "help sdgc", "demo --inputs 3 --layers 2 --device cpu"] {
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

#[test]
fn devices_name_the_kernels() {
    let folder = Folder::new();
    let devices: serde_json::Value = serde_json::from_str(&folder.done("devices --json")).unwrap();
    let taken = devices["cpu"]["kernels"].as_str().unwrap();
    assert_eq!(devices["cpu"]["available"][0], taken);
    assert!(devices["cpu"]["threads"].as_u64().unwrap() >= 1);
    let all = ["available", "unavailable"].map(|key| devices["cpu"][key].as_array().unwrap().len());
    assert_eq!(all[0] + all[1], snicit::InstructionSet::ALL.len());
    assert!(folder.done("devices").contains(&format!("{taken} (taken)")));
}

/// Where there is no GPU, `auto` computes on the CPU and says why in one line; `cuda` says why not.
#[test]
fn without_a_gpu() {
    let folder = Folder::new();
    let devices: serde_json::Value = serde_json::from_str(&folder.done("devices --json")).unwrap();
    let Some(reason) = devices["cuda"]["unavailable"].as_str() else {
        return;
    };
    let line = "demo --inputs 20 --layers 3";
    let auto = folder.command(line).output().unwrap();
    assert!(auto.status.success());
    let note = String::from_utf8_lossy(&auto.stderr).into_owned();
    assert!(note.starts_with("note: computing on the CPU") && note.lines().count() == 1, "{note}");
    for device in ["cuda", "cuda:1"] {
        let cuda = folder.command(&format!("{line} --device {device}")).output().unwrap();
        assert_eq!(cuda.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&cuda.stderr), format!("error: {reason}\n"));
        assert!(cuda.stdout.is_empty());
    }
    let cpu = folder.command(&format!("{line} --device cpu")).output().unwrap();
    assert!(cpu.status.success() && cpu.stderr.is_empty());
}

/// A log that is closed (`2>&1 | head`) stops nothing and changes no exit code.
#[test]
fn nobody_need_read_standard_error() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("data")).unwrap();
    let status = |arguments: &str| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        folder.command(arguments).stdout(Stdio::null()).stderr(writer).status().unwrap().code()
    };
    assert_eq!(status("bench table1 --quick -o r --budget 60s"), Some(0));
    assert!(folder.path("r/table1.json").exists());
    assert_eq!(status("inspect missing.safetensors"), Some(2));
}
