use std::path::PathBuf;

use snicit_bench::compare::{Comparison, compare, grids};
use snicit_bench::store::read_result;

use crate::exit::{Failure, Verdict};
use crate::{stderr, stdout};

/// Compare two results: medians, speed-up with its interval, and a verdict where the noise allows one
///
/// The interval is a bootstrap of the ratio of the medians (95 %). The second is called faster or slower only
/// if the interval lies more than 2 % away from equality and both have at least five repetitions.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The result to start from, such as before/table3.json
    #[arg(value_name = "A.json")]
    before: PathBuf,

    /// The result to judge
    #[arg(value_name = "B.json")]
    after: PathBuf,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Example:
  snicit bench compare before/table3.json after/table3.json";

pub(super) fn run(args: &Args) -> Result<Verdict, Failure> {
    let (before, after) = (read_result(&args.before)?, read_result(&args.after)?);
    let comparison = compare(&before, &after);
    if comparison.points.is_empty() {
        let (a, b) = (args.before.display(), args.after.display());
        let grids = grids(&before, &after).map_or_else(String::new, |grids| format!("; {grids}"));
        return Err(Failure::new(format!("{a} and {b} have no timed point in common{grids}")));
    }
    if args.json {
        stdout::print_json(&json(&comparison))?;
    } else {
        stdout::print(&super::rendered(&comparison.table()))?;
    }
    for line in comparison.cautions.iter().chain(&comparison.alone) {
        stderr::note(line);
    }
    Ok(Verdict::Done)
}

fn json(comparison: &Comparison) -> serde_json::Value {
    let point = |point: &snicit_bench::compare::Compared| {
        serde_json::json!({
            "point": point.what,
            "before_ms": point.before_ms,
            "after_ms": point.after_ms,
            "speed_up": point.speed_up.ratio,
            "interval_95": [point.speed_up.low, point.speed_up.high],
            "verdict": point.verdict.text(),
        })
    };
    serde_json::json!({
        "schema": 1,
        "points": comparison.points.iter().map(point).collect::<Vec<_>>(),
        "alone": comparison.alone,
        "cautions": comparison.cautions,
    })
}
