//! Run time against one variable.

use super::common::{Drawn, grouped, legend, methods, with_inputs};
use crate::numbers::count;
use crate::plot::{Line, Lines, Panel, Plot, Point, Series};
use crate::record::{Inference, ResultFile};
use crate::statistics;
use crate::task::Workload;

/// Run time of SNICIT against one variable, a panel a workload.
pub(super) fn lines(
    result: &ResultFile,
    x_label: &str,
    variable: impl Fn(&Inference<'_>) -> usize,
) -> Drawn {
    let panel = |(_, workloads): (String, Vec<&Workload>)| {
        let workload = workloads[0];
        let inferences: Vec<_> = result.inferences().filter(|i| i.workload == workload).collect();
        let mut values: Vec<usize> = inferences.iter().map(&variable).collect();
        values.sort_unstable();
        values.dedup();
        let point = |inference: &Inference<'_>| {
            let totals = inference.measurement.totals_ms();
            let (low, high) = statistics::range(&totals);
            let category = values.binary_search(&variable(inference)).unwrap_or(0);
            Point { category, value: statistics::median(&totals), low, high }
        };
        let mut points: Vec<Point> = inferences.iter().map(point).collect();
        points.sort_unstable_by_key(|point| point.category);
        let line = Line { series: Series::Fourth, points };
        Panel {
            title: with_inputs(workload.name(), workload),
            plot: Plot::Lines(Lines {
                x_label: x_label.to_owned(),
                y_label: "run time, ms".to_owned(),
                categories: values.iter().map(|&value| count(value as u64)).collect(),
                lines: vec![line],
            }),
        }
    };
    let panels: Vec<Panel> = grouped(result, Workload::name).into_iter().map(panel).collect();
    let columns = if panels.len() == 4 { 2 } else { 3 };
    (legend(&methods(result), true), panels, columns)
}
