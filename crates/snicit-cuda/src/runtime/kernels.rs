//! The kernels: their sources, their compilation, and launching them.

use std::ffi::c_void;
use std::time::{Duration, Instant};

use cudarc::driver::sys::{self, CUfunction_attribute_enum as FunctionAttribute};
use cudarc::driver::{CudaFunction, CudaStream, result};
use cudarc::nvrtc::Ptx;
use rayon::prelude::*;

use super::cubin_cache::key;
use super::nvrtc::{self, Nvrtc};
use super::{CubinCache, Device};
use crate::CudaError;
use crate::error::DriverContext;

/// A CUDA C++ file and the kernels in it.
#[derive(Debug)]
pub struct KernelSource {
    /// File name.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Names of the kernels that the host launches.
    pub entry_points: &'static [&'static str],
}

const HEADERS: &[(&str, &str)] = &[
    ("common.cuh", include_str!("../../kernels/common.cuh")),
    ("async_copies.cuh", include_str!("../../kernels/async_copies.cuh")),
    ("columns.cuh", include_str!("../../kernels/columns.cuh")),
    ("chunks.cuh", include_str!("../../kernels/chunks.cuh")),
    ("masked_blocks.cuh", include_str!("../../kernels/masked_blocks.cuh")),
    ("equal_weights.cuh", include_str!("../../kernels/equal_weights.cuh")),
    ("panel_blocks.cuh", include_str!("../../kernels/panel_blocks.cuh")),
    ("update_layers.cuh", include_str!("../../kernels/update_layers.cuh")),
    ("update_state.cuh", include_str!("../../kernels/update_state.cuh")),
    ("update_strip.cuh", include_str!("../../kernels/update_strip.cuh")),
    ("synchronised_layers.cuh", include_str!("../../kernels/synchronised_layers.cuh")),
    ("flowing_layers.cuh", include_str!("../../kernels/flowing_layers.cuh")),
    ("alike_layers.cuh", include_str!("../../kernels/alike_layers.cuh")),
    ("block_layers.cuh", include_str!("../../kernels/block_layers.cuh")),
    ("prefetch_layers.cuh", include_str!("../../kernels/prefetch_layers.cuh")),
    ("dense_columns.cuh", include_str!("../../kernels/dense_columns.cuh")),
    ("warpgroups.cuh", include_str!("../../kernels/warpgroups.cuh")),
    ("wide_columns.cuh", include_str!("../../kernels/wide_columns.cuh")),
    ("wide_few.cuh", include_str!("../../kernels/wide_few.cuh")),
    ("wide_groups.cuh", include_str!("../../kernels/wide_groups.cuh")),
    ("wide_tiles.cuh", include_str!("../../kernels/wide_tiles.cuh")),
    ("dense.cuh", include_str!("../../kernels/dense.cuh")),
    ("tensor_cores.cuh", include_str!("../../kernels/tensor_cores.cuh")),
];

/// Declares the kernels: an enum to name them, and the sources they are in.
macro_rules! kernels {
    ($($file:literal: $($kernel:ident = $name:literal),+;)+) => {
        /// A kernel that the host launches.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kernel {
            $($($kernel),+),+
        }

        impl Kernel {
            const NAMES: &[&str] = &[$($($name),+),+];
        }

        /// All sources with kernels.
        pub const SOURCES: &[KernelSource] = &[$(KernelSource {
            file: $file,
            text: include_str!(concat!("../../kernels/", $file)),
            entry_points: &[$($name),+],
        }),+];
    };
}

kernels! {
    "compaction.cu": Compact = "compact";
    "inputs.cu":
        MarkBitInputs = "mark_bit_inputs",
        MarkColumns = "mark_columns",
        ExpandBits = "expand_bits",
        TransposeBits = "transpose_bits",
        ToNeuronMajor = "to_neuron_major",
        ToInputMajor = "to_input_major",
        GatherColumns = "gather_columns";
    "scatter.cu":
        ScatterLayer = "scatter_layer",
        FlaggedLayer = "flagged_layer",
        FlagSections = "flag_sections",
        CollectFlagged = "collect_flagged";
    "strips.cu": StripsLayer = "strips_layer", StripsLayerBits = "strips_layer_bits";
    "dense.cu": DenseLayers = "dense_layers";
    "clustered_layers.cu": ClusteredLayers = "clustered_layers";
    "wide_dense.cu": SplitColumns = "split_columns", WideDense = "wide_dense";
    "gather.cu":
        GatherLayer = "gather_layer",
        GatherLayerBits = "gather_layer_bits",
        GatherLayerColumns = "gather_layer_columns";
    "chunks.cu":
        GroupBits = "group_bits",
        GroupValues = "group_values",
        ChunksToPanels = "chunks_to_panels",
        ListLive = "list_live",
        CountLive = "count_live";
    "mini_blocks.cu":
        BitBlocksExact = "bit_blocks_exact",
        BitBlocksSplit = "bit_blocks_split",
        SparseBlocksExact = "sparse_blocks_exact",
        SparseBlocksSplit = "sparse_blocks_split";
    "panel_blocks.cu":
        PanelBlocksExact = "panel_blocks_exact",
        PanelBlocksSplit = "panel_blocks_split";
    "binary_sums.cu": BinarySums = "binary_sums";
    "block_sums.cu": BitBlockSums = "bit_block_sums", SparseBlockSums = "sparse_block_sums";
    "panel_sums.cu": PanelSums = "panel_sums";
    "equal_columns.cu":
        Fingerprint = "fingerprint",
        MatchColumns = "match_columns",
        MergeColumns = "merge_columns",
        MoveColumns = "move_columns",
        ExpandMembers = "expand_members";
    "tiles.cu":
        TilesLayer16 = "tiles_layer_16",
        TilesLayer8 = "tiles_layer_8",
        TilesLayerChunks = "tiles_layer_chunks";
    "conversion.cu":
        Downsample = "downsample",
        PruneSamples = "prune_samples",
        Assign = "assign",
        PlaceColumns = "place_columns";
    "post_convergence.cu":
        UpdateInputMajor = "update_input_major",
        UpdateNeuronMajor = "update_neuron_major";
    "persistent_update.cu": PersistentUpdate = "persistent_update";
    "early_exit.cu": CheckSaturation = "check_saturation", FillSaturated = "fill_saturated";
    "peers.cu": PeerEpilogue = "peer_epilogue", PeerTurn = "peer_turn";
    "recovery.cu": LocateColumns = "locate_columns", Recover = "recover";
}

