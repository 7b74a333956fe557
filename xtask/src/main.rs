//! Development tasks: `cargo xtask check`, `cargo xtask dist`, `cargo xtask gpu-bundle`.

mod check;
mod dist;
mod gpu_bundle;
mod process;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK

Tasks:
  check       format, lints, documentation and tests of the whole workspace; stops at the first failure
  dist        the release binary, manual pages and completions, in target/dist
  gpu-bundle  the GPU tests, ready to run on a machine without Rust, in target/gpu-bundle";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check::run(),
        ["dist"] => dist::run(),
        ["gpu-bundle"] => gpu_bundle::run(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
