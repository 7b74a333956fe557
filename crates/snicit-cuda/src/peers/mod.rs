//! What a user would get without us: networks computed layer by layer with NVIDIA's libraries, to be timed
//! beside our methods.
//!
//! cuSPARSE multiplies the sparse weights of a layer with all columns (SpMM), cuBLAS the same weights as a
//! dense matrix (SGEMM in float32, no TF32); a kernel of ours adds the bias and applies the bounds. No column
//! is dropped, because the libraries know no such thing. The libraries are loaded at run time from where NVRTC
//! is looked for, too; nothing is linked.
//!
//! The clock runs as for our methods: from the first product, with weights and inputs as float32 on the GPU in
//! the order that suits the library, until it is known on the host which columns are not zero.

mod batch;
mod cublas;
mod cusparse;
mod handle;
mod library;
mod prepared;
mod product;

use std::path::Path;
use std::sync::Arc;

use snicit::{Error, Network, Prepared};

use crate::engine::CudaEngine;
use crate::{CudaError, CudaOptions};
use library::Library;
use prepared::PreparedPeer;

/// A library of NVIDIA that can compute a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerLibrary {
    /// Sparse times dense.
    CuSparse,
    /// Dense times dense.
    CuBlas,
}

impl PeerLibrary {
    /// Both.
    pub const ALL: [PeerLibrary; 2] = [PeerLibrary::CuSparse, PeerLibrary::CuBlas];

    /// `cuSPARSE` or `cuBLAS`.
    pub fn name(self) -> &'static str {
        match self {
            PeerLibrary::CuSparse => "cuSPARSE",
            PeerLibrary::CuBlas => "cuBLAS",
        }
    }
}

/// A library that was found and works on an engine's GPU.
#[derive(Debug, Clone)]
pub struct Peer {
    engine: CudaEngine,
    library: Arc<Library>,
}

impl Peer {
    /// Loads `library` for the GPU of `engine`.
    ///
    /// # Errors
    /// [`CudaError::LibraryMissing`] if it is not found or refuses the GPU.
    pub fn new(engine: &CudaEngine, library: PeerLibrary) -> Result<Self, CudaError> {
        let library = Arc::new(Library::open(engine.device(), library)?);
        Ok(Peer { engine: engine.clone(), library })
    }

    /// Which library it is.
    pub fn library(&self) -> PeerLibrary {
        self.library.kind()
    }

    /// Its version as it gives it, and where it was found.
    pub fn version(&self) -> (i32, &Path) {
        (self.library.version(), self.library.path())
    }

    /// Why a network with layers of these inputs and outputs cannot be computed, as far as that can be told before
    /// there is one: as dense matrices its weights may be larger than the GPU.
    pub fn refusal(&self, layers: &[(usize, usize)]) -> Option<String> {
        if self.library() != PeerLibrary::CuBlas {
            return None;
        }
        let bytes = cublas::dense_bytes(layers.iter().copied());
        let (_, memory) = self.engine.device().memory().ok()?;
        let (gb, memory_gb) = (bytes as f64 / 1e9, memory as f64 / 1e9);
        let most = memory_gb * cublas::WEIGHTS_SHARE;
        (gb > most).then(|| {
            format!(
                "as dense matrices the weights take {gb:.0} GB; of the GPU's {memory_gb:.0} GB they may take {most:.0}"
            )
        })
    }

    /// Makes `network` ready. Times are divided at `threshold_layer` as for our feed-forward methods. Which of
    /// the library's algorithms and orders is fastest is measured with the first batch of each size, before
    /// its clock starts; [`Prepared::notes`] says which.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`] if the weights do not fit the GPU, or what the driver says.
    pub fn prepare(
        &self,
        network: &Network,
        threshold_layer: usize,
    ) -> Result<Box<dyn Prepared>, Error> {
        let CudaOptions { keep_batch_size, .. } = *self.engine.options();
        let threshold_layer = threshold_layer.min(network.layers().len());
        let gpu = self.engine.gpu()?;
        let library = Arc::clone(&self.library);
        Ok(Box::new(PreparedPeer::new(gpu, library, network, threshold_layer, keep_batch_size)?))
    }
}
