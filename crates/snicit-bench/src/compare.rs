//! Two results side by side: what became faster or slower, as far as the noise lets one say.

use crate::differences::{self, Difference};
use crate::grouping::{describe, grouped};
use crate::numbers::significant;
use crate::record::{Record, ResultFile};
use crate::result_id::Grid;
use crate::statistics::{self, Ratio, Verdict};
use crate::tables::Table;
use crate::task::Task;

/// A point that both results have.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What was done.
    pub what: String,
    /// Median total of the first result, ms.
    pub before_ms: f64,
    /// Median total of the second, ms.
    pub after_ms: f64,
    /// Before over after: how many times faster the second is.
    pub speed_up: Ratio,
    /// What may be said.
    pub verdict: Verdict,
}

/// All points of two results.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Points of both.
    pub points: Vec<Compared>,
    /// Points of one only, a phrase each.
    pub alone: Vec<String>,
    /// What makes the comparison less than it seems, a sentence each.
    pub cautions: Vec<String>,
}

/// Compares the timed points of two results by their tasks.
pub fn compare(before: &ResultFile, after: &ResultFile) -> Comparison {
    let timed = |result: &ResultFile| -> Vec<(Record, Vec<f64>)> {
        let of = |record: &Record| Some((record.clone(), record.measurement()?.totals_ms()));
        result.records.iter().filter_map(of).collect()
    };
    let (first, mut second) = (timed(before), timed(after));
    let mut comparison =
        Comparison { points: Vec::new(), alone: Vec::new(), cautions: cautions(before, after) };
    let mut other_data: Vec<(Difference, Task)> = Vec::new();
    for (record, a) in first {
        let Some(place) = second.iter().position(|(other, _)| other.task == record.task) else {
            comparison.alone.push(format!("only in the first: {}", record.task.describe()));
            continue;
        };
        let (other, b) = second.remove(place);
        let of_data = differences::of_sources(&record.sources, &other.sources);
        other_data.extend(of_data.into_iter().map(|found| (found, record.task.clone())));
        let speed_up = statistics::ratio(&a, &b);
        comparison.points.push(Compared {
            what: record.task.describe(),
            before_ms: statistics::median(&a),
            after_ms: statistics::median(&b),
            speed_up,
            verdict: statistics::verdict(&a, &b, &speed_up),
        });
    }
    for (Difference { what, before, after }, tasks) in grouped(other_data) {
        let points = describe(&tasks);
        comparison.cautions.push(format!("{points}: {what} differs: {before} and {after}"));
    }
    let rest =
        second.iter().map(|(record, _)| format!("only in the second: {}", record.task.describe()));
    comparison.alone.extend(rest);
    comparison
}

/// That two results are of different grids, which have few points or none in common.
pub fn grids(before: &ResultFile, after: &ResultFile) -> Option<String> {
    let name = |grid| match grid {
        Grid::Quick => "reduced",
        Grid::Full => "full",
    };
    let (first, second) = (before.grid, after.grid);
    (first != second).then(|| {
        format!("the first is of the {} grid, the second of the {} one", name(first), name(second))
    })
}

fn cautions(before: &ResultFile, after: &ResultFile) -> Vec<String> {
    let (a, b) = (&before.environment, &after.environment);
    let mut cautions = Vec::from_iter(grids(before, after));
    for Difference { what, before, after } in differences::of_environments(a, b) {
        cautions.push(format!("{what} differs: {before} and {after}"));
    }
    for (which, count) in [("first", before.busy()), ("second", after.busy())] {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            cautions.push(format!("the machine was busy during {count} point{plural} of the {which}"));
        }
    }
    cautions
}

impl Comparison {
    /// The points as a table.
    pub fn table(&self) -> Table {
        let header = ["", "first, ms", "second, ms", "speed-up", "95 % interval", "the second is"];
        let mut table = Table::new(header);
        for point in &self.points {
            let Ratio { ratio, low, high } = point.speed_up;
            table.row([
                point.what.clone(),
                significant(point.before_ms),
                significant(point.after_ms),
                format!("{ratio:.2}×"),
                format!("{low:.2} – {high:.2}"),
                point.verdict.text().to_owned(),
            ]);
        }
        table
    }
}
