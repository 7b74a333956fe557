//! XY-2021 where some layers are dense: consecutive dense layers go through one kernel, which keeps the
//! activations on chip.

use std::ops::Range;

use rayon::prelude::*;
use snicit::{Error, Layer};

use crate::CudaError;
use crate::columns::{Columns, Layout};
use crate::dense::{self, DenseLimits, DenseSpmm};
use crate::feed_forward::FeedForwardMethod;
use crate::layout::{MAX_FUSED_LAYERS, scale_behind};
use crate::run::{LiveMarks, Run};
use crate::runtime::Device;
use crate::spmm::{Product, Spmm};
use crate::weights::WeightStore;
use crate::xy2021::{self, Choice};

/// Which layers are taken together, by index.
pub(crate) struct FusionPlan {
    steps: Vec<(Range<usize>, bool)>,
}

impl FusionPlan {
    /// Looks for runs of dense layers; none crosses `boundary`. `None` if no layer is dense.
    pub(crate) fn find(layers: &[&Layer], boundary: usize, limits: DenseLimits) -> Option<Self> {
        let is_dense: Vec<bool> =
            layers.par_iter().map(|layer| xy2021::prefers_dense(layer, limits)).collect();
        let mut steps: Vec<(Range<usize>, bool)> = Vec::new();
        let mut open = false;
        for (index, (layer, &dense)) in layers.iter().zip(&is_dense).enumerate() {
            let fusible = dense && dense::can_be_fused(layer);
            match steps.last_mut() {
                Some((step, _))
                    if open && fusible && index != boundary && step.len() < MAX_FUSED_LAYERS =>
                {
                    step.end += 1;
                }
                _ => steps.push((index..index + 1, dense)),
            }
            open = fusible;
        }
        is_dense.contains(&true).then_some(FusionPlan { steps })
    }

    /// How many layers are in steps of more than one.
    pub(crate) fn fused_layers(&self) -> usize {
        self.steps.iter().map(|(layers, _)| layers.len()).filter(|&layers| layers > 1).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Brings the layers of a step into their form.
    pub(crate) fn build(
        &self,
        step: usize,
        layers: &[&Layer],
        limits: DenseLimits,
        device: &Device,
    ) -> (Step, Vec<Choice>, Vec<u8>) {
        let (range, is_dense) = self.steps[step].clone();
        let of_step = &layers[range.clone()];
        let last = of_step[of_step.len() - 1];
        let bounds = last.activation().bounds();
        if is_dense {
            let input_scale = match range.start.checked_sub(1) {
                Some(before) => scale_behind(layers[before].activation()),
                None => 0.0,
            };
            let (spmm, bytes) = DenseSpmm::build(of_step, input_scale, limits);
            let choices = vec![Choice::dense(&spmm); range.len()];
            return (Step { layers: range, bounds, product: StepProduct::Dense(spmm) }, choices, bytes);
        }
        let (spmm, choice, bytes) = xy2021::build_sparse(last, device);
        (Step { layers: range, bounds, product: StepProduct::Sparse(spmm) }, vec![choice], bytes)
    }
}

/// Layers that one kernel computes.
pub(crate) struct Step {
    layers: Range<usize>,
    /// Bounds of the last layer's activation.
    bounds: (f32, f32),
    product: StepProduct,
}

enum StepProduct {
    Dense(DenseSpmm),
    Sparse(Box<dyn Spmm>),
}

impl StepProduct {
    fn spmm(&self) -> &dyn Spmm {
        match self {
            StepProduct::Dense(spmm) => spmm,
            StepProduct::Sparse(spmm) => &**spmm,
        }
    }

    /// Whether it takes the columns as they are.
    fn takes(&self, columns: &Columns) -> bool {
        matches!(self, StepProduct::Dense(_)) && columns.layout == Layout::InputMajor
    }
}

/// The steps of a network. Empty columns are dropped between steps.
pub(crate) struct FusedFeedForward {
    steps: Vec<Step>,
    weights: WeightStore,
}

impl FusedFeedForward {
    pub(crate) fn new(steps: Vec<Step>, weights: WeightStore) -> Self {
        FusedFeedForward { steps, weights }
    }
}

impl FeedForwardMethod for FusedFeedForward {
    fn weights(&self) -> &WeightStore {
        &self.weights
    }

    fn can_be_recorded(&self) -> bool {
        !self.weights.is_streamed()
    }

    fn pass(
        &self,
        run: &mut Run<'_>,
        mut columns: Columns,
        layers: Range<usize>,
    ) -> Result<Columns, Error> {
        let first = self.steps.partition_point(|step| step.layers.start < layers.start);
        let end = self.steps.partition_point(|step| step.layers.start < layers.end);
        let mut weights = self.weights.pass(run.stream, first..end);
        for index in first..end {
            let step = &self.steps[index];
            debug_assert!(step.layers.end <= layers.end, "a step crosses the threshold layer");
            for _ in step.layers.clone() {
                run.enter_layer(columns.count)?;
            }
            if !step.product.takes(&columns) {
                columns = run.to_rows(columns)?;
            }
            let drops = run.should_drop_before(step.layers.end);
            let marks = if drops { run.new_marks()? } else { LiveMarks::default() };
            let to = columns.other_buffer();
            let epilogue = Some(step.bounds);
            let product = Product { columns, to: run.activations(to), epilogue, marks };
            let spmm = step.product.spmm();
            spmm.enqueue(run, weights.fetch(index)?, &product)?;
            weights.used(index)?;
            columns = columns.written(Layout::NeuronMajor, to, spmm.outputs());
            if drops {
                let lists = &run.workspace.lists;
                columns = run.compact(columns, marks, lists)?;
            }
            for _ in step.layers.clone() {
                run.sent_layer()?;
            }
        }
        Ok(columns)
    }

    fn hand_over(
        &self,
        _run: &mut Run<'_>,
        columns: Columns,
        _layer: usize,
    ) -> Result<Columns, CudaError> {
        Ok(columns)
    }
}
