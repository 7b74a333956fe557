//! Results as tables of text: the same on the terminal and on the page.

mod graph_challenge;
mod trained;

use graph_challenge::{fig6, sweep, table1, table3};
use trained::{fig1, fig11, fig12, table4};

use crate::numbers::{percent, significant};
use crate::published;
use crate::record::{Inference, ResultFile};
use crate::result_id::ResultId;
use crate::statistics;
use crate::task::Workload;

/// Rows of text under a header; the first column names the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// As many fields each as the header has.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Table { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, fields: impl IntoIterator<Item = String>) {
        let fields: Vec<String> = fields.into_iter().collect();
        debug_assert_eq!(fields.len(), self.header.len());
        self.rows.push(fields);
    }
}

/// What is not known.
const NONE: &str = "–";
/// The column of the smallest and the largest repetition.
pub(crate) const RANGE: &str = "min – max";

/// The table of a result, ours beside the published figures.
pub fn table(result: &ResultFile) -> Table {
    match result.result {
        ResultId::Table1 => table1(result),
        ResultId::Table3 => table3(result),
        ResultId::Fig6 => fig6(result),
        ResultId::Fig7 => shares(result),
        ResultId::Fig8 => sweep(result, "t", |inference| inference.threshold_layer as u64),
        ResultId::Fig9 => sweep(result, "B", |inference| inference.batch as u64),
        ResultId::Table4 => table4(result),
        ResultId::Fig10 => shares(result),
        ResultId::Fig11 => fig11(result),
        ResultId::Fig12 => fig12(result),
        ResultId::Fig1 => fig1(result),
    }
}

/// The inference of a workload by a method, the first if there are several.
pub(crate) fn of<'a>(
    result: &'a ResultFile,
    workload: &Workload,
    method: &str,
) -> Option<Inference<'a>> {
    result.inferences().find(|inference| inference.workload == workload && inference.method == method)
}

/// The median time of a layer behind the threshold layer, µs; nothing where there is no such layer.
fn median_post_layer_us(inference: &Inference<'_>) -> Option<f64> {
    inference.measurement.post_layer_ms().map(|layer| statistics::median(&layer) * 1e3)
}

/// Names of the four stages.
pub(crate) const STAGES: [&str; 4] = ["pre-convergence", "conversion", "post-convergence", "recovery"];

fn shares(result: &ResultFile) -> Table {
    let mut table = Table::new(["", "total, ms", STAGES[0], STAGES[1], STAGES[2], STAGES[3]]);
    let row = |name: String, total: String, stages: [f64; 4]| {
        let sum: f64 = stages.iter().sum();
        [name, total].into_iter().chain(stages.map(|stage| percent(stage / sum)))
    };
    for inference in result.inferences() {
        let stages = inference.measurement.median_stages_ms();
        let total = significant(inference.measurement.median_ms());
        table.row(row(inference.workload.name(), total, stages));
        if let Workload::Sdgc { neurons, layers, .. } = *inference.workload
            && let Some(stages) = published::artifact_stages_ms(neurons, layers)
        {
            let total = significant(stages.iter().sum());
            table.row(row("    artifact on H100".to_owned(), total, stages));
        }
    }
    table
}

/// A difference of shares in percentage points.
pub(crate) fn points(difference: f64) -> String {
    let text = format!("{:.2}", difference * 100.0);
    if text == "-0.00" { "0.00".to_owned() } else { text.replace('-', "−") }
}
