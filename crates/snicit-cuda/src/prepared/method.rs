//! A method with the layers of a network in its form.

use std::ops::Range;

use snicit::Error;

use crate::CudaError;
use crate::clock::Stage;
use crate::columns::Columns;
use crate::early_exit::ThresholdExit;
use crate::engine::Gpu;
use crate::feed_forward::FeedForwardMethod;
use crate::run::Run;
use crate::snicit::{PostConvergence, Snicit};
use crate::workspace::Workspace;

pub(super) enum PreparedMethod {
    FeedForward(Box<dyn FeedForwardMethod>),
    Snicit(Box<Snicit>),
}

impl PreparedMethod {
    /// What takes the inputs.
    fn first(&self) -> &dyn FeedForwardMethod {
        match self {
            PreparedMethod::FeedForward(method) => &**method,
            PreparedMethod::Snicit(snicit) => &*snicit.pre_convergence,
        }
    }

    /// Whether it is given all inputs and drops the empty ones itself.
    pub(super) fn takes_empty_inputs(&self) -> bool {
        self.first().takes_empty_inputs()
    }

    /// Does what can be done before the clock starts for batches of `batch` inputs. `passes` are the layers up to
    /// the threshold layer and those behind it.
    pub(super) fn make_ready(
        &self,
        gpu: &Gpu,
        workspace: &mut Workspace,
        batch: usize,
        passes: &[Range<usize>; 2],
    ) -> Result<(), CudaError> {
        let passes = match self {
            PreparedMethod::FeedForward(_) => &passes[..],
            PreparedMethod::Snicit(_) => &passes[..1],
        };
        self.first().make_ready(gpu, workspace, batch, passes)
    }

    /// Sends `columns` through all layers, or through the first `threshold` alone if `exit` allows it; gives the
    /// columns after the last layer and, for SNICIT, the index of the count of centroids.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the driver says.
    pub(super) fn infer(
        &self,
        run: &mut Run<'_>,
        mut columns: Columns,
        threshold: usize,
        exit: Option<ThresholdExit>,
    ) -> Result<(Columns, Option<usize>), Error> {
        let method = match self {
            PreparedMethod::FeedForward(method) => method,
            PreparedMethod::Snicit(snicit) => {
                let (columns, centroid_count) = snicit.infer(run, columns, exit)?;
                return Ok((columns, Some(centroid_count)));
            }
        };
        let layers = run.layers;
        run.ends_with_the_last_layer();
        columns = method.pass(run, columns, 0..threshold)?;
        let mut checked = None;
        if threshold < layers {
            run.stages_done(&[Stage::PreConvergence, Stage::Conversion])?;
            if let Some(exit) = exit
                && let Some(found) = exit.check(run, columns)?
            {
                (columns, checked) = (found.0, Some(found.1));
            }
            columns = method.pass(run, columns, threshold..layers)?;
        }
        columns = method.hand_over(run, columns, layers)?;
        if let Some(checked) = checked {
            checked.fill(run, columns)?;
        }
        // What is recorded behind a stage is launched by itself, which costs microseconds.
        let stages = [Stage::PreConvergence, Stage::Conversion, Stage::PostConvergence];
        run.stages_done(if threshold < layers { &stages[2..] } else { &stages })?;
        Ok((columns, None))
    }

    /// Whether all it sends can be recorded.
    pub(super) fn can_be_recorded(&self) -> bool {
        match self {
            PreparedMethod::FeedForward(method) => method.can_be_recorded(),
            PreparedMethod::Snicit(snicit) => {
                snicit.pre_convergence.can_be_recorded()
                    && !snicit.post_convergence.weights().is_streamed()
            }
        }
    }

    pub(super) fn update_note(&self) -> Option<String> {
        let PreparedMethod::Snicit(snicit) = self else { return None };
        let PostConvergence::Persistent(update) = &snicit.post_convergence else { return None };
        let plural = if update.launches() == 1 { "" } else { "es" };
        Some(format!("post-convergence update in {} launch{plural}", update.launches()))
    }

    pub(super) fn weights_note(&self) -> String {
        let stores = match self {
            PreparedMethod::FeedForward(method) => vec![method.weights()],
            PreparedMethod::Snicit(snicit) => {
                vec![snicit.pre_convergence.weights(), snicit.post_convergence.weights()]
            }
        };
        let megabytes = stores.iter().map(|store| store.bytes()).sum::<u64>() as f64 / 1e6;
        if stores.iter().any(|store| store.is_streamed()) {
            format!("weights: {megabytes:.1} MB, streamed from the host")
        } else {
            format!("weights: {megabytes:.1} MB on the GPU")
        }
    }
}
