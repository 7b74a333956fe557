//! What runs the GPU tests on a machine without Rust and without a network.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{self, cargo, root, target};

/// Where the bundle goes, below the target folder.
const FOLDER: &str = "gpu-bundle";

/// Test executables of the CUDA crate, by name.
const TESTS: &[&str] = &["gpu", "kernels"];

/// Runs everything; see `docs/gpu-testing.md`.
const RUNNER: &str = r#"#!/bin/sh
# Runs the GPU tests of snicit and then, with arguments, the benchmarks named: ./run 1024-120 4096-120
# Needs an NVIDIA driver and NVRTC (for example from PyTorch's Python packages); nothing is installed.
cd "$(dirname "$0")" || exit 2
export SNICIT_REQUIRE_GPU=1 SNICIT_REQUIRE_NVRTC=1
failed=0
for test in tests/*; do
    echo "== $test"
    "./$test" || failed=1
done
if [ $# -gt 0 ]; then
    echo "== sdgc $*"
    if [ -f train-images-idx3-ubyte.gz ]; then set -- "$@" --mnist train-images-idx3-ubyte.gz; fi
    ./sdgc --cpu "$@" || failed=1
fi
exit $failed
"#;

pub(crate) fn run() -> Result<(), String> {
    let profile = ["--config", "profile.release.strip=\"symbols\""];
    let mut build = cargo("build --release --package snicit-cuda --tests --examples");
    build.args(profile);
    process::run(build)?;
    let mut build = cargo("build --release --package snicit-cli");
    build.args(profile);
    process::run(build)?;

    let bundle = target().join(FOLDER);
    // Executables of earlier builds must not be left in it.
    match fs::remove_dir_all(&bundle) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot empty {}: {error}", bundle.display()));
        }
        _ => {}
    }
    let tests = bundle.join("tests");
    fs::create_dir_all(&tests).map_err(|error| format!("cannot make {}: {error}", tests.display()))?;
    let release = target().join("release");
    for name in TESTS {
        copy(&newest_test(&release.join("deps"), name)?, &tests.join(name))?;
    }
    for example in ["sdgc", "batches"] {
        copy(&release.join("examples").join(example), &bundle.join(example))?;
    }
    copy(&release.join("snicit"), &bundle.join("snicit"))?;
    let images = root().join("../shared/data/mnist/train-images-idx3-ubyte.gz");
    if images.is_file() {
        copy(&images, &bundle.join("train-images-idx3-ubyte.gz"))?;
    }
    let runner = bundle.join("run");
    fs::write(&runner, RUNNER).map_err(|error| format!("cannot write {}: {error}", runner.display()))?;
    make_executable(&runner)?;
    println!("wrote {}", bundle.display());
    Ok(())
}

/// The test executable `name-HASH` that was built last.
fn newest_test(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file = entry.file_name();
        let hash = file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('-'));
        if hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            let built = entry.metadata().and_then(|metadata| metadata.modified()).map_err(unreadable)?;
            found.push((built, entry.path()));
        }
    }
    let newest =
        found.into_iter().max().ok_or_else(|| format!("no test {name} in {}", folder.display()))?;
    Ok(newest.1)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    Ok(())
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("cannot make {} executable: {error}", file.display()))
}

#[cfg(not(unix))]
fn make_executable(_file: &Path) -> Result<(), String> {
    Ok(())
}
