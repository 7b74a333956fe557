//! Times of a network on the GPU for batches of several sizes, the network read and prepared once.
//!
//! ```text
//! batches MODEL.safetensors INPUTS.npy [--repeat N] [--answers DIR] BATCH…
//! ```
//!
//! XY-2021 takes the first BATCH of the inputs; the answers go to DIR/BATCH.npy.
//! Prints a line a batch: its size, the median milliseconds of all layers, and what was chosen for them.

#![allow(clippy::unwrap_used, reason = "an example stops at the first problem")]

use std::path::{Path, PathBuf};

use snicit::{Activations, Engine, Inputs, Method, Plan};
use snicit_cuda::CudaEngine;
use snicit_data::model::{OpenOptions, open};
use snicit_data::samples::{AnswerForm, Answers, read_inputs, write_answers};

fn main() {
    let (mut repeat, mut answers, mut given) = (20, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--repeat" => repeat = arguments.next().unwrap().parse().unwrap(),
            "--answers" => answers = Some(PathBuf::from(arguments.next().unwrap())),
            _ => given.push(argument),
        }
    }
    let [model, inputs, batches @ ..] = &given[..] else { panic!("MODEL INPUTS BATCH…") };
    let network = open(Path::new(model), &OpenOptions::default(), &|_| ()).unwrap().value.network;
    let Inputs::Values(inputs) = read_inputs(Path::new(inputs), network.inputs()).unwrap().value else {
        panic!("float32 inputs")
    };
    let engine = CudaEngine::new().unwrap_or_else(|error| panic!("{error}"));
    // All layers lie before the threshold layer, so that they are timed as one.
    let plan = Plan::new(Method::Xy2021).at_threshold_layer(network.layers().len());
    let prepared = engine.prepare(&network, &plan).unwrap();
    for batch in batches {
        let batch: usize = batch.parse().unwrap();
        let values = inputs.values()[..batch * network.inputs()].to_vec();
        let values = Inputs::from(Activations::new(batch, network.inputs(), values).unwrap());
        let output = prepared.infer(&values).unwrap().output;
        if let Some(folder) = &answers {
            let file = folder.join(format!("{batch}.npy"));
            write_answers(&file, &Answers::Scores(output.to_activations()), AnswerForm::Npy).unwrap();
        }
        let mut times: Vec<f64> = (0..repeat)
            .map(|_| prepared.infer(&values).unwrap().report.times.pre_convergence.as_secs_f64() * 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{batch}\t{}\t{}", times[times.len() / 2], prepared.notes()[0]);
    }
}
