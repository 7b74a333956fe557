//! Residue columns on their way through a run of layers: `Ŷ'_j = σ(Z_c + Z_j + b) − σ(Z_c + b)`.

use super::ConvertedLayer;
use super::centroids::Trajectory;
use crate::cpu::kernels::{Kernels, ResidueUpdate};
use crate::cpu::run::Run;
use crate::cpu::spmm::SpmmScratch;
use crate::cpu::tile::{LANES, LaneMask, LaneRow, first_lanes, lanes_of, tiles_for};
use crate::{Column, Error};

/// Up to sixteen residue columns of one centroid.
pub(super) struct ResidueTile {
    pub(super) centroid: usize,
    inputs: Vec<u32>,
    rows: Vec<LaneRow>,
    /// Lanes that are not empty.
    live: LaneMask,
}

/// Puts residue columns of one centroid into tiles.
pub(super) fn tiles(
    kernels: &Kernels,
    centroid: usize,
    columns: Vec<Column>,
) -> impl Iterator<Item = ResidueTile> {
    let mut columns = columns.into_iter();
    std::iter::from_fn(move || {
        let columns: Vec<Column> = columns.by_ref().take(LANES).collect();
        let mut rows = vec![LaneRow::ZERO; columns.first()?.values.len()];
        let values: Vec<&[f32]> = columns.iter().map(|column| &*column.values).collect();
        kernels.store_columns(&mut rows, &values);
        let inputs: Vec<u32> = columns.iter().map(|column| column.input).collect();
        let live = first_lanes(inputs.len());
        Some(ResidueTile { centroid, inputs, rows, live })
    })
}

impl ResidueTile {
    /// Takes the tile through `layers`, the first of which is number `first` (0-based) of the network, or
    /// as far as it is not empty. `trajectory` is its centroid's; residues of at most `prune` become zero.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    #[allow(clippy::too_many_arguments, reason = "what the tiles of a run share")]
    pub(super) fn pass(
        &mut self,
        run: &Run<'_>,
        kernels: &Kernels,
        first: usize,
        layers: &[ConvertedLayer],
        trajectory: &Trajectory,
        prune: f32,
        scratch: &mut SpmmScratch,
    ) -> Result<(), Error> {
        let mut next = Vec::new();
        let columns = self.inputs.len();
        for (i, (layer, centroid)) in layers.iter().zip(trajectory).enumerate() {
            run.enter_layer(first + i, self.live.count_ones() as usize)?;
            next.resize(layer.spmm.outputs(), LaneRow::ZERO);
            layer.spmm.multiply(&layer.product, &self.rows, &mut next, scratch);
            std::mem::swap(&mut self.rows, &mut next);
            let update = ResidueUpdate { centroid, low: layer.low, high: layer.high, prune };
            self.live = kernels.update_residues(&update, &mut self.rows);
            run.passed_layer(first + i, columns, 0);
            if self.live == 0 {
                // The rebuild behind the run spares the layers after it.
                (i + 1..layers.len()).for_each(|i| run.passed_layer(first + i, columns, 0));
                break;
            }
        }
        Ok(())
    }

    /// Inputs whose residue column is empty.
    pub(super) fn empty_inputs(&self) -> impl Iterator<Item = u32> + '_ {
        let empty = first_lanes(self.inputs.len()) & !self.live;
        lanes_of(empty).map(|lane| self.inputs[lane])
    }

    /// The columns that are not empty.
    pub(super) fn live_columns(&self, kernels: &Kernels) -> impl Iterator<Item = Column> + '_ {
        let inputs = lanes_of(self.live).map(|lane| self.inputs[lane]);
        let values = kernels.load_columns(&self.rows, self.live);
        inputs.zip(values).map(|(input, values)| Column { input, values })
    }
}

/// Drops the residue columns that are empty; their inputs join `emptied`. Tiles of a centroid are filled
/// up anew where that saves one. `dropped` is told how many columns were dropped.
pub(super) fn rebuild(
    kernels: &Kernels,
    tiles: Vec<ResidueTile>,
    emptied: &mut [Vec<u32>],
    dropped: impl Fn(usize),
) -> Vec<ResidueTile> {
    let mut rebuilt = Vec::new();
    let mut rest = tiles.into_iter().peekable();
    while let Some(first) = rest.next() {
        let centroid = first.centroid;
        let mut group = vec![first];
        while let Some(tile) = rest.next_if(|tile| tile.centroid == centroid) {
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
            columns.extend(tile.live_columns(kernels));
        }
        rebuilt.extend(self::tiles(kernels, centroid, columns));
    }
    rebuilt
}
