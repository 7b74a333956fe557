//! A network prepared for a method on the CPU.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::prelude::*;

use super::bf2019::ScatterSpmm;
use super::divided::worth_dividing;
use super::feed_forward::{CompactingFeedForward, FeedForwardMethod};
use super::kernels::Kernels;
use super::layout::Epilogue;
use super::run::{BatchResult, Run, Source};
use super::snicit::{Conversion, PostConvergence, Snicit};
use super::snig2020::TaskGraphFeedForward;
use super::spmm::{PreparedLayer, Spmm};
use super::tile::LANES;
use super::xy2021::{Choice, modelled_product};
use crate::engine::{
    EarlyExit, FeedForward, Method, Observer, Outcome, Plan, Prepared, Report, StageTimes,
    validate_batch,
};
use crate::network::{Layer, MergedNeurons};
use crate::{Column, Error, InputBatch, Network, Output};

pub(super) struct CpuPrepared {
    pool: Arc<ThreadPool>,
    /// The network that is computed.
    network: Network,
    threshold_layer: usize,
    merge_equal_columns: bool,
    /// Where equal neurons were merged, how `network` came about.
    merged_neurons: Option<MergedNeurons>,
    /// Neurons of the last layer that the caller knows.
    outputs: usize,
    early_exit: Option<EarlyExit>,
    method: PreparedMethod,
    notes: Vec<String>,
}

enum PreparedMethod {
    FeedForward(Box<dyn FeedForwardMethod>),
    Snicit(Box<Snicit>),
}

impl CpuPrepared {
    pub(super) fn new(
        pool: Arc<ThreadPool>,
        kernels: Kernels,
        network: &Network,
        plan: &Plan,
    ) -> Result<Self, Error> {
        let threshold_layer = plan.threshold_layer(network)?;
        let outputs = network.outputs();
        let merged_neurons = plan.merge_equal_neurons.then(|| MergedNeurons::of(network)).transpose()?;
        let network = merged_neurons.as_ref().map_or(network, MergedNeurons::network);
        let early_exit = plan.early_exit.then(|| EarlyExit::of(network)).flatten();
        let mut preparation = Preparation { kernels, network, choices: Vec::new() };
        let layers = network.layers();
        let method = match plan.method {
            Method::Bf2019 => preparation.feed_forward(FeedForward::Bf2019, layers),
            Method::Snig2020 => preparation.feed_forward(FeedForward::Snig2020, layers),
            Method::Xy2021 => preparation.feed_forward(FeedForward::Xy2021, layers),
            Method::Snicit => {
                let (before, behind) = layers.split_at(threshold_layer);
                let options = &plan.snicit;
                let products = preparation.products(options.post_convergence, behind);
                let behind = behind.iter().map(Arc::as_ref).zip(products);
                let post_convergence = PostConvergence::new(kernels, threshold_layer, behind, options);
                PreparedMethod::Snicit(Box::new(Snicit {
                    pre_convergence: preparation.feed_forward_method(options.pre_convergence, before),
                    threshold_layer,
                    conversion: Conversion::new(kernels, options),
                    post_convergence,
                }))
            }
        };
        let mut notes = preparation.notes();
        notes.extend(merged_neurons.as_ref().map(|merged| merged.reduction().to_string()));
        if plan.early_exit {
            notes.push(EarlyExit::note(early_exit.as_ref(), layers.len()));
        }
        let merge_equal_columns = plan.merge_equal_columns;
        let network = network.clone();
        Ok(CpuPrepared {
            pool,
            network,
            threshold_layer,
            merge_equal_columns,
            merged_neurons,
            outputs,
            early_exit,
            method,
            notes,
        })
    }
}

/// Brings layers into the form of a method, and remembers what was found on the way.
struct Preparation<'a> {
    kernels: Kernels,
    network: &'a Network,
    /// Of the layers that XY-2021 computes.
    choices: Vec<Choice>,
}

