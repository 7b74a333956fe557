//! What a release ships.

use std::fs;
use std::process::Command;

use crate::process::{self, cargo, target};

/// The shells, with the file name each expects.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "snicit.bash"),
    ("zsh", "_snicit"),
    ("fish", "snicit.fish"),
    ("powershell", "_snicit.ps1"),
];

pub(crate) fn run() -> Result<(), String> {
    let mut build = cargo("build --release --package snicit-cli");
    build.args(["--config", "profile.release.strip=\"symbols\""]);
    process::run(build)?;

    let name = format!("snicit{}", std::env::consts::EXE_SUFFIX);
    let dist = target().join("dist");
    let (man, completions) = (dist.join("man"), dist.join("completions"));
    for folder in [&dist, &man, &completions] {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let binary = dist.join(&name);
    let built = target().join("release").join(&name);
    fs::copy(&built, &binary).map_err(|error| format!("cannot copy {}: {error}", built.display()))?;

    let mut pages = Command::new(&binary);
    pages.args(["man", "--output"]).arg(&man);
    process::run(pages)?;
    for (shell, file) in COMPLETIONS {
        let mut command = Command::new(&binary);
        command.args(["completions", shell]);
        let file = completions.join(file);
        fs::write(&file, process::output(command)?)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    println!("wrote {}", dist.display());
    Ok(())
}
