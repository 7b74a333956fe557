//! Ctrl-C during a sweep: what is kept is said before the command ends.

use std::io::Write;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What shells give a command that Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// How far a sweep is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    all: AtomicUsize,
    kept: AtomicUsize,
}

impl Progress {
    /// The progress of a sweep that is about to begin; from now on Ctrl-C says it and ends the command.
    pub(super) fn told_when_interrupted() -> Arc<Self> {
        let progress = Arc::new(Progress::default());
        let told = Arc::clone(&progress);
        let handler = move || {
            if let Some(line) = told.line() {
                // Where standard error is closed, nobody wants to know.
                writeln!(std::io::stderr(), "\n{line}").ok();
            }
            process::exit(INTERRUPTED);
        };
        // Where no handler can be set, Ctrl-C ends the command without a word, as it always does.
        ctrlc::set_handler(handler).ok();
        progress
    }

    pub(super) fn begin(&self, all: usize, kept: usize) {
        self.all.store(all, Ordering::Relaxed);
        self.kept.store(kept, Ordering::Relaxed);
    }

    pub(super) fn keep_one(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    fn line(&self) -> Option<String> {
        let (all, kept) = (self.all.load(Ordering::Relaxed), self.kept.load(Ordering::Relaxed));
        (all > 0).then(|| format!("{kept} of {all} points are kept; the same command goes on"))
    }
}