impl Preparation<'_> {
    fn feed_forward(&mut self, method: FeedForward, layers: &[Arc<Layer>]) -> PreparedMethod {
        PreparedMethod::FeedForward(self.feed_forward_method(method, layers))
    }

    /// `layers` are the network's first layers.
    fn feed_forward_method(
        &mut self,
        method: FeedForward,
        layers: &[Arc<Layer>],
    ) -> Box<dyn FeedForwardMethod> {
        if method == FeedForward::Snig2020 {
            let layers = layers.iter().map(Arc::as_ref);
            return Box::new(TaskGraphFeedForward::new(self.kernels, self.network.inputs(), layers));
        }
        let products = self.products(method, layers);
        let prepare = |(layer, spmm): (&Arc<Layer>, _)| PreparedLayer {
            spmm,
            epilogue: Epilogue::of(layer),
            connections: layer.weights().connections(),
        };
        let layers = layers.iter().zip(products).map(prepare).collect();
        Box::new(CompactingFeedForward::new(self.kernels, layers))
    }

    /// The sparse product of each layer as `method` computes it.
    fn products(&mut self, method: FeedForward, layers: &[Arc<Layer>]) -> Vec<Box<dyn Spmm>> {
        let kernels = self.kernels;
        if method != FeedForward::Xy2021 {
            let product = |layer: &Arc<Layer>| -> Box<dyn Spmm> {
                Box::new(ScatterSpmm::new(kernels, layer.weights()))
            };
            return layers.par_iter().map(product).collect();
        }
        let product = |layer: &Arc<Layer>| modelled_product(kernels, layer.weights());
        let (products, choices): (Vec<_>, Vec<_>) = layers.par_iter().map(product).unzip();
        self.choices.extend(choices);
        products
    }

    fn notes(&self) -> Vec<String> {
        let layers = self.choices.len();
        let dense = self.choices.iter().filter(|&&choice| choice == Choice::Dense).count();
        let shared = self.choices.iter().filter_map(|choice| match choice {
            Choice::Strips { shared_outputs: 1.., mean_outputs } => Some(*mean_outputs),
            _ => None,
        });
        let (with_blocks, outputs) = shared.fold((0, 0.0), |(n, sum), mean| (n + 1, sum + mean));
        let mut notes = Vec::new();
        if dense > 0 {
            notes.push(format!("dense product in {dense} of {layers} layers"));
        }
        let either = self.choices.iter().filter(|&&choice| choice == Choice::Either).count();
        if either > 0 {
            notes.push(format!(
                "dense product for one and for many inputs in {either} of {layers} layers"
            ));
        }
        if with_blocks > 0 {
            let mean = outputs / f64::from(with_blocks);
            notes.push(format!(
                "mini-blocks in {with_blocks} of {layers} layers, {mean:.1} outputs on average"
            ));
        } else if dense + either < layers {
            let plain = layers - dense - either;
            notes.push(format!("no mini-blocks in {plain} of {layers} layers: plain gather kernel"));
        }
        notes
    }
}

impl Prepared for CpuPrepared {
    fn features(&self) -> usize {
        self.network.inputs()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn infer_batch(&self, batch: &InputBatch<'_>, observer: &dyn Observer) -> Result<Outcome, Error> {
        validate_batch(batch, self.features())?;
        let threads = self.worthwhile_threads(batch);
        let mut run = Run::new(&self.network, threads, observer).exiting_early(self.early_exit.as_ref());
        if self.merge_equal_columns {
            run = run.merging_equal_columns();
        }
        let mut infer = || {
            let source = Source::Inputs(batch, 0..batch.len());
            let result = match &self.method {
                PreparedMethod::Snicit(snicit) => snicit.infer(&run, source),
                PreparedMethod::FeedForward(method) => {
                    let layers = self.network.layers().len();
                    feed_forward(&**method, &run, source, self.threshold_layer, layers)
                }
            };
            self.apply_extras(&mut run, result?)
        };
        let result = if threads == 1 { infer() } else { self.pool.install(infer) }?;
        let early_exit = run.exited();
        let report = Report {
            threshold_layer: self.threshold_layer,
            times: result.times,
            upload: Duration::ZERO,
            live_columns: run.into_live_columns(result.columns.len()),
            centroids: result.centroids.map(|centroids| centroids as u64),
            reduction: self.merged_neurons.as_ref().map(MergedNeurons::reduction),
            early_exit,
        };
        let output = Output::new(batch.len(), self.outputs, result.columns);
        Ok(Outcome::new(output, report))
    }
}

impl CpuPrepared {
    /// Makes the answer of what the extras of the plan left of it; their time counts as recovery.
    fn apply_extras(&self, run: &mut Run<'_>, mut result: BatchResult) -> Result<BatchResult, Error> {
        let start = Instant::now();
        if run.exited().is_some() {
            result.columns = run.finish_exit(result.columns, self.network.outputs())?;
        }
        if self.merge_equal_columns {
            result.columns = run.restore_equal(result.columns);
        }
        if let Some(merged) = &self.merged_neurons {
            let expand = |(): &mut (), Column { input, values }| {
                Ok(Column { input, values: merged.expand(values) })
            };
            result.columns = run.map(result.columns, || (), expand)?;
        }
        result.times.recovery += start.elapsed();
        Ok(result)
    }

    /// Threads that a batch is worth: waking others takes longer than a few columns do, if layers are small.
    fn worthwhile_threads(&self, batch: &InputBatch<'_>) -> usize {
        /// About the work of a tenth of a millisecond on one thread.
        const SMALL_EDGES: u64 = 4_000_000;
        let edges = self.network.connections().saturating_mul(batch.len() as u64);
        let mut layers = self.network.layers().iter();
        let worthwhile = if batch.len() <= LANES {
            layers.any(|layer| worth_dividing(layer.weights().connections()))
        } else {
            edges >= SMALL_EDGES
        };
        if worthwhile { self.pool.current_num_threads() } else { 1 }
    }
}

/// Plain feed-forward through all layers; its time is divided at the threshold layer.
fn feed_forward(
    method: &dyn FeedForwardMethod,
    run: &Run<'_>,
    source: Source<'_>,
    threshold_layer: usize,
    layers: usize,
) -> Result<BatchResult, Error> {
    let mut times = StageTimes::default();
    let start = Instant::now();
    let mut columns = method.pass(run, source, 0..threshold_layer)?;
    times.pre_convergence = start.elapsed();
    if threshold_layer < layers && run.exited().is_none() {
        let start = Instant::now();
        columns = method.pass(run, Source::Columns(columns), threshold_layer..layers)?;
        times.post_convergence = start.elapsed();
    }
    Ok(BatchResult { columns, times, centroids: None })
}
