//! The device that infers.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use snicit::{CpuEngine, CpuOptions, Engine, InstructionSet, Network, Prepared};
use snicit_bench::Peer;
use snicit_bench::environment::Library;
use snicit_cuda::peers::{self, PeerLibrary};
use snicit_cuda::{CudaEngine, CudaError, CudaOptions, MiniBlockUse, UpdateSchedule};

use crate::args;
use crate::exit::Failure;
use crate::stderr;

#[derive(Debug, Args)]
#[command(next_help_heading = "Device")]
pub(crate) struct DeviceArgs {
    /// Where to infer: auto (a GPU if there is one, unless --threads or --isa is given), cpu, cuda, or
    /// cuda:1 for the second GPU
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Device,

    /// Threads of the CPU [default: all cores, or $RAYON_NUM_THREADS]
    #[arg(long, value_name = "COUNT", value_parser = args::nonzero)]
    threads: Option<NonZeroUsize>,

    /// Kernels of the CPU: auto (the best it can run), avx512, avx2, portable, …
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = kernels)]
    isa: Kernels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Auto,
    Cpu,
    /// A GPU by its number, from 0.
    Cuda(usize),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            other => {
                let number = other.strip_prefix("cuda:").and_then(|number| number.parse().ok());
                number.map(Device::Cuda).ok_or_else(|| "expected auto, cpu, cuda or cuda:N".to_owned())
            }
        }
    }
}

/// How SNICIT is scheduled on a GPU.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Device")]
pub(crate) struct ScheduleArg {
    /// How SNICIT is scheduled on a GPU
    #[arg(long, value_name = "NAME", default_value = "engine")]
    schedule: Schedule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Schedule {
    /// The engine's: mini-blocks up to the threshold layer, and few launches behind it, where the network
    /// allows it
    #[default]
    Engine,
    /// The paper's, for comparison: XY-2021's kernels up to the threshold layer, then two kernels a layer
    Paper,
}

impl ScheduleArg {
    /// Its name, as it is given.
    pub(crate) fn name(self) -> &'static str {
        match self.schedule {
            Schedule::Engine => "engine",
            Schedule::Paper => "paper",
        }
    }
}

/// The kernels asked for; a type of its own because clap takes an `Option` for an optional argument.
#[derive(Debug, Clone, Copy)]
enum Kernels {
    Best,
    Only(InstructionSet),
}

fn kernels(name: &str) -> Result<Kernels, String> {
    if name.eq_ignore_ascii_case("auto") {
        return Ok(Kernels::Best);
    }
    name.parse().map(Kernels::Only).map_err(|error: snicit::Error| error.to_string())
}

/// What a GPU does with a batch that does not fit its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LargeBatch {
    /// Halves it until it fits.
    Halve,
    /// Fails: the user asked for this size.
    Refuse,
}

/// Libraries that are timed beside the engine.
type Peers = Vec<Box<dyn Peer>>;

/// An engine that was started, and what stands beside it.
pub(crate) struct Opened {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) peers: Peers,
    /// The versions of what engine and peers depend on, for results.
    pub(crate) libraries: Vec<Library>,
}

impl Opened {
    /// An engine that depends on nothing else.
    fn alone(engine: Box<dyn Engine>) -> Self {
        Opened { engine, peers: Peers::new(), libraries: Vec::new() }
    }
}

impl DeviceArgs {
    /// Starts the engine. `--threads` also bounds everything else that runs in parallel.
    pub(crate) fn open(&self, large_batch: LargeBatch) -> Result<Box<dyn Engine>, Failure> {
        Ok(self.open_with_peers(large_batch, false)?.engine)
    }

    /// As [`DeviceArgs::open`], with a schedule of SNICIT on a GPU.
    pub(crate) fn open_scheduled(
        &self,
        large_batch: LargeBatch,
        ScheduleArg { schedule }: ScheduleArg,
    ) -> Result<Box<dyn Engine>, Failure> {
        Ok(self.open_all(large_batch, schedule, false)?.engine)
    }

