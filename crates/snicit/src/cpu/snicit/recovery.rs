//! Stage 4, recovery: `Y(l)_j = Ŷ(l)_j + Ŷ(l)_{M(j)}` for residue columns; centroids are what they are.

use rayon::prelude::*;

use super::conversion::Converted;
use crate::Column;

/// `Y(l)`, ascending by input.
pub(super) fn recover(converted: Converted) -> Vec<Column> {
    let Converted { centroids, residues, emptied } = converted;
    let mut columns: Vec<Column> = centroids
        .into_par_iter()
        .zip(residues)
        .zip(emptied)
        .flat_map(|((centroid, residues), emptied)| {
            let add = |mut residue: Column| {
                for (y, &center) in residue.values.iter_mut().zip(&centroid.values) {
                    *y += center;
                }
                residue
            };
            let equal = |input| Column { input, values: centroid.values.clone() };
            let mut columns: Vec<Column> = residues.into_iter().map(add).collect();
            columns.par_extend(emptied.into_par_iter().map(equal));
            columns.push(centroid);
            columns
        })
        .collect();
    columns.sort_unstable_by_key(|column| column.input);
    columns
}