fn options(architecture: &str) -> Vec<String> {
    vec![format!("--gpu-architecture={architecture}"), "--std=c++17".to_owned()]
}

/// Compiles one source for `sm_NN`, `NN` being `architecture`. Needs neither a GPU nor a driver.
///
/// # Errors
/// [`CudaError::NvrtcUnfit`] or [`CudaError::Compile`].
pub fn compile(nvrtc: &Nvrtc, source: &KernelSource, architecture: i32) -> Result<Vec<u8>, CudaError> {
    let name = target(nvrtc, architecture);
    if !nvrtc.supports(architecture) {
        // CUDA 13 knows no Volta, older versions no Blackwell.
        let package = nvrtc::package_for((architecture < 75).then_some(12));
        let (version, library) = (nvrtc.version(), nvrtc.path().to_owned());
        return Err(CudaError::NvrtcUnfit { version, library, architecture: name, package });
    }
    nvrtc.compile(source, HEADERS, &options(&name), &name)
}

/// How NVRTC calls the architecture; with what only this one has where that is used.
fn target(nvrtc: &Nvrtc, architecture: i32) -> String {
    let only = if has_warpgroups(nvrtc, architecture) { "a" } else { "" };
    format!("sm_{architecture}{only}")
}

/// Whether tensor cores take the operands of four warps at a time: Hopper's do, and no others in the same way.
fn has_warpgroups(nvrtc: &Nvrtc, architecture: i32) -> bool {
    architecture == 90 && nvrtc.version().0 >= 12
}

/// The key of a source's compiled code: all that decides what the compiler puts out.
fn cache_key(nvrtc: &Nvrtc, source: &KernelSource, architecture: i32) -> String {
    let name = target(nvrtc, architecture);
    let (major, minor) = nvrtc.version();
    let mut parts = vec![source.file.to_owned(), source.text.to_owned(), format!("{major}.{minor}")];
    parts.extend(HEADERS.iter().flat_map(|(file, text)| [(*file).to_owned(), (*text).to_owned()]));
    parts.extend(options(&name));
    key(parts.iter().map(|part| part.as_bytes()))
}

/// All kernels, loaded onto a device.
#[derive(Debug)]
pub(crate) struct Kernels {
    functions: Vec<CudaFunction>,
    /// Where the compiler was found, and its version.
    pub(crate) compiler: String,
    /// Whether they were compiled for tensor cores that take the operands of four warps at a time.
    pub(crate) warpgroups: bool,
    /// How long it took to have all code.
    pub(crate) compilation: Duration,
    /// How many of the sources had to be compiled; the others were in the cache.
    pub(crate) compiled: usize,
}

impl Kernels {
    /// Compiles the kernels, or takes them from the cache, and loads them.
    ///
    /// # Errors
    /// If there is no compiler or a source does not compile.
    pub(crate) fn load(device: &Device, cache: &CubinCache) -> Result<Self, CudaError> {
        let start = Instant::now();
        let (driver_major, _) = super::driver_version()?;
        let nvrtc = nvrtc::load(Some(driver_major))?;
        let architecture = device.architecture();
        let code = SOURCES.par_iter().map(|source| {
            let key = cache_key(&nvrtc, source, architecture);
            if let Some(code) = cache.read(&key) {
                return Ok((code, false));
            }
            let code = compile(&nvrtc, source, architecture)?;
            cache.write(&key, &code);
            Ok((code, true))
        });
        let code = code.collect::<Result<Vec<(Vec<u8>, bool)>, CudaError>>()?;
        let compiled = code.iter().filter(|(_, compiled)| *compiled).count();
        let mut functions = Vec::new();
        for (source, (code, _)) in SOURCES.iter().zip(code) {
            let module = device.context.load_module(Ptx::from_binary(code)).to("load a kernel")?;
            for name in source.entry_points {
                functions.push(module.load_function(name).to("find a kernel")?);
            }
        }
        debug_assert_eq!(functions.len(), Kernel::NAMES.len());
        let (major, minor) = nvrtc.version();
        let compiler = format!("NVRTC {major}.{minor} ({})", nvrtc.path().display());
        let warpgroups = has_warpgroups(&nvrtc, architecture);
        Ok(Kernels { functions, compiler, warpgroups, compilation: start.elapsed(), compiled })
    }

