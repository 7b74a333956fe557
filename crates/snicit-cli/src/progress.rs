//! Progress bars on standard error; shown only when that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use snicit::Observer;

use crate::stderr;

/// A bar that runs while it lives and leaves nothing behind.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar for `total` units of work.
    pub(crate) fn new(what: impl Into<String>, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_message(what.into());
        Bar(styled(bar, "{msg} {wide_bar} {percent:>3} % {eta:>4}"))
    }

    /// A sign of life for work whose size is not known.
    pub(crate) fn unmeasured(what: impl Into<String>) -> Self {
        let bar =
            styled(ProgressBar::new_spinner().with_message(what.into()), "{spinner} {msg} {elapsed}");
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar(bar)
    }

    /// A bar for bytes that come in.
    pub(crate) fn bytes(what: impl Into<String>) -> Self {
        let bar = ProgressBar::no_length().with_message(what.into());
        let template = "{msg} {wide_bar} {bytes} of {total_bytes} {bytes_per_sec} {eta:>4}";
        Bar(styled(bar, template))
    }

    /// A bar for the points of a sweep; the message says how much time is left.
    pub(crate) fn points(total: u64) -> Self {
        Bar(styled(ProgressBar::new(total), "{wide_bar} {pos}/{len}\n{msg}"))
    }

    /// What is being done.
    pub(crate) fn message(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// Writes a line to standard error that stays, above the bar.
    pub(crate) fn line(&self, line: &str) {
        self.suspended(|| stderr::line(line));
    }

    /// Does something that writes to the terminal, the bar out of its way.
    pub(crate) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// `done` units are done of `total`, if that is known.
    pub(crate) fn set(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }

    /// `units` more are done.
    pub(crate) fn advance(&self, units: u64) {
        self.0.inc(units);
    }
}

/// The template is a constant of this file; were it wrong, a plain bar is good enough.
fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Observer for Bar {
    fn advanced(&self, column_layers: u64) {
        self.advance(column_layers);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
