use std::time::Duration;

use snicit::{Inputs, Method, Network, Plan, Report, StageTimes, reference};
use snicit_data::{digits, radixnet, sdgc};

use crate::device::{DeviceArgs, LargeBatch};
use crate::exit::{Failure, Verdict};
use crate::progress::Bar;
use crate::table::{Facts, NumberTable};
use crate::units::{as_ms, count, ms_digits, rate};
use crate::{args, measures, memory, stdout};

/// Run the four methods on a generated network and check their answers
///
/// Needs no data: makes a RadiX-Net of 1024 neurons a layer and digit-like inputs, and checks each
/// answer, input by input, against a float64 reference.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Layers of the network
    #[arg(short, long, value_name = "COUNT", default_value = "120", value_parser = args::count)]
    layers: usize,

    /// Number of inputs
    #[arg(long, value_name = "COUNT", default_value = "60000", value_parser = args::inputs)]
    inputs: usize,

    /// Seed of the network and the inputs
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,

    #[command(flatten)]
    device: DeviceArgs,
}

const AFTER_HELP: &str = "\
Examples:
  snicit demo
  snicit demo --inputs 1000 --layers 60 --threads 1";

const NEXT: &str =
    "Next, from files: snicit data generate && snicit data digits && snicit data truth && snicit sdgc\n";

/// The width of the smallest Graph Challenge network, and the side of its images.
const NEURONS: usize = 1024;
const SIDE: usize = 32;

pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let engine = args.device.open(LargeBatch::Halve)?;
    let network = generate_network(args)?;
    let inputs = generate_inputs(args)?;

    let mut facts = Facts::default();
    let connections = count(network.connections());
    facts.add(
        "network",
        format!("RadiX-Net, {} layers of {NEURONS} neurons, {connections} connections", args.layers),
    );
    facts.add(
        "inputs",
        format!("{} digit-like images of {SIDE} × {SIDE} pixels", count(inputs.len() as u64)),
    );
    facts.add("device", engine.device());

    let truth = {
        let bar = Bar::new("float64 reference", inputs.len() as u64);
        reference::categories_watched(&network, &inputs, || bar.advance(1))
    };
    let (surviving, all) = (count(truth.len() as u64), count(inputs.len() as u64));
    facts.add("truth", format!("{surviving} of {all} inputs survive (float64 reference)"));
    stdout::print(&format!("{}\n", facts.render()))?;

    let mut runs = Vec::new();
    for method in Method::ALL {
        let (report, answer) = {
            let prepared = engine.prepare(&network, &Plan::new(method))?;
            let work = inputs.len() as u64 * network.layers().len() as u64;
            let bar = Bar::new(method.name(), work);
            let outcome = prepared.infer_batch(&inputs.all(), &bar)?;
            (outcome.report, outcome.output.categories().check(&truth))
        };
        runs.push(Run { method, report, wrong: answer.err().map(|mismatch| mismatch.to_string()) });
    }
    stdout::print(&table(&runs, &network, inputs.len()))?;

    let wrong: Vec<&Run> = runs.iter().filter(|run| run.wrong.is_some()).collect();
    for run in &wrong {
        let mismatch = run.wrong.as_deref().unwrap_or_default();
        stdout::print(&format!("{} is WRONG: {mismatch}\n", run.method.name()))?;
    }
    stdout::print(&format!("\n{NEXT}"))?;
    Ok(if wrong.is_empty() { Verdict::Done } else { Verdict::WrongAnswer })
}

fn generate_network(args: &Args) -> Result<Network, Failure> {
    const BYTES_PER_CONNECTION: u128 = 8;
    let connections = args.layers as u128 * (NEURONS * sdgc::CONNECTIONS_PER_NEURON) as u128;
    memory::check(connections * BYTES_PER_CONNECTION, "so many layers")?;
    let bias = sdgc::bias(NEURONS).ok_or_else(|| Failure::new("the demo's width has no bias"))?;
    let bar = Bar::new("generating the network", args.layers as u64);
    let advance = |layers| bar.advance(layers);
    Ok(radixnet::generate(NEURONS, args.layers, bias, args.seed, &advance)?)
}

fn generate_inputs(args: &Args) -> Result<Inputs, Failure> {
    memory::check(args.inputs as u128 * (NEURONS / 8) as u128, "so many inputs")?;
    let _bar = Bar::unmeasured("drawing the inputs");
    Ok(digits::generate(args.inputs, SIDE, args.seed).into())
}

/// One method's run.
struct Run {
    method: Method,
    report: Report,
    /// Where the answer differs from the reference's.
    wrong: Option<String>,
}

/// The runs side by side, a column each: so the table fits 80 characters.
fn table(runs: &[Run], network: &Network, inputs: usize) -> String {
    let names = runs.iter().map(|run| run.method.name().to_owned());
    let mut table = NumberTable::new(std::iter::once(String::new()).chain(names).collect());
    type Stage = (&'static str, fn(&StageTimes) -> Duration);
    const STAGES: [Stage; 5] = [
        ("pre-convergence, ms", |times| times.pre_convergence),
        ("conversion, ms", |times| times.conversion),
        ("post-convergence, ms", |times| times.post_convergence),
        ("recovery, ms", |times| times.recovery),
        ("total, ms", StageTimes::total),
    ];
    let total = |run: &Run| as_ms(run.report.times.total());
    let slowest = runs.iter().map(total).fold(0.0, f64::max);
    let digits = ms_digits(slowest);
    for (name, stage) in STAGES {
        let ms = |run: &Run| format!("{:.digits$}", as_ms(stage(&run.report.times)));
        table.row(name, runs.iter().map(ms));
    }
    table.row(
        "speed-up over the slowest",
        runs.iter().map(|run| format!("{:.2}×", slowest / total(run))),
    );
    table.row(
        "edges/s",
        runs.iter().map(|run| rate(measures::edges_per_second(network, inputs, &run.report))),
    );
    table.row("columns left", runs.iter().map(|run| count(measures::columns_left(&run.report))));
    let centroids = |run: &Run| run.report.centroids.map_or_else(|| "–".to_owned(), count);
    table.row("centroids", runs.iter().map(centroids));
    let answer = |run: &Run| if run.wrong.is_some() { "WRONG" } else { "right" };
    table.row("answer", runs.iter().map(|run| answer(run).to_owned()));
    table.render()
}
