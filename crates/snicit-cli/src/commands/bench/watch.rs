//! Tells of a sweep's progress: a bar where standard error is a terminal, else a line a point.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use snicit_bench::numbers::significant;
use snicit_bench::record::{Finding, Record, ResultFile};
use snicit_bench::{Store, Task, TimeLeft, Watch, output};

use super::interrupt::Progress;
use crate::exit::Failure;
use crate::progress::Bar;
use crate::{stderr, stdout};

pub(super) struct Console<'a> {
    store: &'a Store,
    /// Whether tables go to standard output.
    tables: bool,
    terminal: bool,
    points: RefCell<usize>,
    bar: RefCell<Option<Bar>>,
    failure: RefCell<Option<Failure>>,
    progress: Arc<Progress>,
}

impl<'a> Console<'a> {
    pub(super) fn new(store: &'a Store, tables: bool) -> Self {
        Console {
            store,
            tables,
            terminal: std::io::stderr().is_terminal(),
            points: RefCell::new(0),
            bar: RefCell::new(None),
            failure: RefCell::new(None),
            progress: Progress::told_when_interrupted(),
        }
    }

    /// What went wrong while files were written.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.borrow_mut().take()
    }

    fn say(&self, line: &str) {
        match &*self.bar.borrow() {
            Some(bar) => bar.line(line),
            None => stderr::line(line),
        }
    }

    /// So many points are decided.
    fn advance(&self, number: usize) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.set(number as u64, None);
        }
    }

    fn tell_of_result(&self, result: &ResultFile) -> Result<(), Failure> {
        let files = output::write(self.store, result)?;
        if self.tables {
            let text = super::text(result);
            match &*self.bar.borrow() {
                Some(bar) => bar.suspended(|| stdout::print(&text))?,
                None => stdout::print(&text)?,
            }
        }
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        self.say(&format!("wrote {}", names.join(", ")));
        if let Some(shortfall) = result.shortfall() {
            self.say(&format!("note: {shortfall}"));
        }
        Ok(())
    }
}

impl Watch for Console<'_> {
    fn begins(&self, points: usize, finished: usize) {
        self.points.replace(points);
        self.progress.begin(points, finished);
        let kept =
            if finished > 0 { format!(", {finished} of them finished before") } else { String::new() };
        stderr::line(format_args!("{points} points{kept}"));
        if self.terminal {
            let bar = Bar::points(points as u64);
            bar.set(finished as u64, None);
            self.bar.replace(Some(bar));
        }
    }

    fn point_begins(&self, number: usize, task: &Task, left: Option<TimeLeft>) {
        let left = left.map_or_else(String::new, |left| format!(", {} left", told(left)));
        match &*self.bar.borrow() {
            Some(bar) => bar.message(format!("{}{left}", task.describe())),
            None => stderr::line(format_args!(
                "[{number}/{}] {}{left}",
                self.points.borrow(),
                task.describe()
            )),
        }
    }

    fn point_not_run(&self, number: usize, _task: &Task) {
        self.advance(number);
    }

    fn point_ends(&self, number: usize, record: &Record) {
        self.progress.keep_one();
        self.advance(number);
        if let Finding::Inference(measurement) = &record.finding {
            let (ms, n) = (significant(measurement.median_ms()), measurement.repetitions.len());
            self.say(&format!("  {}: {ms} ms, median of {n}", record.task.describe()));
        }
    }

    fn note(&self, note: &str) {
        self.say(&format!("note: {note}"));
    }

    fn result_ends(&self, result: &ResultFile) {
        if let Err(failure) = self.tell_of_result(result) {
            self.failure.borrow_mut().get_or_insert(failure);
        }
    }
}

/// The time that is left as people say it.
fn told(left: TimeLeft) -> String {
    match left {
        TimeLeft::About(duration) => format!("about {}", rounded(duration)),
        TimeLeft::AtLeast(duration) => format!("at least {}", rounded(duration)),
        TimeLeft::AtMost(duration) => format!("at most {}", rounded(duration)),
    }
}

fn rounded(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..90 => format!("{seconds} s"),
        seconds @ 90..5400 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(told(TimeLeft::About(Duration::from_secs(89))), "about 89 s");
        assert_eq!(told(TimeLeft::AtMost(Duration::from_secs(150))), "at most 3 min");
        assert_eq!(told(TimeLeft::AtLeast(Duration::from_secs(5400))), "at least 1.5 h");
    }
}
