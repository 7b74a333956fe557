mod compare;
mod watch;

use std::path::PathBuf;

use clap::Subcommand;
use snicit_bench::measure::Repetitions;
use snicit_bench::record::ResultFile;
use snicit_bench::tables;
use snicit_bench::{Grid, ResultId, Store, Sweep, Workloads};

use crate::device::{DeviceArgs, LargeBatch};
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

const AFTER_HELP: &str = "\
Examples:
  snicit bench all --quick                      every table and figure, reduced
  snicit bench table3 fig8 --device cuda -o h100
  snicit report results                         one HTML page of them
  snicit bench compare old/table3.json new/table3.json

Times do not include loading and preparing. Exit code: 0 done, 1 an answer is wrong, 2 could not do it.";

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
    destination::make_folder(&args.output)?;
    let grid = if args.quick { Grid::Quick } else { Grid::Full };
    let sweep = Sweep {
        results: wanted(&args.results),
        grid,
        repetitions: args.repetitions.map_or_else(|| Repetitions::of(grid), Repetitions::exactly),
        command: command_line(),
    };
    let folder = source::data_folder(&args.data)?;
    let cache = if args.no_cache { None } else { source::cache().ok() };
    let engine = args.device.open(LargeBatch::Halve)?;
    let store = Store::new(&args.output);
    let console = Console::new(&store, !args.json);
    let results = sweep.run(&*engine, Workloads::new(folder, cache), &store, &console)?;
    if let Some(failure) = console.failure() {
        return Err(failure);
    }
    if args.json {
        stdout::print_json(&serde_json::json!({ "schema": 1, "results": results }))?;
    }
    let wrong = results.iter().any(|result| result.wrong().next().is_some());
    Ok(if wrong { Verdict::WrongAnswer } else { Verdict::Done })
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
