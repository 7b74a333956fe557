//! Who is measured.

use snicit::{Engine, Network, Prepared};

use crate::environment::{Environment, Library};
use crate::task::{Task, Workload};

/// Another library that computes networks on the engine's device, to be timed beside our methods.
pub trait Peer {
    /// Its name, which stands where methods have theirs.
    fn name(&self) -> &str;

    /// Why a network with layers of these inputs and outputs cannot be computed there, as far as that can be told
    /// before there is one.
    fn refusal(&self, layers: &[(usize, usize)]) -> Option<String>;

    /// Makes a network ready; times are divided at `threshold_layer` of the whole network.
    ///
    /// # Errors
    /// If it cannot be computed there.
    fn prepare(
        &self,
        network: &Network,
        threshold_layer: usize,
    ) -> Result<Box<dyn Prepared>, snicit::Error>;
}

/// What infers: the engine, and libraries beside it.
#[derive(Clone, Copy)]
pub struct Contestants<'a> {
    /// Computes our methods.
    pub engine: &'a dyn Engine,
    /// Compared with it.
    pub peers: &'a [Box<dyn Peer>],
    /// What both depend on, as far as it is known.
    pub libraries: &'a [Library],
}

impl Contestants<'_> {
    /// This machine now, with the engine's device.
    pub(crate) fn environment(&self) -> Environment {
        Environment::current(self.engine.device(), self.libraries.to_vec())
    }

    /// The names of the peers.
    pub fn peer_names(&self) -> Vec<&str> {
        self.peers.iter().map(|peer| peer.name()).collect()
    }

    /// Why a task is none for the peer that should do it.
    pub(crate) fn refusal(&self, task: &Task) -> Option<String> {
        let Task::Inference { method, workload: Workload::Sdgc { neurons, layers, .. }, .. } = task
        else {
            return None;
        };
        let peer = self.peers.iter().find(|peer| peer.name() == method)?;
        peer.refusal(&vec![(*neurons, *neurons); *layers])
    }
}
