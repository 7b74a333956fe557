//! Stage 3, post-convergence update: the layers behind the threshold layer on `Ŷ`.
//!
//! For a centroid column `c` of `Ŷ`, with `Z = W·Ŷ`: `Ŷ'_c = σ(Z_c + b)`. For a residue column `j` of that
//! centroid: `Ŷ'_j = σ(Z_c + Z_j + b) − σ(Z_c + b)`.
//!
//! A tile holds residues of one centroid only, so that `Z_c + b` is the same value for all lanes. Centroids
//! do not depend on residues: they go ahead through a run of layers and leave their `Z_c + b` behind, and
//! the residue tiles follow, each on its own. After each run, empty residue columns are dropped (the
//! paper's `ne_idx` is rebuilt).

use rayon::prelude::*;

use super::conversion::Converted;
use crate::cpu::kernels::{Kernels, ResidueUpdate};
use crate::cpu::layout::Epilogue;
use crate::cpu::run::Run;
use crate::cpu::spmm::{Spmm, SpmmScratch};
use crate::cpu::tile::{
    LANES, LaneMask, LaneRow, first_lanes, lanes_of, load_columns, store_columns, tiles_for,
};
use crate::network::Layer;
use crate::{Column, Error, SnicitOptions};

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

/// The centroids of a tile, their activations after the layers done so far.
struct CentroidTile {
    centroids: Vec<Column>,
    rows: Vec<LaneRow>,
}

/// Up to sixteen residue columns of one centroid.
struct ResidueTile {
    centroid: usize,
    inputs: Vec<u32>,
    rows: Vec<LaneRow>,
    /// Lanes that are not empty.
    live: LaneMask,
}

/// `Z_c + b` of the centroids of one tile, after each layer of a run.
type Trajectory = Vec<Vec<LaneRow>>;

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
        let Converted { centroids, residues, mut emptied } = converted;
        let spared = emptied.iter().map(Vec::len).sum();
        run.spared_from(self.first_layer, spared);
        let mut centroids = centroid_tiles(centroids);
        let mut tiles: Vec<ResidueTile> = residues
            .into_iter()
            .enumerate()
            .flat_map(|(centroid, columns)| residue_tiles(centroid, columns))
            .collect();

        let mut start = 0;
        while start < self.layers.len() {
            let end = self.layers.len().min(start + self.run_length(start, centroids.len()));
            let layers = &self.layers[start..end];
            let first = self.first_layer + start;
            let trajectories = centroids
                .par_iter_mut()
                .map(|tile| self.pass_centroids(run, first, layers, tile, !tiles.is_empty()))
                .collect::<Result<Vec<Trajectory>, Error>>()?;
            tiles.par_iter_mut().try_for_each_init(SpmmScratch::default, |scratch, tile| {
                let trajectory = &trajectories[tile.centroid / LANES];
                self.pass_residues(run, first, layers, trajectory, tile, scratch)
            })?;
            tiles = rebuild(tiles, &mut emptied, |columns| {
                run.spared_from(self.first_layer + end, columns);
            });
            start = end;
        }

        let mut residues: Vec<Vec<Column>> = emptied.iter().map(|_| Vec::new()).collect();
        for tile in tiles {
            residues[tile.centroid].extend(tile.live_columns());
            emptied[tile.centroid].extend(tile.empty_inputs());
        }
        let centroids = centroids.into_iter().flat_map(CentroidTile::into_columns).collect();
        Ok(Converted { centroids, residues, emptied })
    }

    /// How many layers from `start` (counted from the threshold layer) go before the next rebuild: the
    /// interval asked for, less if the centroids' trajectories would take too much memory.
    fn run_length(&self, start: usize, centroid_tiles: usize) -> usize {
        const TRAJECTORY_BYTES: usize = 64 << 20;
        let bytes =
            |layer: &ConvertedLayer| layer.spmm.outputs() * size_of::<LaneRow>() * centroid_tiles;
        let fitting = self.layers[start..].iter().scan(0, |sum, layer| {
            *sum += bytes(layer);
            Some(*sum)
        });
        let fitting = fitting.take_while(|&sum| sum <= TRAJECTORY_BYTES).count();
        fitting.clamp(1, self.rebuild_interval)
    }

    /// Takes the centroids of a tile through a run of layers. Their trajectory is kept if residues need
    /// it.
    fn pass_centroids(
        &self,
        run: &Run<'_>,
        first: usize,
        layers: &[ConvertedLayer],
        tile: &mut CentroidTile,
        keep: bool,
    ) -> Result<Trajectory, Error> {
        let mut scratch = SpmmScratch::default();
        let mut trajectory = Trajectory::new();
        let mut biased = Vec::new();
        let columns = tile.centroids.len();
        for (i, layer) in layers.iter().enumerate() {
            run.enter_layer(first + i, columns)?;
            biased.resize(layer.spmm.outputs(), LaneRow::ZERO);
            let ConvertedLayer { spmm, biased: epilogue, low, high, .. } = layer;
            spmm.multiply(epilogue, &tile.rows, &mut biased, &mut [0], &mut scratch);
            tile.rows.resize(biased.len(), LaneRow::ZERO);
            self.kernels.clamp(&biased, *low, *high, &mut tile.rows);
            if keep {
                trajectory.push(std::mem::take(&mut biased));
            }
            run.passed_layer(first + i, columns, 0);
        }
        Ok(trajectory)
    }

    /// Takes a tile of residues through a run of layers, or as far as it is not empty.
    fn pass_residues(
        &self,
        run: &Run<'_>,
        first: usize,
        layers: &[ConvertedLayer],
        trajectory: &Trajectory,
        tile: &mut ResidueTile,
        scratch: &mut SpmmScratch,
    ) -> Result<(), Error> {
        let mut next = Vec::new();
        let columns = tile.inputs.len();
        for (i, layer) in layers.iter().enumerate() {
            run.enter_layer(first + i, tile.live.count_ones() as usize)?;
            next.resize(layer.spmm.outputs(), LaneRow::ZERO);
            layer.spmm.multiply(&layer.product, &tile.rows, &mut next, &mut [0], scratch);
            std::mem::swap(&mut tile.rows, &mut next);
            let update = ResidueUpdate {
                centroid_tile: &trajectory[i],
                centroid_lane: tile.centroid % LANES,
                low: layer.low,
                high: layer.high,
                prune: self.prune,
            };
            tile.live = self.kernels.update_residues(&update, &mut tile.rows);
            run.passed_layer(first + i, columns, 0);
            if tile.live == 0 {
                // The rebuild behind the run spares the layers after it.
                (i + 1..layers.len()).for_each(|i| run.passed_layer(first + i, columns, 0));
                break;
            }
        }
        Ok(())
    }
}

