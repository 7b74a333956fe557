//! How the command ends: 0 done, 1 the answer is wrong, 2 could not do it.

use std::fmt;
use std::process::ExitCode;

use crate::stderr;

/// What a subcommand that ran to its end found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done; every answer that was checked is right.
    Done,
    /// An answer differs from the truth.
    WrongAnswer,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => ExitCode::SUCCESS,
            Verdict::WrongAnswer => ExitCode::from(1),
        }
    }
}

/// Why a subcommand could not do its work: one sentence for the user.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure(message.into())
    }

    /// Tells the user and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        stderr::line(format_args!("error: {self}"));
        ExitCode::from(2)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<snicit::Error> for Failure {
    fn from(error: snicit::Error) -> Self {
        Failure::new(error.to_string())
    }
}

impl From<snicit_cuda::CudaError> for Failure {
    fn from(error: snicit_cuda::CudaError) -> Self {
        Failure::new(error.to_string())
    }
}

impl From<snicit_data::DataError> for Failure {
    fn from(error: snicit_data::DataError) -> Self {
        Failure::new(error.to_string())
    }
}

impl From<snicit_bench::BenchError> for Failure {
    fn from(error: snicit_bench::BenchError) -> Self {
        Failure::new(error.to_string())
    }
}
