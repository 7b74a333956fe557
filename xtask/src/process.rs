//! Runs programs at the root of the workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace: the folder above this package.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The cargo that runs this task.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace()).current_dir(root());
    command
}

/// Says what is run, runs it, and fails if it fails.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let line = line_of(&command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed ({status}): {line}")),
        Err(error) => Err(format!("could not run {line}: {error}")),
    }
}

/// What the program writes to its standard output.
pub(crate) fn output(mut command: Command) -> Result<Vec<u8>, String> {
    let line = line_of(&command);
    match command.output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(format!("failed ({}): {line}", output.status)),
        Err(error) => Err(format!("could not run {line}: {error}")),
    }
}

fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
