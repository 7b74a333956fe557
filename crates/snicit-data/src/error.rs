use std::io;
use std::path::{Path, PathBuf};

use crate::model::ModelProblem;

/// What can go wrong when networks and inputs are read, written or made.
///
/// A message is complete in itself: it names the file (as the caller gave it), the line where there is
/// one (counted from 1), what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder is missing or cannot be read.
    #[error("{file}: could not be read: {reason}")]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A file cannot be written. Nothing was left under its name.
    #[error("{file}: could not be written: {reason}")]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A gzip file ends before its contents do.
    #[error("{file}: the gzip data end too early, the file is truncated")]
    GzipTruncated {
        /// The file.
        file: PathBuf,
    },
    /// A gzip file is damaged.
    #[error("{file}: the gzip data are corrupt: {reason}")]
    GzipCorrupt {
        /// The file.
        file: PathBuf,
        /// What the decoder stumbled over.
        reason: String,
    },
    /// A tar archive is damaged.
    #[error("{file}: the tar archive is damaged: {reason}")]
    Archive {
        /// The archive.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a text file is not what it should be.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A text file has no line at all.
    #[error("{file}: the file is empty, expected lines of {expected}")]
    Empty {
        /// The file.
        file: PathBuf,
        /// The fields of a line.
        expected: &'static str,
    },
    /// The file of a layer does not exist.
    #[error(
        "{file}: layer {layer} of {layers} is missing; {present} of these layers exist, the highest layer \
         present is {highest}"
    )]
    LayerMissing {
        /// The file that was expected.
        file: PathBuf,
        /// The missing layer, 1-based.
        layer: usize,
        /// Layers that were asked for.
        layers: usize,
        /// How many of the layers asked for exist.
        present: usize,
        /// The highest layer number in the folder, 0 if there is none.
        highest: usize,
    },
    /// A layer that the challenge's files cannot express.
    #[error("layer {layer} cannot be written to a layer file: it has {found}, expected {expected}")]
    LayerNotWritable {
        /// The layer, 1-based.
        layer: usize,
        /// What the layer has.
        found: String,
        /// What the files can hold.
        expected: String,
    },
    /// A file of images is not in the IDX format it should be in.
    #[error("{file}: {what} is {found}, expected {expected}")]
    Idx {
        /// The file.
        file: PathBuf,
        /// The part of the file.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A file could not be fetched.
    #[error("{url}: could not be fetched: {reason}")]
    Fetch {
        /// Its address.
        url: String,
        /// Why not, and what can be done.
        reason: String,
    },
    /// What was fetched is not what it should be. It was removed.
    #[error("{url}: what was fetched is wrong and was removed: {reason}")]
    Content {
        /// Its address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A request that cannot be met.
    #[error("{what} is {found}, expected {expected}")]
    InvalidRequest {
        /// What was asked for.
        what: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// The file of a trained network, or one that goes with it, is not what it should be.
    #[error("{file}: {problem}")]
    ModelFile {
        /// The file or folder.
        file: PathBuf,
        /// What is wrong with it.
        problem: ModelProblem,
    },
    /// The library refuses the network.
    #[error(transparent)]
    Model(#[from] snicit::Error),
}

/// What can be wrong with one line of a text file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// A field is not the number it should be.
    #[error("{field} is {found}, expected {expected}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The number found, or the quoted text, or `empty`.
        found: String,
        /// What the field may be.
        expected: String,
    },
    /// Too few or too many fields.
    #[error("the line has {found} tab-separated fields, expected {expected}")]
    FieldCount {
        /// Fields found.
        found: usize,
        /// The fields there should be.
        expected: &'static str,
    },
    /// The line is empty, but it is not the end of the file.
    #[error("the line is empty, expected {expected}")]
    EmptyLine {
        /// The fields there should be.
        expected: &'static str,
    },
    /// No text of the expected kind has lines that long.
    #[error("the line is longer than {limit} bytes, expected {expected}")]
    TooLong {
        /// The longest line that is accepted.
        limit: usize,
        /// The fields there should be.
        expected: &'static str,
    },
    /// This connection was given in an earlier line.
    #[error("the connection from input neuron {input} to output neuron {output} is given twice")]
    DuplicateConnection {
        /// Input neuron, 1-based.
        input: u32,
        /// Output neuron, 1-based.
        output: u32,
    },
    /// This feature was given in an earlier line.
    #[error("feature {feature} of image {image} is given twice")]
    DuplicateFeature {
        /// Image, 1-based.
        image: u32,
        /// Feature, 1-based.
        feature: u32,
    },
}

impl DataError {
    pub(crate) fn line(file: &Path, line: u64, problem: LineProblem) -> Self {
        DataError::Line { file: file.to_owned(), line, problem }
    }

    pub(crate) fn read(file: &Path, reason: io::Error) -> Self {
        DataError::Read { file: file.to_owned(), reason }
    }

    pub(crate) fn write(file: &Path, reason: io::Error) -> Self {
        DataError::Write { file: file.to_owned(), reason }
    }
}
