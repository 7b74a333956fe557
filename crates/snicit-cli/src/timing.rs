//! Times of an inference: repeated, as text, as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use snicit::{Outcome, Report, StageTimes};

use crate::exit::Failure;
use crate::memory;
use crate::units::{as_ms, bytes, ms_digits};

/// Runs `infer` `repeat` times, after a warm-up if that is more than once. The outcome has the output of the
/// first and the report of the one with the median total time.
pub(crate) fn repeated(
    repeat: usize,
    mut infer: impl FnMut() -> Result<Outcome, Failure>,
) -> Result<Outcome, Failure> {
    let Outcome { output, report, .. } = infer()?;
    if repeat <= 1 {
        return Ok(Outcome::new(output, report));
    }
    let reports: Result<Vec<Report>, Failure> = (0..repeat).map(|_| Ok(infer()?.report)).collect();
    let mut reports = reports?;
    reports.sort_by_key(|report| report.times.total());
    Ok(Outcome::new(output, reports.swap_remove((repeat - 1) / 2)))
}

/// The times of the stages in milliseconds, in JSON.
#[derive(Serialize)]
pub(crate) struct TimesJson {
    pre_convergence: f64,
    conversion: f64,
    post_convergence: f64,
    recovery: f64,
    total: f64,
}

impl From<&StageTimes> for TimesJson {
    fn from(times: &StageTimes) -> Self {
        TimesJson {
            pre_convergence: as_ms(times.pre_convergence),
            conversion: as_ms(times.conversion),
            post_convergence: as_ms(times.post_convergence),
            recovery: as_ms(times.recovery),
            total: as_ms(times.total()),
        }
    }
}

/// Lines of a name, a number and its unit, the numbers aligned.
pub(crate) struct Lines {
    text: String,
    /// Digits behind the point of times.
    digits: usize,
}

impl Lines {
    /// For times up to `largest`.
    pub(crate) fn new(largest: Duration) -> Self {
        Lines { text: String::new(), digits: ms_digits(as_ms(largest)) }
    }

    pub(crate) fn add(&mut self, name: &str, value: &str, unit: &str) {
        let line = format!("{name:18}{value:>12} {unit}");
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    pub(crate) fn ms(&mut self, name: &str, time: Duration, unit: &str) {
        let digits = self.digits;
        self.add(name, &format!("{:.digits$}", as_ms(time)), unit);
    }

    /// The stages and their sum; `layer_ms` is the average of a layer behind the threshold layer.
    pub(crate) fn stages(&mut self, times: &StageTimes, layer_ms: Option<f64>) {
        let layer = layer_ms.map_or_else(|| "ms".to_owned(), |layer| format!("ms, {layer:.3} a layer"));
        self.ms("pre-convergence", times.pre_convergence, "ms");
        self.ms("conversion", times.conversion, "ms");
        self.ms("post-convergence", times.post_convergence, &layer);
        self.ms("recovery", times.recovery, "ms");
        self.ms("total", times.total(), "ms");
    }

    /// What comes before the inference, and memory; the time of loading with its unit.
    pub(crate) fn setup(
        &mut self,
        (load, loaded): (Duration, &str),
        prepare: Duration,
        upload: Duration,
    ) {
        self.ms("loading", load, loaded);
        self.ms("preparing", prepare, "ms");
        if !upload.is_zero() {
            self.ms("uploading", upload, "ms, outside the total");
        }
        self.add("peak memory", &memory::peak().map_or_else(|| "unknown".to_owned(), bytes), "");
    }

    pub(crate) fn render(self) -> String {
        self.text
    }
}
