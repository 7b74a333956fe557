//! Stage 1, pre-convergence: plain feed-forward up to the threshold layer, by any method.

use snicit::Error;

use crate::columns::Columns;
use crate::feed_forward::FeedForwardMethod;
use crate::run::Run;

/// `Y(t)`: `columns` after the first `threshold_layer` layers.
///
/// # Errors
/// [`Error::Cancelled`], or what the driver says.
pub(super) fn pass(
    method: &dyn FeedForwardMethod,
    run: &mut Run<'_>,
    columns: Columns,
    threshold_layer: usize,
) -> Result<Columns, Error> {
    let columns = method.pass(run, columns, 0..threshold_layer)?;
    Ok(method.hand_over(run, columns, threshold_layer)?)
}
