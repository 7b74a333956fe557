//! The device that infers.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use snicit::{CpuEngine, CpuOptions, Engine, InstructionSet};

use crate::args;
use crate::exit::Failure;

#[derive(Debug, Args)]
#[command(next_help_heading = "Device")]
pub(crate) struct DeviceArgs {
    /// Where to infer
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,

    /// Threads of the CPU [default: all cores, or $RAYON_NUM_THREADS]
    #[arg(long, value_name = "COUNT", value_parser = args::nonzero)]
    threads: Option<NonZeroUsize>,

    /// Kernels of the CPU: auto (the best it can run), avx512, avx2, portable, …
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = kernels)]
    isa: Kernels,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Device {
    /// The fastest device there is
    Auto,
    /// The processor
    Cpu,
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

impl DeviceArgs {
    /// Starts the engine. `--threads` also bounds everything else that runs in parallel.
    pub(crate) fn open(&self) -> Result<Box<dyn Engine>, Failure> {
        if let Some(threads) = self.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get());
            pool.build_global()
                .map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}")))?;
        }
        let instruction_set = match self.isa {
            Kernels::Best => None,
            Kernels::Only(instruction_set) => Some(instruction_set),
        };
        match self.device {
            Device::Auto | Device::Cpu => {
                let options = CpuOptions { threads: self.threads, instruction_set };
                Ok(Box::new(CpuEngine::with_options(&options)?))
            }
        }
    }
}
