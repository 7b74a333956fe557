//! Stage 1, pre-convergence: plain feed-forward up to the threshold layer, by any method.

use crate::cpu::feed_forward::FeedForwardMethod;
use crate::cpu::run::{Run, Source};
use crate::{Column, Error};

/// `Y(t)`: the columns of `source` after the first `threshold_layer` layers.
///
/// # Errors
/// [`Error::Cancelled`].
pub(super) fn pass(
    method: &dyn FeedForwardMethod,
    run: &Run<'_>,
    source: Source<'_>,
    threshold_layer: usize,
) -> Result<Vec<Column>, Error> {
    method.pass(run, source, 0..threshold_layer)
}
