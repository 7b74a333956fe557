use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::{Failure, Verdict};
use crate::stdout;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const AFTER_HELP: &str = "\
Examples:
  snicit completions bash > ~/.local/share/bash-completion/completions/snicit
  snicit completions zsh > \"${fpath[1]}/_snicit\"
  snicit completions fish > ~/.config/fish/completions/snicit.fish";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "snicit", &mut script);
    stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(Verdict::Done)
}
