//! Stage 3, post-convergence update: the layers behind the threshold layer on `Ŷ`.
//!
//! For a centroid column `c` of `Ŷ`, with `Z = W·Ŷ`: `Ŷ'_c = σ(Z_c + b)`. For a residue column `j` of that
//! centroid: `Ŷ'_j = σ(Z_c + Z_j + b) − σ(Z_c + b)`.
//!
//! A tile holds residues of one centroid only, so that `Z_c + b` is the same value for all lanes. Centroids
//! do not depend on residues: they go ahead through a run of layers and leave their `Z_c + b` behind, and
//! the residue tiles follow, each on its own. After each run, empty residue columns are dropped (the
//! paper's `ne_idx` is rebuilt).

mod centroids;
mod residues;

use super::conversion::Converted;
use crate::cpu::feed_forward::LAYERS_BETWEEN_EXITS;
use crate::cpu::kernels::Kernels;
use crate::cpu::layout::Epilogue;
use crate::cpu::run::Run;
use crate::cpu::spmm::{Spmm, SpmmScratch};
use crate::network::Layer;
use crate::{Column, Error, SnicitOptions};
use residues::ResidueTile;

/// The layers behind the threshold layer.
pub(in crate::cpu) struct PostConvergence {
    kernels: Kernels,
    /// Number of the first of these layers in the network, 0-based.
    first_layer: usize,
    layers: Vec<ConvertedLayer>,
    rebuild_interval: usize,
    /// Residues of at most this magnitude become zero.
    prune: f32,
}

/// A layer as it works on `Ŷ`.
struct ConvertedLayer {
    spmm: Box<dyn Spmm>,
    /// For residues: neither bias nor activation, the load-reduced spMM.
    product: Epilogue,
    /// For centroids: the bias; the activation follows apart, as residues need both values.
    biased: Epilogue,
    low: f32,
    high: f32,
}

impl ConvertedLayer {
    /// σ.
    fn activate(&self, z: f32) -> f32 {
        z.max(self.low).min(self.high)
    }
}

impl PostConvergence {
    /// Takes the layers behind the first `first_layer`, each with its product.
    pub(in crate::cpu) fn new<'a>(
        kernels: Kernels,
        first_layer: usize,
        layers: impl Iterator<Item = (&'a Layer, Box<dyn Spmm>)>,
        options: &SnicitOptions,
    ) -> Self {
        let layers = layers.map(|(layer, spmm)| {
            let (low, high) = layer.activation().bounds();
            let product = Epilogue::none(layer.outputs());
            ConvertedLayer { spmm, product, biased: Epilogue::bias_only(layer), low, high }
        });
        PostConvergence {
            kernels,
            first_layer,
            layers: layers.collect(),
            rebuild_interval: options.rebuild_interval,
            prune: options.prune_at_update,
        }
    }

    /// `Ŷ(t)` to `Ŷ(l)`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn pass(&self, run: &Run<'_>, converted: Converted) -> Result<Converted, Error> {
        if self.layers.is_empty() {
            return Ok(converted);
        }
        let Converted { mut centroids, residues, mut emptied } = converted;
        run.spared_from(self.first_layer, emptied.iter().map(Vec::len).sum());
        let columns = residues.into_iter().enumerate();
        let mut tiles: Vec<ResidueTile> =
            columns.flat_map(|(c, columns)| residues::tiles(&self.kernels, c, columns)).collect();

        let mut start = 0;
        while start < self.layers.len() {
            if tiles.is_empty() && run.exits_before(self.first_layer + start, &centroids) {
                break;
            }
            let mut length = self.run_length(start, centroids.len());
            if run.exit_from().is_some() {
                length = length.min(LAYERS_BETWEEN_EXITS);
            }
            let end = self.layers.len().min(start + length);
            let layers = &self.layers[start..end];
            let first = self.first_layer + start;
            let trajectories;
            (centroids, trajectories) =
                centroids::pass(run, &self.kernels, first, layers, centroids, !tiles.is_empty())?;
            tiles = run.map(tiles, SpmmScratch::default, |scratch, mut tile| {
                let trajectory = &trajectories[tile.centroid];
                tile.pass(run, &self.kernels, first, layers, trajectory, self.prune, scratch)?;
                Ok(tile)
            })?;
            tiles = residues::rebuild(&self.kernels, tiles, &mut emptied, |columns| {
                run.spared_from(self.first_layer + end, columns);
            });
            start = end;
        }

        let mut residues: Vec<Vec<Column>> = emptied.iter().map(|_| Vec::new()).collect();
        for tile in tiles {
            residues[tile.centroid].extend(tile.live_columns(&self.kernels));
            emptied[tile.centroid].extend(tile.empty_inputs());
        }
        Ok(Converted { centroids, residues, emptied })
    }

    /// How many layers from `start` (counted from the threshold layer) go before the next rebuild: the
    /// interval asked for, less if the centroids' trajectories would take too much memory.
    fn run_length(&self, start: usize, centroids: usize) -> usize {
        const TRAJECTORY_BYTES: usize = 64 << 20;
        let fitting = self.layers[start..].iter().scan(0, |sum, layer| {
            *sum += layer.spmm.outputs() * size_of::<f32>() * centroids;
            Some(*sum)
        });
        let fitting = fitting.take_while(|&sum| sum <= TRAJECTORY_BYTES).count();
        fitting.clamp(1, self.rebuild_interval)
    }
}
