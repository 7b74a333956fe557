use serde::Serialize;
use snicit::{CpuEngine, InstructionSet};

use crate::exit::{Failure, Verdict};
use crate::stdout;
use crate::table::Facts;

/// List what can infer here: the processor's threads and kernels
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
  snicit demo --isa avx2 --threads 1     with other kernels than the best";

#[derive(Serialize)]
struct Devices {
    schema: u32,
    cpu: Cpu,
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

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let names = |available: bool| {
        let sets = InstructionSet::ALL.into_iter().filter(|set| set.is_available() == available);
        sets.map(InstructionSet::name).collect()
    };
    let engine = CpuEngine::new()?;
    let cpu = Cpu {
        threads: engine.threads(),
        kernels: engine.instruction_set().name(),
        available: names(true),
        unavailable: names(false),
    };
    if args.json {
        stdout::print_json(&Devices { schema: 1, cpu })?;
    } else {
        stdout::print(&text(&cpu))?;
    }
    Ok(Verdict::Done)
}

fn text(cpu: &Cpu) -> String {
    let mut facts = Facts::default();
    facts.add("cpu", format!("{} threads", cpu.threads));
    let kernels = cpu
        .available
        .iter()
        .map(|&name| if name == cpu.kernels { format!("{name} (taken)") } else { name.to_owned() });
    let missing = cpu.unavailable.iter().map(|name| format!("{name} (not on this processor)"));
    facts.add("kernels", kernels.chain(missing).collect::<Vec<String>>().join(", "));
    facts.render()
}
