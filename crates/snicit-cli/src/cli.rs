//! The command line as a whole.

use clap::{Parser, Subcommand};

use crate::commands::{
    bench, beyond, cache, completions, convert, data, demo, devices, infer, inspect, man, report, sdgc,
};
use crate::exit::{Failure, Verdict};

/// Inference in sparse deep neural networks: SNICIT, XY-2021, SNIG-2020 and BF-2019.
#[derive(Debug, Parser)]
#[command(name = "snicit", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  snicit demo                          the four methods on a generated network
  snicit sdgc -m XY -n 1024 -l 120     a Graph Challenge benchmark
  snicit beyond -k A                   a trained network
  snicit infer net.safetensors in.npy  a network of your own
  snicit bench all --quick             the paper's tables and figures, reduced
  snicit help data generate            help of a subcommand

Exit code: 0 done, 1 the answer differs from the truth, 2 could not do it. \
Results go to standard output, everything else to standard error.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Sdgc(sdgc::Args),
    Beyond(beyond::Args),
    Infer(infer::Args),
    Bench(bench::Args),
    Report(report::Args),
    Data(data::Args),
    Convert(convert::Args),
    Inspect(inspect::Args),
    Devices(devices::Args),
    Cache(cache::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Cli {
    /// Runs the subcommand that was asked for.
    pub(crate) fn run(self) -> Result<Verdict, Failure> {
        match self.command {
            Command::Demo(args) => demo::run(&args),
            Command::Sdgc(args) => sdgc::run(&args),
            Command::Beyond(args) => beyond::run(&args),
            Command::Infer(args) => infer::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Data(args) => data::run(&args),
            Command::Convert(args) => convert::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Devices(args) => devices::run(&args),
            Command::Cache(args) => cache::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
