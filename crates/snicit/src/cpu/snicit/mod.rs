//! SNICIT (Jiang et al., ICPP 2023) in its four stages, a module each.

mod conversion;
mod post_convergence;
mod pre_convergence;
mod recovery;

use std::time::Instant;

use super::feed_forward::FeedForwardMethod;
use super::run::{BatchResult, Run, Source};
use crate::Error;
use crate::engine::StageTimes;
pub(super) use conversion::Conversion;
pub(super) use post_convergence::PostConvergence;

/// A network prepared for SNICIT.
pub(super) struct Snicit {
    /// The layers up to the threshold layer.
    pub(super) pre_convergence: Box<dyn FeedForwardMethod>,
    pub(super) threshold_layer: usize,
    pub(super) conversion: Conversion,
    /// The layers behind the threshold layer.
    pub(super) post_convergence: PostConvergence,
}

impl Snicit {
    /// Sends `source` through all stages.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn infer(&self, run: &Run<'_>, source: Source<'_>) -> Result<BatchResult, Error> {
        let mut times = StageTimes::default();

        let start = Instant::now();
        let layers = self.threshold_layer;
        let columns = pre_convergence::pass(&*self.pre_convergence, run, source, layers)?;
        times.pre_convergence = start.elapsed();
        if run.exited().is_some() {
            return Ok(BatchResult { columns, times, centroids: Some(0) });
        }

        let start = Instant::now();
        let converted = self.conversion.convert(run, columns)?;
        let centroids = Some(converted.centroids.len());
        times.conversion = start.elapsed();

        let start = Instant::now();
        let converted = self.post_convergence.pass(run, converted)?;
        times.post_convergence = start.elapsed();

        let start = Instant::now();
        let columns = recovery::recover(run, converted)?;
        times.recovery = start.elapsed();

        Ok(BatchResult { columns, times, centroids })
    }
}
