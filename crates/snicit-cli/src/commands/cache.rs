use clap::Subcommand;
use snicit_data::cache::{Entry, State};

use crate::exit::{Failure, Verdict};
use crate::units::{bytes, counted};
use crate::{source, stdout};

/// Show or empty the cache of networks and inputs
///
/// What `sdgc`, `inspect` and `data truth` read from text they leave there in a binary form, and load it
/// from there as long as the files have the same path, size and times. The cache lies in
/// $SNICIT_CACHE_DIR, else in snicit in the XDG cache folder. It may be removed at any time.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  snicit cache list
  snicit cache prune      after data was removed or changed";

#[derive(Debug, Subcommand)]
enum Command {
    /// List the files, what they hold and what they were made from
    List,
    /// Remove what is out of date, damaged or left over
    Prune,
    /// Remove everything
    Clear,
}

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let cache = source::cache()?;
    let folder = cache.folder().display();
    let text = match args.command {
        Command::List => {
            let entries = cache.entries()?;
            let lines: String = entries.iter().map(line).collect();
            format!("{lines}{} in {folder}\n", total(&entries))
        }
        Command::Prune => format!("removed {} from {folder}\n", total(&cache.prune()?)),
        Command::Clear => format!("removed {} from {folder}\n", total(&cache.clear()?)),
    };
    stdout::print(&text)?;
    Ok(Verdict::Done)
}

fn line(entry: &Entry) -> String {
    let state = match entry.state {
        State::Current => "current",
        State::Stale => "out of date",
        State::Unusable => "unusable",
        State::Temporary => "temporary",
    };
    // Without a source, the file itself is all there is to name.
    let path = entry.source.as_ref().unwrap_or(&entry.file).display();
    format!("{:>10}  {state:11}  {}  {path}\n", bytes(entry.bytes), entry.what)
}

fn total(entries: &[Entry]) -> String {
    let sum = entries.iter().map(|entry| entry.bytes).sum();
    format!("{} ({})", counted(entries.len() as u64, "file"), bytes(sum))
}
