use serde::Serialize;
use snicit::{CpuEngine, InstructionSet};
use snicit_cuda::CudaError;

use crate::exit::{Failure, Verdict};
use crate::stdout;
use crate::table::Facts;
use crate::units::bytes;

/// List what can infer here: the processor's kernels and the GPUs
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  snicit devices
  snicit demo --isa avx2 --threads 1     with other kernels than the best
  snicit sdgc --device cuda:1            on the second GPU";

#[derive(Serialize)]
struct Devices {
    schema: u32,
    cpu: Cpu,
    cuda: Cuda,
}

#[derive(Serialize)]
struct Cpu {
    threads: usize,
    /// The kernels that are taken by default.
    kernels: &'static str,
    /// All that the processor can run, best first.
    available: Vec<&'static str>,
    unavailable: Vec<&'static str>,
}

#[derive(Serialize, Default)]
struct Cuda {
    /// Why there is nothing to list.
    unavailable: Option<String>,
    /// The version of CUDA that the driver supports.
    driver: Option<String>,
    /// NVRTC and where it was found.
    compiler: Option<String>,
    /// Why the kernels cannot be compiled.
    compiler_missing: Option<String>,
    gpus: Vec<Gpu>,
}

#[derive(Serialize)]
struct Gpu {
    device: String,
    name: String,
    architecture: String,
    free_memory_bytes: u64,
    total_memory_bytes: u64,
    /// Why it cannot be used; then the other fields are empty.
    unusable: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let devices = Devices { schema: 1, cpu: cpu()?, cuda: cuda() };
    if args.json {
        stdout::print_json(&devices)?;
    } else {
        stdout::print(&text(&devices))?;
    }
    Ok(Verdict::Done)
}

fn cpu() -> Result<Cpu, Failure> {
    let names = |available: bool| {
        let sets = InstructionSet::ALL.into_iter().filter(|set| set.is_available() == available);
        sets.map(InstructionSet::name).collect()
    };
    let engine = CpuEngine::new()?;
    Ok(Cpu {
        threads: engine.threads(),
        kernels: engine.instruction_set().name(),
        available: names(true),
        unavailable: names(false),
    })
}

fn cuda() -> Cuda {
    let found = match snicit_cuda::devices() {
        Ok(found) => found,
        Err(error) => return Cuda { unavailable: Some(error.to_string()), ..Cuda::default() },
    };
    let (compiler, compiler_missing) = match found.compiler {
        Ok(compiler) => (Some(compiler), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Cuda {
        unavailable: None,
        driver: Some(format!("CUDA {}.{}", found.driver.0, found.driver.1)),
        compiler,
        compiler_missing,
        gpus: found
            .devices
            .into_iter()
            .enumerate()
            .map(|(ordinal, gpu)| describe(ordinal, gpu))
            .collect(),
    }
}

fn describe(ordinal: usize, gpu: Result<snicit_cuda::DeviceInfo, CudaError>) -> Gpu {
    let device = format!("cuda:{ordinal}");
    match gpu {
        Ok(gpu) => Gpu {
            device,
            architecture: gpu.architecture(),
            free_memory_bytes: gpu.free_memory,
            total_memory_bytes: gpu.total_memory,
            name: gpu.name,
            unusable: None,
        },
        Err(error) => Gpu {
            device,
            name: String::new(),
            architecture: String::new(),
            free_memory_bytes: 0,
            total_memory_bytes: 0,
            unusable: Some(error.to_string()),
        },
    }
}

fn text(devices: &Devices) -> String {
    let mut facts = Facts::default();
    let Devices { cpu, cuda, .. } = devices;
    facts.add("cpu", format!("{} threads", cpu.threads));
    let kernels = cpu
        .available
        .iter()
        .map(|&name| if name == cpu.kernels { format!("{name} (taken)") } else { name.to_owned() });
    let missing = cpu.unavailable.iter().map(|name| format!("{name} (not on this processor)"));
    facts.add("kernels", kernels.chain(missing).collect::<Vec<String>>().join(", "));
    if let Some(reason) = &cuda.unavailable {
        facts.add("cuda", reason.clone());
    }
    for gpu in &cuda.gpus {
        let described = gpu.unusable.clone().unwrap_or_else(|| {
            let (free, total) = (bytes(gpu.free_memory_bytes), bytes(gpu.total_memory_bytes));
            format!("{}, {}, {free} of {total} free", gpu.name, gpu.architecture)
        });
        facts.add("gpu", format!("{}  {described}", gpu.device));
    }
    facts.add_some("driver", cuda.driver.as_deref());
    facts.add_some("compiler", cuda.compiler.as_deref().or(cuda.compiler_missing.as_deref()));
    facts.render()
}
