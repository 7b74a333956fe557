//! SNICIT (Jiang et al., ICPP 2023) in its four stages, a module each; [`persistent_update`] and [`alike`] belong to
//! [`post_convergence`].

mod alike;
mod conversion;
mod persistent_update;
mod post_convergence;
mod pre_convergence;
mod recovery;

use snicit::{Error, SnicitOptions};

use crate::clock::Stage;
use crate::columns::Columns;
use crate::early_exit::ThresholdExit;
use crate::feed_forward::FeedForwardMethod;
use crate::run::Run;
pub(crate) use conversion::Conversion;
pub(crate) use persistent_update::{MIN_LAYERS_A_LAUNCH, PersistentUpdate};
pub(crate) use post_convergence::{PerLayerUpdate, PostConvergence};

/// A network prepared for SNICIT.
pub(crate) struct Snicit {
    /// The layers up to the threshold layer.
    pub(crate) pre_convergence: Box<dyn FeedForwardMethod>,
    pub(crate) threshold_layer: usize,
    pub(crate) conversion: Conversion,
    /// The layers behind the threshold layer.
    pub(crate) post_convergence: PostConvergence,
}

impl Snicit {
    /// Puts the stages together.
    pub(crate) fn new(
        pre_convergence: Box<dyn FeedForwardMethod>,
        threshold_layer: usize,
        neurons: usize,
        options: &SnicitOptions,
        post_convergence: PostConvergence,
    ) -> Self {
        let conversion = Conversion::new(options, neurons);
        Snicit { pre_convergence, threshold_layer, conversion, post_convergence }
    }

    /// Sends `columns` through all stages, or through the first alone if `exit` allows it; gives the columns after
    /// the last layer and the index of the count of centroids.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the driver says.
    pub(crate) fn infer(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
        exit: Option<ThresholdExit>,
    ) -> Result<(Columns, usize), Error> {
        let layers = self.threshold_layer;
        let mut columns = pre_convergence::pass(&*self.pre_convergence, run, columns, layers)?;
        run.stage_done(Stage::PreConvergence)?;
        let mut checked = None;
        if let Some(exit) = exit
            && let Some(found) = exit.check(run, columns)?
        {
            (columns, checked) = (found.0, Some(found.1));
        }
        let converted = self.conversion.convert(run, columns)?;
        run.stage_done(Stage::Conversion)?;
        let converted = self.post_convergence.pass(run, converted)?;
        run.stage_done(Stage::PostConvergence)?;
        let columns = recovery::recover(run, &converted)?;
        if let Some(checked) = checked {
            checked.fill(run, columns)?;
        }
        let columns = self.pre_convergence.expand(run, columns)?;
        Ok((columns, converted.centroid_count))
    }
}
