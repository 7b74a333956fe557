//! From one file format to another, without loss.
//!
//! Networks and inputs are told apart by the source: see [`Format::of_source`]. Numbers come out with the bits
//! they went in with; what a format cannot hold is an error, and what it loses beside the numbers a note.

mod format;
mod inputs;
mod networks;

use std::path::Path;

pub use format::{Format, Kind};
use snicit::Activation;

use crate::{DataError, Progress};

/// What files do not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Neurons a layer of the challenge's layer files, or features of its inputs, where the names do not tell.
    pub width: Option<usize>,
    /// The bias of all neurons that goes with files that hold none (layer files, single matrices), be they
    /// read or written. For layer files of the challenge's widths it is the challenge's otherwise.
    pub bias: Option<f32>,
    /// The activation that goes with single matrices, be they read or written.
    pub activation: Option<Activation>,
    /// The number of inputs in the challenge's file, where the last ones have no feature.
    pub inputs: Option<usize>,
    /// The array of an archive that holds the inputs, where it holds several.
    pub member: Option<String>,
    /// Whether numbers that are no float32 may be rounded.
    pub allow_rounding: bool,
}

/// What was converted.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// What was written.
    pub content: Content,
    /// One sentence each: what the target does not hold, or was rounded.
    pub notes: Vec<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A network.
    Network {
        /// Its layers.
        layers: usize,
        /// Connections of all layers.
        connections: u64,
    },
    /// Inputs, or another array.
    Inputs {
        /// The shape; the first dimension counts inputs.
        shape: Vec<usize>,
        /// numpy's name of the type.
        type_name: &'static str,
    },
}

/// Reads `source` and writes the same to `target`, whatever is there.
///
/// # Errors
/// If the source cannot be read, the target's format cannot hold it, or the target cannot be written.
pub fn convert(
    source: (&Path, Kind, Format),
    target: (&Path, Format),
    options: &Options,
    layer_done: Progress<'_>,
) -> Result<Converted, DataError> {
    let (from, kind, format) = source;
    match kind {
        Kind::Network => networks::convert((from, format), target, options, layer_done),
        Kind::Inputs => inputs::convert((from, format), target, options),
    }
}

/// Refuses rounding, or notes it.
fn rounding(place: &Path, rounded: u64, options: &Options) -> Result<Option<String>, DataError> {
    match rounded {
        0 => Ok(None),
        _ if options.allow_rounding => {
            let note = crate::Rounded { value: (), rounded }.note().unwrap_or_default();
            Ok(Some(format!("{}: {note}", place.display())))
        }
        _ => {
            let what = "the number of values that are no float32";
            Err(DataError::unexpected(
                place.display(),
                what,
                rounded.to_string(),
                "0, unless rounding is allowed",
            ))
        }
    }
}
