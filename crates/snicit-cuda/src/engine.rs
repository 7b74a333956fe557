use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::CudaStream;
use snicit::{Engine, Error, Network, Plan, Prepared};

use crate::CudaError;
use crate::dense::DenseLimits;
use crate::layout::SlabShape;
use crate::prepared::CudaPrepared;
use crate::runtime::{CubinCache, Device, Kernel, Kernels};

/// What the CUDA engine may use and how.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CudaOptions {
    /// Which GPU, from 0, as the driver numbers them (`$CUDA_VISIBLE_DEVICES` applies).
    pub device: usize,
    /// Where the weights lie.
    pub weights: WeightPlacement,
    /// Fail when a batch does not fit the GPU's memory; otherwise it is halved until it does.
    pub keep_batch_size: bool,
    /// Whether SNICIT's layers up to the threshold layer are computed by the engine's mini-blocks.
    pub mini_blocks: MiniBlockUse,
    /// Outputs that a block of BF-2019 and SNIG-2020 keeps in shared memory at most; `None` for as many
    /// as fit.
    pub max_slab: Option<std::num::NonZeroUsize>,
    /// How SNICIT's post-convergence update is scheduled.
    pub update: UpdateSchedule,
    /// Which products XY-2021 chooses from.
    pub products: Products,
}

impl CudaOptions {
    /// With this schedule of SNICIT's post-convergence update.
    #[must_use]
    pub fn with_update(mut self, update: UpdateSchedule) -> Self {
        self.update = update;
        self
    }
}

/// How SNICIT's post-convergence update is scheduled. Both give the same answers up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpdateSchedule {
    /// Many layers in one launch, with XY-2021's product where the weights fit the GPU; else as
    /// [`UpdateSchedule::PerLayer`].
    #[default]
    Persistent,
    /// The paper's: two kernels a layer, the load-reduced product and the update.
    PerLayer,
}

/// When SNICIT computes the layers up to the threshold layer by mini-blocks, without chunks that are zero and with
/// one sum where weights are equal, else on the matrix units: the engine's own way, in place of XY-2021's. Layers must map zero to zero, and the GPU must be an Ampere or newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MiniBlockUse {
    /// Where the network has mini-blocks that are full enough to pay.
    #[default]
    Auto,
    /// Wherever it is possible.
    Always,
    /// Not at all: the plan's method does it.
    Never,
}

/// Which products XY-2021 may choose for a layer, and SNICIT where it uses XY-2021's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Products {
    /// The dense product where it is modelled to be faster, else a sparse one.
    #[default]
    Modelled,
    /// The dense product for every layer that it can take.
    Dense,
    /// Sparse ones only, in float32 throughout.
    Sparse,
}

/// Where the weights of a network lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightPlacement {
    /// On the GPU, if they leave room for activations there; else in the host's memory.
    #[default]
    Auto,
    /// On the GPU.
    Resident,
    /// In the host's memory; each layer is copied to the GPU while the layer before it is computed.
    Streamed,
}

/// A GPU made ready: the kernels are loaded. Each prepared network has its own stream.
pub(crate) struct Gpu {
    pub(crate) device: Device,
    pub(crate) kernels: Arc<Kernels>,
    pub(crate) stream: Arc<CudaStream>,
    pub(crate) shape: SlabShape,
    pub(crate) dense: DenseLimits,
}

impl Gpu {
    /// Blocks of `threads` threads that fill the device. Kernels stride over their work, so it does not
    /// matter if fewer fit.
    pub(crate) fn blocks_of(&self, threads: u32) -> u32 {
        const THREADS_OF_A_MULTIPROCESSOR: u32 = 2048;
        self.device.multiprocessors * (THREADS_OF_A_MULTIPROCESSOR / threads).max(1)
    }
}

/// Infers on one NVIDIA GPU.
#[derive(Debug, Clone)]
pub struct CudaEngine {
    device: Device,
    kernels: Arc<Kernels>,
    shape: SlabShape,
    dense: DenseLimits,
    options: CudaOptions,
}