    /// Lets a kernel use up to `bytes` of dynamic shared memory.
    pub(crate) fn allow_shared_memory(&self, kernel: Kernel, bytes: usize) -> Result<(), CudaError> {
        let attribute = FunctionAttribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        self.function(kernel).set_attribute(attribute, bytes as i32).to("give a kernel shared memory")
    }

    /// Shared memory that a kernel uses by itself, in bytes.
    pub(crate) fn static_shared_memory(&self, kernel: Kernel) -> Result<usize, CudaError> {
        let bytes = self.function(kernel).shared_size_bytes().to("describe a kernel")?;
        Ok(usize::try_from(bytes).unwrap_or(0))
    }

    /// How many clusters of blocks of a kernel that has clusters run at the same time, of a grid with so many
    /// blocks and threads, each block with so much dynamic shared memory.
    pub(crate) fn clusters_at_once(
        &self,
        kernel: Kernel,
        (blocks, threads): (u32, u32),
        shared_memory: usize,
    ) -> Result<u32, CudaError> {
        let config = sys::CUlaunchConfig {
            gridDimX: blocks,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: threads,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: shared_memory as u32,
            hStream: std::ptr::null_mut(),
            attrs: std::ptr::null_mut(),
            numAttrs: 0,
        };
        let mut clusters = 0;
        // SAFETY: the function is loaded, there are no attributes, and one number is written.
        unsafe {
            sys::cuOccupancyMaxActiveClusters(
                &raw mut clusters,
                self.function(kernel).cu_function(),
                &raw const config,
            )
        }
        .result()
        .to("describe a kernel")?;
        Ok(u32::try_from(clusters).unwrap_or(0).min(blocks))
    }

    fn function(&self, kernel: Kernel) -> &CudaFunction {
        &self.functions[kernel as usize]
    }
}

/// The one argument of a kernel, a structure.
///
/// # Safety
/// The type must be `repr(C)`, with the fields of the kernel's structure in their order, and its pointers
/// must be valid for what the kernel does whenever it is launched.
pub(crate) unsafe trait KernelArguments: Copy {
    /// The kernels that take it.
    const KERNELS: &'static [Kernel];
}

/// A kernel with the shape of its grid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch {
    pub(crate) kernel: Kernel,
    pub(crate) blocks: u32,
    pub(crate) threads: (u32, u32),
    /// Dynamic shared memory, in bytes.
    pub(crate) shared_memory: usize,
}

impl Launch {
    /// Sends the kernel to `stream`.
    ///
    /// # Panics
    /// If the kernel takes other arguments.
    pub(crate) fn enqueue<A: KernelArguments>(
        self,
        kernels: &Kernels,
        stream: &CudaStream,
        arguments: A,
    ) -> Result<(), CudaError> {
        self.enqueue_with(kernels, stream, arguments, false)
    }

    /// As [`Launch::enqueue`], with all blocks on the device at the same time: they may wait for one another.
    pub(crate) fn enqueue_cooperative<A: KernelArguments>(
        self,
        kernels: &Kernels,
        stream: &CudaStream,
        arguments: A,
    ) -> Result<(), CudaError> {
        self.enqueue_with(kernels, stream, arguments, true)
    }

    fn enqueue_with<A: KernelArguments>(
        self,
        kernels: &Kernels,
        stream: &CudaStream,
        arguments: A,
        cooperative: bool,
    ) -> Result<(), CudaError> {
        assert!(A::KERNELS.contains(&self.kernel), "{:?} takes other arguments", self.kernel);
        let mut arguments = arguments;
        let mut pointers = [(&raw mut arguments).cast::<c_void>()];
        let launch = if cooperative { result::launch_cooperative_kernel } else { result::launch_kernel };
        stream.context().bind_to_thread().to("switch to the GPU")?;
        // SAFETY: the kernel takes one structure of this type, by the contract of KernelArguments, which
        // also says that its pointers are valid. The driver copies the argument during the call.
        unsafe {
            launch(
                kernels.function(self.kernel).cu_function(),
                (self.blocks.max(1), 1, 1),
                (self.threads.0, self.threads.1, 1),
                self.shared_memory as u32,
                stream.cu_stream(),
                &mut pointers,
            )
        }
        .to("launch a kernel")
    }
}
