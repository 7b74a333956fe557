//! Stage 4, recovery: `Y(l)_j = Ŷ(l)_j + Ŷ(l)_{M(j)}` for residue columns; centroids are what they are.

use super::conversion::Converted;
use crate::cpu::run::Run;
use crate::{Column, Error};

/// `Y(l)`, ascending by input.
///
/// # Errors
/// [`Error::Cancelled`].
pub(super) fn recover(run: &Run<'_>, converted: Converted) -> Result<Vec<Column>, Error> {
    let Converted { centroids, residues, emptied } = converted;
    let mut columns = Vec::new();
    for ((centroid, residues), emptied) in centroids.into_iter().zip(residues).zip(emptied) {
        let recovered = run.map(
            residues,
            || (),
            |(), mut residue| {
                run.check()?;
                for (y, &center) in residue.values.iter_mut().zip(&centroid.values) {
                    *y += center;
                }
                Ok(residue)
            },
        )?;
        columns.extend(recovered);
        let equal = |(): &mut (), input| Ok(Column { input, values: centroid.values.clone() });
        columns.extend(run.map(emptied, || (), equal)?);
        columns.push(centroid);
    }
    columns.sort_unstable_by_key(|column| column.input);
    Ok(columns)
}
