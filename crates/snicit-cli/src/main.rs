//! The `snicit` command: sparse-DNN inference from the shell.
//!
//! Arguments in, library calls, tables or JSON out; each subcommand is a file of [`commands`].

// What is told is no reason to stop: `stderr`, and for results `stdout`, take care of readers that have gone.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod cli;
mod commands;
mod destination;
mod device;
mod exit;
mod extras_args;
mod measures;
mod memory;
mod network_args;
mod progress;
mod snicit_args;
mod source;
mod stderr;
mod stdout;
mod table;
mod timing;
mod units;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Usage errors end here, with exit code 2 like every other failure.
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(verdict) => verdict.into(),
        Err(failure) => failure.report(),
    }
}
