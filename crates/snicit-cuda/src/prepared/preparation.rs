//! From a network to the form of a method: for each layer a product, its weights on the GPU or ready to be streamed.

use snicit::{FeedForward, Layer, Method, Network, Plan, SnicitOptions};

use super::method::PreparedMethod;
use crate::bf2019::ScatterSpmm;
use crate::engine::Gpu;
use crate::feed_forward::{CompactingFeedForward, FeedForwardMethod};
use crate::fused::{FusedFeedForward, FusionPlan};
use crate::mini_blocks::{ChunkNeeds, MiniBlockFeedForward};
use crate::snicit::{PerLayerUpdate, PersistentUpdate, PostConvergence, Snicit};
use crate::snig2020::TaskGraphFeedForward;
use crate::spmm::Spmm;
use crate::weights::WeightStore;
use crate::workspace::Needs;
use crate::xy2021::{self, Choice};
use crate::{CudaError, CudaOptions, UpdateSchedule};

/// So many layers behind the threshold layer make a network a deep one.
const DEEP: usize = 64;

/// Brings layers into the form of a method, and remembers what was found on the way.
pub(super) struct Preparation<'a> {
    gpu: &'a Gpu,
    network: &'a Network,
    options: &'a CudaOptions,
    /// Of the layers that are computed by XY-2021's products.
    choices: Vec<Choice>,
    /// Layers that are taken together with others.
    fused: usize,
    /// What the engine's mini-blocks need, and what they are.
    chunks: Option<ChunkNeeds>,
    blocks_note: Option<String>,
}

impl<'a> Preparation<'a> {
    pub(super) fn new(gpu: &'a Gpu, network: &'a Network, options: &'a CudaOptions) -> Self {
        let (chunks, blocks_note) = (None, None);
        Preparation { gpu, network, options, choices: Vec::new(), fused: 0, chunks, blocks_note }
    }

    /// The network in the form of the plan's method.
    ///
    /// # Errors
    /// If a layer has too many connections, or what the driver says.
    pub(super) fn prepare(
        &mut self,
        plan: &Plan,
        threshold_layer: usize,
    ) -> Result<PreparedMethod, CudaError> {
        match plan.method {
            Method::Bf2019 => self.feed_forward(FeedForward::Bf2019, threshold_layer),
            Method::Snig2020 => self.feed_forward(FeedForward::Snig2020, threshold_layer),
            Method::Xy2021 => self.feed_forward(FeedForward::Xy2021, threshold_layer),
            Method::Snicit => self.snicit(&plan.snicit, threshold_layer),
        }
    }

    /// All layers, to be passed in two passes, up to the threshold layer and behind.
    fn feed_forward(
        &mut self,
        method: FeedForward,
        threshold_layer: usize,
    ) -> Result<PreparedMethod, CudaError> {
        let layers = self.network.layers().len();
        Ok(PreparedMethod::FeedForward(self.method(method, layers, threshold_layer)?))
    }

    /// The network's first `layers` layers, of which no two are taken together across layer `boundary`.
    fn method(
        &mut self,
        method: FeedForward,
        layers: usize,
        boundary: usize,
    ) -> Result<Box<dyn FeedForwardMethod>, CudaError> {
        let of_layers = || self.network.layers()[..layers].iter().map(AsRef::as_ref);
        if method == FeedForward::Snig2020 {
            let shape = self.gpu.shape;
            let (products, weights) = self.store(0, layers, |layer| ScatterSpmm::build(layer, shape))?;
            let max_width = self.network.max_width();
            let method = TaskGraphFeedForward::new(of_layers(), products, weights, shape, max_width);
            return Ok(Box::new(method));
        }
        if method == FeedForward::Xy2021
            && let Some(method) = self.fused(layers, boundary)?
        {
            return Ok(Box::new(method));
        }
        let (products, weights, choices) = self.products(method, 0, layers)?;
        let method = CompactingFeedForward::new(of_layers(), products, weights);
        self.choices.extend(choices);
        Ok(Box::new(method))
    }

