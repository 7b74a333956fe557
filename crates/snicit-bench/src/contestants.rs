//! Who is measured.

use snicit::{Engine, Network, Prepared};

/// Another library that computes networks on the engine's device, to be timed beside our methods.
pub trait Peer {
    /// Its name, which stands where methods have theirs.
    fn name(&self) -> &str;

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
}

impl Contestants<'_> {
    /// The names of the peers.
    pub fn peer_names(&self) -> Vec<&str> {
        self.peers.iter().map(|peer| peer.name()).collect()
    }
}
