//! Centroid columns on their way through a run of layers: `Ŷ'_c = σ(Z_c + b)`.

use super::ConvertedLayer;
use crate::cpu::kernels::Kernels;
use crate::cpu::run::Run;
use crate::cpu::spmm::SpmmScratch;
use crate::cpu::tile::{LANES, LaneRow, first_lanes};
use crate::{Column, Error};

/// `Z_c + b` of one centroid, for each layer of a run one value a neuron.
pub(super) type Trajectory = Vec<Box<[f32]>>;

/// Takes the centroids through `layers`, the first of which is number `first` (0-based) of the network.
/// Their trajectories are kept if `keep`, else they are empty.
///
/// # Errors
/// [`Error::Cancelled`].
pub(super) fn pass(
    run: &Run<'_>,
    kernels: &Kernels,
    first: usize,
    layers: &[ConvertedLayer],
    centroids: Vec<Column>,
    keep: bool,
) -> Result<(Vec<Column>, Vec<Trajectory>), Error> {
    let few = layers.iter().map(|layer| layer.spmm.few_columns()).min().unwrap_or(0);
    let together = if centroids.len() <= few { 1 } else { LANES };
    let mut centroids = centroids.into_iter();
    let groups: Vec<Vec<Column>> = std::iter::from_fn(|| {
        let group: Vec<Column> = centroids.by_ref().take(together).collect();
        (!group.is_empty()).then_some(group)
    })
    .collect();
    let passed = run.map(groups, SpmmScratch::default, |scratch, group| {
        if together == 1 {
            pass_one_by_one(run, first, layers, group, keep, scratch)
        } else {
            pass_tile(run, kernels, first, layers, group, keep, scratch)
        }
    })?;
    Ok(passed.into_iter().flatten().unzip())
}

fn pass_one_by_one(
    run: &Run<'_>,
    first: usize,
    layers: &[ConvertedLayer],
    centroids: Vec<Column>,
    keep: bool,
    scratch: &mut SpmmScratch,
) -> Result<Vec<(Column, Trajectory)>, Error> {
    let pass = |Column { input, values }: Column| {
        let (mut values, mut biased) = (values.into_vec(), Vec::new());
        let mut trajectory = Trajectory::new();
        for (i, layer) in layers.iter().enumerate() {
            run.enter_layer(first + i, 1)?;
            biased.resize(layer.spmm.outputs(), 0.0);
            layer.spmm.multiply_column(&layer.biased, &values, &mut biased, scratch);
            values.clear();
            values.extend(biased.iter().map(|&z| layer.activate(z)));
            if keep {
                trajectory.push(biased.as_slice().into());
            }
            run.passed_layer(first + i, 1, 0);
        }
        Ok((Column { input, values: values.into_boxed_slice() }, trajectory))
    };
    centroids.into_iter().map(pass).collect()
}

/// The same for up to sixteen centroids at once.
fn pass_tile(
    run: &Run<'_>,
    kernels: &Kernels,
    first: usize,
    layers: &[ConvertedLayer],
    centroids: Vec<Column>,
    keep: bool,
    scratch: &mut SpmmScratch,
) -> Result<Vec<(Column, Trajectory)>, Error> {
    let (count, lanes) = (centroids.len(), first_lanes(centroids.len()));
    let mut rows = vec![LaneRow::ZERO; centroids[0].values.len()];
    let values: Vec<&[f32]> = centroids.iter().map(|centroid| &*centroid.values).collect();
    kernels.store_columns(&mut rows, &values);
    let mut trajectories = vec![Trajectory::new(); count];
    let mut biased = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        run.enter_layer(first + i, count)?;
        biased.resize(layer.spmm.outputs(), LaneRow::ZERO);
        layer.spmm.multiply(&layer.biased, &rows, &mut biased, scratch);
        rows.clear();
        rows.extend(biased.iter().map(|row| LaneRow(row.0.map(|z| layer.activate(z)))));
        if keep {
            let values = kernels.load_columns(&biased, lanes);
            trajectories.iter_mut().zip(values).for_each(|(all, values)| all.push(values));
        }
        run.passed_layer(first + i, count, 0);
    }
    let columns = centroids.into_iter().zip(kernels.load_columns(&rows, lanes));
    let columns = columns.map(|(centroid, values)| Column { input: centroid.input, values });
    Ok(columns.zip(trajectories).collect())
}
