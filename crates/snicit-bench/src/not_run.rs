//! Why points are not run, and what that means for the results that lack them.

use serde::{Deserialize, Serialize};

use crate::numbers::count;
use crate::record::{NotRun, ResultFile};

/// The kind of reason for which a point is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its data are missing or damaged.
    Data,
    /// The engine refused it.
    Engine,
    /// It would not fit the memory.
    Memory,
    /// Another library cannot compute it.
    Peer,
    /// It would take longer than is left.
    Budget,
}

impl Cause {
    /// Whether nothing is to be mended: a budget, this machine's memory and other libraries have their limits.
    pub fn is_expected(self) -> bool {
        match self {
            Cause::Data | Cause::Engine => false,
            Cause::Memory | Cause::Peer | Cause::Budget => true,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Cause::Data => "for want of data",
            Cause::Engine => "refused by the engine",
            Cause::Memory => "for want of memory",
            Cause::Peer => "beyond another library",
            Cause::Budget => "beyond the budget",
        }
    }
}

impl ResultFile {
    /// Points that are missing although budget, memory and other libraries would have allowed them.
    pub fn failed(&self) -> impl Iterator<Item = &NotRun> {
        self.not_run.iter().filter(|point| !point.cause.is_expected())
    }

    /// How many points were not run and why, in one sentence; nothing if all were run.
    pub fn shortfall(&self) -> Option<String> {
        let (missing, all) = (self.not_run.len(), self.records.len() + self.not_run.len());
        let first = self.not_run.first()?;
        let of = |n: usize| count(n as u64);
        let begin =
            format!("{} of {} points of {} were not run", of(missing), of(all), self.result.label());
        if self.not_run.iter().all(|point| point.reason == first.reason) {
            return Some(format!("{begin}: {}", first.reason));
        }
        let mut causes: Vec<Cause> = self.not_run.iter().map(|point| point.cause).collect();
        causes.sort_unstable();
        let parts: Vec<String> = causes
            .chunk_by(PartialEq::eq)
            .map(|alike| format!("{} {}", of(alike.len()), alike[0].text()))
            .collect();
        Some(format!("{begin}: {}", parts.join(", ")))
    }
}
