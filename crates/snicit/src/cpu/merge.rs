//! Merging equal columns: columns that are equal after some layer are equal after every later one.
//!
//! One of them, the representative, is computed; the others, its twins, are restored from it at the end.
//! Nothing is lost. Columns of a network that converges become equal long before its last layer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::{Column, Error};

use super::run::Run;

/// The twins that were set aside, in the order in which that happened.
#[derive(Debug, Default)]
pub(super) struct Twins(Mutex<Vec<Twin>>);

#[derive(Debug, Clone, Copy)]
struct Twin {
    input: u32,
    representative: u32,
}

impl Twins {
    /// Sets the twins among `columns` aside; keeps the first of equal ones.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn set_aside(&self, run: &Run<'_>, columns: Vec<Column>) -> Result<Vec<Column>, Error> {
        let hashed = run.map(
            columns,
            || (),
            |(), column| {
                run.check()?;
                Ok((hash(&column.values), column))
            },
        )?;
        let mut kept: Vec<Column> = Vec::new();
        // Different columns may have the same hash: then all of them are compared.
        let mut with_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut twins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, column) in hashed {
            let candidates = with_hash.entry(hash).or_default();
            // Compares bits, as the hash does: 0 and -0 are different columns.
            let same = |&&k: &&usize| {
                let pairs = kept[k].values.iter().zip(&column.values);
                pairs.map(|(a, b)| u32::from(a.to_bits() != b.to_bits())).sum::<u32>() == 0
            };
            if let Some(&k) = candidates.iter().find(same) {
                twins.push(Twin { input: column.input, representative: kept[k].input });
            } else {
                candidates.push(kept.len());
                kept.push(column);
            }
        }
        Ok(kept)
    }

    /// Puts the twins of `columns` back, equal to what has become of their representatives. A
    /// representative that is missing was dropped as empty, and so are its twins.
    pub(super) fn restore(self, mut columns: Vec<Column>) -> Vec<Column> {
        let twins = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if twins.is_empty() {
            return columns;
        }
        let mut place: HashMap<u32, usize> =
            columns.iter().enumerate().map(|(k, column)| (column.input, k)).collect();
        // A representative may have become a twin later; that one is restored first.
        for Twin { input, representative } in twins.into_iter().rev() {
            if let Some(&k) = place.get(&representative) {
                place.insert(input, columns.len());
                columns.push(Column { input, values: columns[k].values.clone() });
            }
        }
        columns.sort_unstable_by_key(|column| column.input);
        columns
    }
}

/// Any hash would do, as equal ones are compared; this one reads eight bytes a step.
fn hash(values: &[f32]) -> u64 {
    /// An odd number without structure: 2⁶⁴ over the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (pairs, rest) = values.as_chunks::<2>();
    let mut hash = values.len() as u64;
    for [a, b] in pairs {
        let word = u64::from(a.to_bits()) << 32 | u64::from(b.to_bits());
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
    for last in rest {
        hash = (hash.rotate_left(23) ^ u64::from(last.to_bits())).wrapping_mul(FACTOR);
    }
    // The best bits of a product are the upper ones; a table uses the lower.
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Bias, Layer, Network, SparseWeights};

    fn column(input: u32, values: &[f32]) -> Column {
        Column { input, values: values.into() }
    }

    #[test]
    fn twins_come_back_through_all_their_representatives() {
        let weights = SparseWeights::from_connections(3, 3, vec![]).unwrap();
        let layer = Layer::new(weights, Bias::Uniform(0.0), Activation::SDGC).unwrap();
        let network = Network::new([layer]).unwrap();
        let run = Run::new(&network, 1, &());
        let twins = Twins::default();

        let (a, b, c) = ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [0.0, 0.0, 5.0]);
        let columns = vec![column(0, &a), column(2, &b), column(5, &a), column(6, &c), column(7, &c)];
        let kept = twins.set_aside(&run, columns).unwrap();
        assert_eq!(kept, [column(0, &a), column(2, &b), column(6, &c)]);
        // Later 0 and 2 are equal as well, and 6 has been dropped.
        let kept = twins.set_aside(&run, vec![column(0, &b), column(2, &b)]).unwrap();
        assert_eq!(kept, [column(0, &b)]);
        let restored = twins.restore(vec![column(0, &c)]);
        assert_eq!(restored, [column(0, &c), column(2, &c), column(5, &c)]);
    }

    #[test]
    fn hashes_tell_columns_apart() {
        let mut seen: Vec<u64> = (0..40)
            .flat_map(|length| {
                let zeros = vec![0.0; length];
                let ones = (0..length).map(move |i| {
                    let mut column = vec![0.0; length];
                    column[i] = 1.0;
                    column
                });
                ones.chain([zeros]).map(|column| hash(&column)).collect::<Vec<u64>>()
            })
            .collect();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