impl CudaEngine {
    /// An engine on the first GPU.
    ///
    /// # Errors
    /// As [`CudaEngine::with_options`].
    pub fn new() -> Result<Self, CudaError> {
        Self::with_options(&CudaOptions::default())
    }

    /// An engine with the given options. Compiles the kernels unless they are in the cache.
    ///
    /// # Errors
    /// If there is no driver, no such GPU or no compiler, or the GPU is too old.
    pub fn with_options(options: &CudaOptions) -> Result<Self, CudaError> {
        let device = Device::open(options.device)?;
        let kernels = Kernels::load(&device, &CubinCache::from_environment())?;
        let shape = slab_shape(&device, &kernels, options)?;
        kernels.allow_shared_memory(
            Kernel::GroupBits,
            crate::mini_blocks::STAGED_BYTES.min(device.shared_memory),
        )?;
        for kernel in [Kernel::TilesLayer16, Kernel::TilesLayer8, Kernel::TilesLayerChunks] {
            kernels.allow_shared_memory(kernel, device.shared_memory)?;
        }
        let dense = DenseLimits::new(&device, &kernels, options.products)?;
        Ok(CudaEngine { device, kernels: Arc::new(kernels), shape, dense, options: options.clone() })
    }

    /// How long it took to have the kernels, compiled or from the cache.
    pub fn compilation_time(&self) -> Duration {
        self.kernels.compilation
    }

    /// How many kernel sources had to be compiled; 0 if all were in the cache.
    pub fn compiled_sources(&self) -> usize {
        self.kernels.compiled
    }

    /// The compiler's version and where it was found.
    pub fn compiler(&self) -> &str {
        &self.kernels.compiler
    }

    /// As [`Engine::prepare`], with what only this engine tells.
    ///
    /// # Errors
    /// As [`Engine::prepare`].
    pub fn prepare_network(&self, network: &Network, plan: &Plan) -> Result<CudaPrepared, Error> {
        CudaPrepared::new(self.gpu()?, &self.options, network, plan)
    }

    /// The GPU with a new stream.
    pub(crate) fn gpu(&self) -> Result<Gpu, CudaError> {
        Ok(Gpu {
            device: self.device.clone(),
            kernels: Arc::clone(&self.kernels),
            stream: self.device.new_stream()?,
            shape: self.shape,
            dense: self.dense,
        })
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn options(&self) -> &CudaOptions {
        &self.options
    }
}

impl Engine for CudaEngine {
    fn device(&self) -> String {
        let (major, minor) = self.device.capability;
        format!("{} (CUDA, sm_{major}{minor})", self.device.name)
    }

    fn prepare(&self, network: &Network, plan: &Plan) -> Result<Box<dyn Prepared>, Error> {
        Ok(Box::new(self.prepare_network(network, plan)?))
    }
}

/// Slabs as large as two blocks of a multiprocessor can have.
fn slab_shape(
    device: &Device,
    kernels: &Kernels,
    options: &CudaOptions,
) -> Result<SlabShape, CudaError> {
    /// What the system keeps of each block's shared memory.
    const RESERVED: usize = 1 << 10;
    let scatter = [Kernel::ScatterLayer, Kernel::FlaggedLayer];
    let fixed = scatter.iter().map(|&kernel| kernels.static_shared_memory(kernel));
    let fixed = fixed.collect::<Result<Vec<usize>, _>>()?.into_iter().max().unwrap_or(0);
    let room = (device.shared_memory / 2).saturating_sub(fixed + RESERVED);
    let fitting = SlabShape::fitting(room);
    let wanted = options.max_slab.map_or(fitting, std::num::NonZeroUsize::get).min(fitting);
    for kernel in scatter {
        kernels.allow_shared_memory(kernel, SlabShape::shared_memory(wanted))?;
    }
    Ok(SlabShape::new(wanted.max(1)))
}
