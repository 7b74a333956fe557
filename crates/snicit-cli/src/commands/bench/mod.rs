mod compare;
mod interrupt;
mod watch;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use snicit_bench::measure::Repetitions;
use snicit_bench::record::ResultFile;
use snicit_bench::tables;
use snicit_bench::{Contestants, Grid, ResultId, Store, Sweep, Workloads, grid};

use crate::device::{DeviceArgs, LargeBatch, Opened};
use crate::exit::{Failure, Verdict};
use crate::network_args::DataArgs;
use crate::{args, destination, source, stdout, table};
use watch::Console;

/// Measure the tables and figures of the paper
///
/// Each is written as JSON, CSV, SVG and PNG. A point that is finished is kept: the same command, run again,
/// goes on where it was interrupted. Networks and inputs come from the data folder; what is missing there is
/// generated, and every result says so.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// all, or some of table1 fig1 table3 fig6 fig7 fig8 fig9 table4 fig10 fig11 fig12
    #[arg(value_name = "RESULT", required = true, value_parser = chosen)]
    results: Vec<Chosen>,

    /// Fewer inputs and networks: minutes on a laptop, every figure keeps its shape
    #[arg(long)]
    quick: bool,

    /// The folder of the results
    #[arg(short, long, value_name = "DIR", default_value = "results")]
    output: PathBuf,

    /// Repetitions of each inference [default: 3 to 9 if quick, else 5 to 25, fewer where they take long]
    #[arg(long, value_name = "COUNT", value_parser = args::count)]
    repetitions: Option<usize>,

    /// Take about so long in all, as in 300s or 5min: few repetitions; first SNICIT and XY-2021, then BF-2019 and
    /// SNIG-2020, then other libraries, and what would take longer than is left is not run [default: 9min if quick]
    #[arg(long, value_name = "TIME", value_parser = budget)]
    budget: Option<Duration>,

    /// Do not time cuSPARSE and cuBLAS beside our methods on a GPU
    #[arg(long)]
    no_peers: bool,

    #[command(flatten)]
    data: DataArgs,

    /// Read the files themselves; neither load from the cache nor write to it
    #[arg(long)]
    no_cache: bool,

    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Args),
}

/// Quick means minutes, whatever else the machine does.
const QUICK: Duration = Duration::from_secs(9 * 60);

const AFTER_HELP: &str = "\
Examples:
  snicit bench all --quick                      every table and figure, reduced
  snicit bench table3 fig8 --device cuda -o h100
  snicit bench all --device cuda --budget 300s  what fits five minutes
  snicit report results                         one HTML page of them
  snicit bench compare old/table3.json new/table3.json

On a GPU, cuSPARSE and cuBLAS are timed in Table 3, Table 4 and Figure 11 where they are installed. The other \
results compare our methods only; the t-SNE of Figure 1 runs on the CPU.

Times do not include loading and preparing. Exit code: 0 done, also where budget, memory or another library left \
points out; 1 an answer is wrong; 2 could not do it, or points are missing because their data are.";

/// A type of its own because several names stand for one argument.
#[derive(Debug, Clone)]
enum Chosen {
    All,
    One(ResultId),
}

fn chosen(name: &str) -> Result<Chosen, String> {
    if name.eq_ignore_ascii_case("all") {
        return Ok(Chosen::All);
    }
    let names = ResultId::ALL.map(ResultId::name).join(", ");
    name.parse().map(Chosen::One).map_err(|_| format!("expected all, or one of {names}"))
}

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    if let Some(Command::Compare(args)) = &args.command {
        return compare::run(args);
    }
    let folder = source::existing_data_folder(&args.data)?;
    destination::make_folder(&args.output)?;
    let grid = if args.quick { Grid::Quick } else { Grid::Full };
    let sweep = Sweep {
        results: wanted(&args.results),
        grid,
        repetitions: match (args.repetitions, args.budget) {
            (Some(repetitions), _) => Repetitions::exactly(repetitions),
            (None, Some(_)) => Repetitions::within_a_budget(),
            (None, None) => Repetitions::of(grid),
        },
        budget: args.budget.or(args.quick.then_some(QUICK)),
        command: command_line(),
    };
    let cache = if args.no_cache { None } else { source::cache().ok() };
    let Opened { engine, peers, libraries } =
        args.device.open_with_peers(LargeBatch::Halve, !args.no_peers && compares(&sweep.results))?;
    let contestants = Contestants { engine: &*engine, peers: &peers, libraries: &libraries };
    let store = Store::new(&args.output);
    let console = Console::new(&store, !args.json);
    let results = sweep.run(contestants, Workloads::new(folder, cache), &store, &console)?;
    if let Some(failure) = console.failure() {
        return Err(failure);
    }
    if args.json {
        stdout::print_json(&serde_json::json!({ "schema": 1, "results": results }))?;
    }
    if results.iter().any(|result| result.wrong().next().is_some()) {
        return Ok(Verdict::WrongAnswer);
    }
    match not_run(&results) {
        0 => Ok(Verdict::Done),
        1 => {
            Err(Failure::new("one point was not run for a reason that can be mended; a note says which"))
        }
        points => Err(Failure::new(format!(
            "{points} points were not run for reasons that can be mended; notes say which"
        ))),
    }
}

/// How many points are missing although budget, memory and other libraries would have allowed them.
fn not_run(results: &[ResultFile]) -> usize {
    // Results share points.
    let tasks: HashSet<_> =
        results.iter().flat_map(ResultFile::failed).map(|point| &point.task).collect();
    tasks.len()
}

/// Whether other libraries appear in any of these results.
fn compares(results: &[ResultId]) -> bool {
    let points = |id, peers: &[&str]| grid::tasks_with(id, Grid::Quick, peers).len();
    results.iter().any(|&id| points(id, &["another"]) > points(id, &[]))
}

/// A duration with its unit: `300s`, `5min`.
fn budget(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = match unit {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("expected a time with its unit, as in 300s, 5min or 2h".to_owned()),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("{number} is no number"))?;
    let duration = Duration::try_from_secs_f64(number * seconds).ok().filter(|time| !time.is_zero());
    duration.ok_or_else(|| "expected a time above zero".to_owned())
}

/// The results, each once, in the order in which they are run.
fn wanted(chosen: &[Chosen]) -> Vec<ResultId> {
    let named = |id: &ResultId| {
        chosen.iter().any(|chosen| match chosen {
            Chosen::All => true,
            Chosen::One(one) => one == id,
        })
    };
    ResultId::ALL.into_iter().filter(named).collect()
}

/// The command as it was typed, for the record.
fn command_line() -> String {
    let quoted = |argument: String| {
        if argument.contains(char::is_whitespace) { format!("'{argument}'") } else { argument }
    };
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("snicit".to_owned()).chain(arguments.map(quoted)).collect::<Vec<_>>().join(" ")
}

/// A result as a table for the terminal.
fn text(result: &ResultFile) -> String {
    let id = result.result;
    let remark = result.grid.remark().map_or_else(String::new, |remark| format!(" ({remark})"));
    let table = tables::table(result);
    let mut text = format!("{}. {}{remark}\n", id.label(), id.title());
    if !table.rows.is_empty() {
        text.push_str(&rendered(&table));
    }
    text.push('\n');
    text
}

fn rendered(table: &tables::Table) -> String {
    let mut rendered = table::NumberTable::new(table.header.clone());
    for row in &table.rows {
        rendered.row(&row[0], row[1..].iter().cloned());
    }
    rendered.render()
}