    /// As [`DeviceArgs::open`]; on a GPU with NVIDIA's libraries beside it, if they are wanted and there.
    pub(crate) fn open_with_peers(
        &self,
        large_batch: LargeBatch,
        with_peers: bool,
    ) -> Result<Opened, Failure> {
        self.open_all(large_batch, Schedule::Engine, with_peers)
    }

    fn open_all(
        &self,
        large_batch: LargeBatch,
        schedule: Schedule,
        with_peers: bool,
    ) -> Result<Opened, Failure> {
        if let Some(threads) = self.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get());
            pool.build_global()
                .map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}")))?;
        }
        let wants_cpu = self.threads.is_some() || matches!(self.isa, Kernels::Only(_));
        let engine = match self.device {
            Device::Cuda(ordinal) => cuda(ordinal, large_batch, schedule)?,
            Device::Auto if !wants_cpu => match cuda(0, large_batch, schedule) {
                Ok(engine) => engine,
                Err(error) if schedule == Schedule::Paper => {
                    return Err(Failure::new(format!("--schedule paper needs a GPU: {error}")));
                }
                Err(error) => {
                    match error {
                        CudaError::NoDriver => stderr::note("computing on the CPU; no GPU was found"),
                        error => stderr::note(format_args!("computing on the CPU: {error}")),
                    }
                    return Ok(Opened::alone(self.cpu()?));
                }
            },
            Device::Auto | Device::Cpu if schedule == Schedule::Paper => {
                return Err(Failure::new("--schedule paper needs a GPU; the device is the CPU"));
            }
            Device::Auto | Device::Cpu => return Ok(Opened::alone(self.cpu()?)),
        };
        let mut libraries: Vec<Library> =
            engine.versions().into_iter().map(|(name, version)| library(name, version)).collect();
        let mut peers = Peers::new();
        if with_peers {
            for peer in peers_of(&engine) {
                libraries.push(library(peer.library().name(), peer.version().0.to_string()));
                peers.push(Box::new(CudaPeer(peer)));
            }
        }
        Ok(Opened { engine: Box::new(engine), peers, libraries })
    }

    fn cpu(&self) -> Result<Box<dyn Engine>, Failure> {
        let instruction_set = match self.isa {
            Kernels::Best => None,
            Kernels::Only(instruction_set) => Some(instruction_set),
        };
        let options = CpuOptions { threads: self.threads, instruction_set };
        Ok(Box::new(CpuEngine::with_options(&options)?))
    }
}

/// The libraries that are there; the others are named.
fn peers_of(engine: &CudaEngine) -> Vec<peers::Peer> {
    let mut found = Vec::new();
    for library in PeerLibrary::ALL {
        match peers::Peer::new(engine, library) {
            Ok(peer) => {
                let (version, path) = peer.version();
                stderr::note(format_args!("{} {version} ({})", library.name(), path.display()));
                found.push(peer);
            }
            Err(error) => stderr::note(format_args!("not compared with {}: {error}", library.name())),
        }
    }
    found
}

fn library(name: &str, version: String) -> Library {
    Library { name: name.to_owned(), version }
}

/// The benchmarks know no device.
struct CudaPeer(peers::Peer);

impl Peer for CudaPeer {
    fn name(&self) -> &str {
        self.0.library().name()
    }

    fn refusal(&self, layers: &[(usize, usize)]) -> Option<String> {
        self.0.refusal(layers)
    }

    fn prepare(
        &self,
        network: &Network,
        threshold_layer: usize,
    ) -> Result<Box<dyn Prepared>, snicit::Error> {
        self.0.prepare(network, threshold_layer)
    }
}

fn cuda(ordinal: usize, large_batch: LargeBatch, schedule: Schedule) -> Result<CudaEngine, CudaError> {
    let mut options = CudaOptions::default();
    options.device = ordinal;
    options.keep_batch_size = large_batch == LargeBatch::Refuse;
    if schedule == Schedule::Paper {
        options.mini_blocks = MiniBlockUse::Never;
        options.update = UpdateSchedule::PerLayer;
    }
    let engine = CudaEngine::with_options(&options)?;
    if engine.compiled_sources() > 0 {
        let seconds = engine.compilation_time().as_secs_f64();
        stderr::note(format_args!("compiled the GPU kernels in {seconds:.1} s; they are cached now"));
    }
    Ok(engine)
}
