//! Development tasks: `cargo xtask check`, `cargo xtask dist`.

mod check;
mod dist;
mod process;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK

Tasks:
  check  format, lints, documentation and tests of the whole workspace; stops at the first failure
  dist   the release binary, manual pages and completions, in target/dist";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check::run(),
        ["dist"] => dist::run(),
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
