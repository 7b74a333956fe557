use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A temporary folder in which commands run; its subfolder `data` is the data folder.
pub(crate) struct Folder(TempDir);

/// What a command left.
pub(crate) struct Ran {
    pub(crate) line: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, contents: &str) {
        fs::write(self.path(name), contents).unwrap();
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snicit"));
        command.args(line.split_whitespace()).current_dir(self.0.path());
        command.env("SNICIT_DATA", self.path("data")).env("SNICIT_CACHE_DIR", self.path("cache"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs `snicit LINE`. What it says of a missing GPU is left out of the standard error.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let of_the_gpu = |line: &&str| line.starts_with("note: computing on the CPU");
        let stderr = text(output.stderr);
        Ran {
            line: line.to_owned(),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: stderr.split_inclusive('\n').filter(|line| !of_the_gpu(line)).collect(),
        }
    }

    /// Runs `snicit LINE`, which must do it, and gives its standard output.
    pub(crate) fn done(&self, line: &str) -> String {
        let ran = self.run(line);
        ran.expect(0);
        ran.stdout
    }
}

impl Ran {
    /// Fails unless the exit code is `code`.
    pub(crate) fn expect(&self, code: i32) {
        let Ran { line, stdout, stderr, .. } = self;
        assert_eq!(self.code, Some(code), "snicit {line}\nstdout: {stdout}\nstderr: {stderr}");
        assert!(!stderr.contains("panicked"), "snicit {line}: {stderr}");
    }
}

/// A benchmark small enough for a test and yet with survivors: 1024 neurons, 24 layers, 600 inputs, and
/// the truth, in the data folder.
pub(crate) fn benchmark() -> Folder {
    let folder = Folder::new();
    folder.done("data generate -l 24 --seed 3");
    folder.done("data digits --inputs 600 --seed 3");
    folder.done("data truth -l 24");
    folder
}

/// The official files that lie beside the checkout, where they do.
pub(crate) fn official_subset() -> Option<PathBuf> {
    shared("the official subset", "sdgc-1024-official-subset")
}

/// A folder of the data beside the checkout, if it is there; else says what is skipped.
pub(crate) fn shared(test: &str, below: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(below);
    if folder.is_dir() {
        return Some(folder);
    }
    // Not `eprintln`, which a passing test swallows.
    writeln!(std::io::stderr(), "skipped: {test} needs ../shared/data/{below}").ok();
    None
}
