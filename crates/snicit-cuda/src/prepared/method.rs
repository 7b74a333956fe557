//! A method with the layers of a network in its form.

use crate::feed_forward::FeedForwardMethod;
use crate::snicit::{PostConvergence, Snicit};

pub(super) enum PreparedMethod {
    FeedForward(Box<dyn FeedForwardMethod>),
    Snicit(Box<Snicit>),
}

impl PreparedMethod {
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
