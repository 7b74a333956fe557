use std::path::PathBuf;

use snicit_bench::{Store, output};

use crate::exit::{Failure, Verdict};
use crate::stderr;
use crate::units::counted;
use crate::{destination, stdout};

/// Make one HTML page of the results of `snicit bench`
///
/// The page needs no network and no other file: tables, plots and fonts are inside. A damaged result is named
/// and left out.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The folder of the results
    #[arg(value_name = "DIR", default_value = "results")]
    folder: PathBuf,

    /// The file to write [default: report.html in DIR]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  snicit report results
  snicit report h100 -o h100.html";

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let file = args.output.clone().unwrap_or_else(|| args.folder.join("report.html"));
    let store = Store::new(&args.folder);
    let results = store.results()?;
    for problem in &results.skipped {
        stderr::note(format_args!("skipped: {problem}"));
    }
    if results.results.is_empty() {
        let folder = args.folder.display();
        let kept = store.kept_points();
        if kept > 0 {
            let points = counted(kept as u64, "finished point");
            return Err(Failure::new(format!(
                "no table or figure in {folder} has all its points yet; {points} of a sweep are kept in \
                 {folder}/points, and the command that began it, run again, goes on"
            )));
        }
        return Err(Failure::new(format!(
            "there is no intact result in {folder}; `snicit bench all --quick -o {folder}` makes them"
        )));
    }
    destination::check_file(&file)?;
    output::write_page(&file, &results)?;
    let results = counted(results.results.len() as u64, "result");
    stdout::print(&format!("wrote {results} to {}\n", file.display()))?;
    Ok(Verdict::Done)
}
