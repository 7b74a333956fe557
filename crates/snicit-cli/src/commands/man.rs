use std::path::PathBuf;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::{Failure, Verdict};
use crate::{destination, stdout};

/// Print the manual page, in roff
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The subcommand whose page to print; without one, that of snicit
    #[arg(value_name = "SUBCOMMAND")]
    subcommand: Vec<String>,

    /// Write the pages of all subcommands to this folder instead
    #[arg(short, long, value_name = "DIR", conflicts_with = "subcommand")]
    output: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  snicit man | man -l -
  snicit man data generate > snicit-data-generate.1
  snicit man -o ~/.local/share/man/man1";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    if let Some(folder) = &args.output {
        destination::make_folder(folder)?;
        clap_mangen::generate_to(command, folder).map_err(|error| {
            Failure::new(format!("cannot write the manual pages to {}: {error}", folder.display()))
        })?;
        return Ok(Verdict::Done);
    }
    // Gives subcommands their full names and the options that are handed down.
    command.build();
    for name in &args.subcommand {
        command = match command.find_subcommand(name) {
            Some(subcommand) => subcommand.clone(),
            None => {
                let parent = command.get_display_name().unwrap_or("snicit").replace('-', " ");
                return Err(Failure::new(format!("`{parent}` has no subcommand {name}")));
            }
        };
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::new(format!("cannot write the manual page: {error}")))?;
    stdout::print(&String::from_utf8_lossy(&page))?;
    Ok(Verdict::Done)
}