    /// The network's first `layers` layers by XY-2021, if some of them are dense.
    fn fused(&mut self, layers: usize, boundary: usize) -> Result<Option<FusedFeedForward>, CudaError> {
        let of_network: Vec<&Layer> =
            self.network.layers()[..layers].iter().map(AsRef::as_ref).collect();
        let Some(plan) = FusionPlan::find(&of_network, boundary, self.gpu.dense) else {
            return Ok(None);
        };
        for layer in 0..layers {
            self.check_connections(layer)?;
        }
        let (built, weights) =
            WeightStore::new(&self.gpu.device, self.options.weights, plan.len(), |step| {
                let (step, choices, bytes) =
                    plan.build(step, &of_network, self.gpu.dense, &self.gpu.device);
                Ok(((step, choices), bytes))
            })?;
        let (steps, choices): (Vec<_>, Vec<_>) = built.into_iter().unzip();
        self.choices.extend(choices.into_iter().flatten());
        self.fused += plan.fused_layers();
        Ok(Some(FusedFeedForward::new(steps, weights)))
    }

    /// SNICIT's layers up to the threshold layer and behind.
    fn snicit(
        &mut self,
        options: &SnicitOptions,
        threshold_layer: usize,
    ) -> Result<PreparedMethod, CudaError> {
        let before: Box<dyn FeedForwardMethod> = match self.mini_blocks(options, threshold_layer)? {
            Some(blocks) => Box::new(blocks),
            None => self.method(options.pre_convergence, threshold_layer, threshold_layer)?,
        };
        let behind = self.post_convergence(options, threshold_layer)?;
        let neurons = match threshold_layer {
            0 => self.network.inputs(),
            t => self.network.layers()[t - 1].outputs(),
        };
        let snicit = Snicit::new(before, threshold_layer, neurons, options, behind);
        Ok(PreparedMethod::Snicit(Box::new(snicit)))
    }

    /// The network's first `layers` layers by the engine's mini-blocks, where that is wanted and fit.
    fn mini_blocks(
        &mut self,
        snicit: &SnicitOptions,
        layers: usize,
    ) -> Result<Option<MiniBlockFeedForward>, CudaError> {
        if snicit.pre_convergence != FeedForward::Xy2021 {
            return Ok(None);
        }
        let CudaOptions { weights, mini_blocks, .. } = *self.options;
        let blocks = MiniBlockFeedForward::new(self.gpu, weights, self.network, layers, mini_blocks)?;
        self.chunks = blocks.as_ref().map(MiniBlockFeedForward::needs);
        self.blocks_note = blocks.as_ref().map(MiniBlockFeedForward::note);
        Ok(blocks)
    }

    /// The layers from `first` on.
    fn post_convergence(
        &mut self,
        options: &SnicitOptions,
        first: usize,
    ) -> Result<PostConvergence, CudaError> {
        let layers: Vec<&Layer> = self.network.layers()[first..].iter().map(AsRef::as_ref).collect();
        let method = options.post_convergence;
        // The persistent update has sparse products only: it is left where the dense one would do most of the work.
        // That is for many columns. Behind the conversion of a deep network a few are left.
        let prefers_dense = || {
            let connections = |layer: &&&Layer| layer.weights().connections();
            let dense = layers.iter().filter(|layer| xy2021::prefers_dense(layer, self.gpu.dense));
            let dense: usize = dense.map(|layer| connections(&layer)).sum();
            layers.len() < DEEP && 2 * dense > layers.iter().map(|layer| connections(&layer)).sum()
        };
        if self.options.update == UpdateSchedule::Persistent
            && method == FeedForward::Xy2021
            && !prefers_dense()
        {
            let check = |index| self.check_connections(first + index);
            let built =
                PersistentUpdate::build(self.gpu, self.options.weights, &layers, options, check)?;
            if let Some((update, choices)) = built {
                self.choices.extend(choices);
                return Ok(PostConvergence::Persistent(update));
            }
        }
        let (products, weights, choices) = self.products(method, first, layers.len())?;
        self.choices.extend(choices);
        let update = PerLayerUpdate::new(layers.into_iter(), products, weights, options);
        Ok(PostConvergence::PerLayer(update))
    }