/// Drops the residue columns that are empty; their inputs join `emptied`. Tiles of a centroid are filled
/// up anew where that saves one. `dropped` is told how many columns were dropped.
fn rebuild(
    tiles: Vec<ResidueTile>,
    emptied: &mut [Vec<u32>],
    dropped: impl Fn(usize),
) -> Vec<ResidueTile> {
    let mut rebuilt = Vec::new();
    let mut tiles = tiles.into_iter().peekable();
    while let Some(first) = tiles.next() {
        let centroid = first.centroid;
        let mut group = vec![first];
        while let Some(tile) = tiles.next_if(|tile| tile.centroid == centroid) {
            group.push(tile);
        }
        let live: usize = group.iter().map(|tile| tile.live.count_ones() as usize).sum();
        if tiles_for(live) == group.len() {
            rebuilt.extend(group);
            continue;
        }
        let mut columns = Vec::with_capacity(live);
        for tile in group {
            let before = emptied[centroid].len();
            emptied[centroid].extend(tile.empty_inputs());
            dropped(emptied[centroid].len() - before);
            columns.extend(tile.live_columns());
        }
        rebuilt.extend(residue_tiles(centroid, columns));
    }
    rebuilt
}

fn centroid_tiles(centroids: Vec<Column>) -> Vec<CentroidTile> {
    let mut centroids = centroids.into_iter();
    let tiles = std::iter::from_fn(|| {
        let centroids: Vec<Column> = centroids.by_ref().take(LANES).collect();
        (!centroids.is_empty()).then(|| CentroidTile { rows: to_tile(&centroids), centroids })
    });
    tiles.collect()
}

fn residue_tiles(centroid: usize, columns: Vec<Column>) -> impl Iterator<Item = ResidueTile> {
    let mut columns = columns.into_iter();
    std::iter::from_fn(move || {
        let columns: Vec<Column> = columns.by_ref().take(LANES).collect();
        let inputs: Vec<u32> = columns.iter().map(|column| column.input).collect();
        let live = first_lanes(inputs.len());
        let rows = to_tile(&columns);
        (!inputs.is_empty()).then_some(ResidueTile { centroid, inputs, rows, live })
    })
}

fn to_tile(columns: &[Column]) -> Vec<LaneRow> {
    let neurons = columns.first().map_or(0, |column| column.values.len());
    let mut rows = vec![LaneRow::ZERO; neurons];
    store_columns(&mut rows, columns.iter().map(|column| &*column.values));
    rows
}

impl CentroidTile {
    fn into_columns(self) -> impl Iterator<Item = Column> {
        let values = load_columns(&self.rows, first_lanes(self.centroids.len()));
        let inputs = self.centroids.into_iter().map(|column| column.input);
        inputs.zip(values).map(|(input, values)| Column { input, values })
    }
}

impl ResidueTile {
    fn empty_inputs(&self) -> impl Iterator<Item = u32> + '_ {
        let empty = first_lanes(self.inputs.len()) & !self.live;
        lanes_of(empty).map(|lane| self.inputs[lane])
    }

    /// The columns that are not empty.
    fn live_columns(&self) -> impl Iterator<Item = Column> + '_ {
        let inputs = lanes_of(self.live).map(|lane| self.inputs[lane]);
        let values = load_columns(&self.rows, self.live);
        inputs.zip(values).map(|(input, values)| Column { input, values })
    }
}
