use std::io;
use std::path::PathBuf;

use snicit_data::DataError;

/// What can go wrong when experiments are run, kept, drawn or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A network or inputs cannot be read or made.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file or folder of results cannot be read.
    #[error("{file}: could not be read: {reason}")]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file of results is not what was written.
    #[error("{file}: this is no intact result file: {problem}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A figure cannot be turned into pixels.
    #[error("the figure {figure} could not be drawn: {reason}")]
    Drawing {
        /// The figure.
        figure: String,
        /// What the renderer said.
        reason: String,
    },
    /// There is nothing to compare or to show.
    #[error("{0}")]
    Nothing(String),
}