    #[allow(clippy::type_complexity, reason = "a triple that is taken apart at once")]
    fn products(
        &self,
        method: FeedForward,
        first: usize,
        layers: usize,
    ) -> Result<(Vec<Box<dyn Spmm>>, WeightStore, Vec<Choice>), CudaError> {
        if method == FeedForward::Xy2021 {
            let (built, weights) = self.store(first, layers, |layer| {
                let (spmm, choice, bytes) = xy2021::build(layer, self.gpu.dense, &self.gpu.device);
                ((spmm, choice), bytes)
            })?;
            let (products, choices) = built.into_iter().unzip();
            return Ok((products, weights, choices));
        }
        // SNIG-2020 differs from BF-2019 in how columns are kept, not in its product.
        let shape = self.gpu.shape;
        let (products, weights) = self.store(first, layers, |layer| {
            let (spmm, bytes) = ScatterSpmm::build(layer, shape);
            (Box::new(spmm) as Box<dyn Spmm>, bytes)
        })?;
        Ok((products, weights, Vec::new()))
    }

    /// Builds `layers` layers from `first` on and stores their weights.
    fn store<F: Send>(
        &self,
        first: usize,
        layers: usize,
        build: impl Fn(&Layer) -> (F, Vec<u8>) + Sync,
    ) -> Result<(Vec<F>, WeightStore), CudaError> {
        WeightStore::new(&self.gpu.device, self.options.weights, layers, |index| {
            self.check_connections(first + index)?;
            Ok(build(&self.network.layers()[first + index]))
        })
    }

    /// The kernels count the connections of a layer (0-based) in 32 bits.
    fn check_connections(&self, layer: usize) -> Result<(), CudaError> {
        let connections = self.network.layers()[layer].weights().connections();
        if u32::try_from(connections).is_err() {
            return Err(CudaError::TooManyConnections { layer: layer + 1, connections });
        }
        Ok(())
    }

    /// What the prepared method asks of a workspace.
    pub(super) fn needs(&self, plan: &Plan, method: &PreparedMethod) -> Needs {
        let pre_convergence = match plan.method {
            Method::Snicit => plan.snicit.pre_convergence.into(),
            method => method,
        };
        let conversion = match method {
            PreparedMethod::Snicit(snicit) => Some(snicit.conversion.needs()),
            PreparedMethod::FeedForward(_) => None,
        };
        let max_width = self.network.max_width();
        let flagged = pre_convergence == Method::Snig2020;
        Needs {
            layers: self.network.layers().len(),
            features: self.network.inputs(),
            max_width,
            sections: if flagged { self.gpu.shape.sections(max_width) } else { 0 },
            bit_rows: self.chunks.is_none()
                && (pre_convergence == Method::Xy2021 || plan.method == Method::Snicit),
            chunks: self.chunks,
            split_inputs: self.choices.iter().map(|choice| choice.split_inputs).max().unwrap_or(0),
            conversion,
        }
    }

    /// What was found in the layers, for people.
    pub(super) fn notes(&self) -> Vec<String> {
        let dense = self.choices.iter().filter(|choice| choice.dense).count();
        let searched = self.choices.len() - dense;
        let mut notes = Vec::new();
        if dense > 0 {
            let (all, fused) = (self.choices.len(), self.fused);
            let together = if fused > 0 { format!(", {fused} of them fused") } else { String::new() };
            notes.push(format!("dense product on tensor cores in {dense} of {all} layers{together}"));
        }
        let strips: Vec<f64> = self
            .choices
            .iter()
            .filter(|choice| choice.strips)
            .map(|choice| choice.mean_outputs)
            .collect();
        match (searched, strips.len()) {
            (0, _) => {}
            (searched, 0) => notes.push(format!("no mini-blocks in {searched} layers: general kernel")),
            (searched, with) => {
                let mean = strips.iter().sum::<f64>() / with as f64;
                let of = format!("{with} of {searched} layers");
                notes.push(format!("mini-blocks in {of}, {mean:.1} outputs on average"));
            }
        }
        notes.extend(self.blocks_note.clone());
        notes
    }
}
