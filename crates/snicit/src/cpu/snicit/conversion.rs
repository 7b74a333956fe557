//! Stage 2, cluster-based conversion: `Y(t)` becomes centroid columns and residues `Ŷ(t)`.

use crate::cpu::kernels::Kernels;
use crate::cpu::run::Run;
use crate::engine::SnicitOptions;
use crate::{Column, Error};

/// How to convert; symbols as in the paper.
pub(in crate::cpu) struct Conversion {
    kernels: Kernels,
    /// `s`.
    sampled_columns: usize,
    /// `n`; `None` for as many as there are neurons.
    segments: Option<usize>,
    /// η.
    sum_tolerance: f32,
    /// ε.
    differing_share: f32,
    /// Residues of at most this magnitude become zero.
    prune: f32,
}

/// The converted activations `Ŷ`. A column keeps its centroid for good (the paper's map M).
pub(super) struct Converted {
    /// The centroid columns `y*`.
    pub(super) centroids: Vec<Column>,
    /// For each centroid, the residue columns that are not empty.
    pub(super) residues: Vec<Vec<Column>>,
    /// For each centroid, the inputs whose residue column is empty: they equal the centroid.
    pub(super) emptied: Vec<Vec<u32>>,
}

impl Conversion {
    pub(in crate::cpu) fn new(kernels: Kernels, options: &SnicitOptions) -> Self {
        Conversion {
            kernels,
            sampled_columns: options.sampled_columns,
            segments: options.segments,
            sum_tolerance: options.sum_tolerance,
            differing_share: options.differing_share,
            prune: options.prune_at_conversion,
        }
    }

    /// Converts `columns`, which are ascending by input.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(super) fn convert(&self, run: &Run<'_>, columns: Vec<Column>) -> Result<Converted, Error> {
        let sampled = &columns[..columns.len().min(self.sampled_columns)];
        let is_centroid = self.prune_samples(&self.downsample(sampled));
        let (centroids, others) = split(columns, &is_centroid);
        let assigned = run.map(
            others,
            || (),
            |(), mut column| {
                run.check()?;
                let centroid = self.nearest(&column, &centroids);
                self.subtract(&mut column, &centroids[centroid]);
                Ok((centroid, column))
            },
        )?;

        let mut residues: Vec<Vec<Column>> = centroids.iter().map(|_| Vec::new()).collect();
        let mut emptied: Vec<Vec<u32>> = centroids.iter().map(|_| Vec::new()).collect();
        for (centroid, residue) in assigned {
            if residue.values.iter().any(|&y| y != 0.0) {
                residues[centroid].push(residue);
            } else {
                emptied[centroid].push(residue.input);
            }
        }
        Ok(Converted { centroids, residues, emptied })
    }

    /// Sum downsampling: cuts each sampled column into `n` segments and sums each up.
    fn downsample(&self, sampled: &[Column]) -> Vec<Vec<f32>> {
        let sums = |column: &Column| {
            let neurons = column.values.len();
            let segments = self.segments.unwrap_or(neurons).min(neurons);
            // Segments differ by one neuron at most when `n` does not divide the neurons.
            let bounds = |k: usize| k * neurons / segments..(k + 1) * neurons / segments;
            (0..segments).map(|k| column.values[bounds(k)].iter().sum()).collect()
        };
        sampled.iter().map(sums).collect()
    }

    /// Sample pruning: each surviving sample removes the later ones that are alike (Equation 2).
    fn prune_samples(&self, sums: &[Vec<f32>]) -> Vec<bool> {
        let mut survives = vec![true; sums.len()];
        for base in 0..sums.len() {
            if !survives[base] {
                continue;
            }
            for other in base + 1..sums.len() {
                let pairs = sums[base].iter().zip(&sums[other]);
                let differing = pairs.filter(|(a, b)| (*a - *b).abs() > self.sum_tolerance).count();
                let allowed = sums[base].len() as f64 * f64::from(self.differing_share);
                if (differing as f64) < allowed {
                    survives[other] = false;
                }
            }
        }
        survives
    }

    /// The centroid with the smallest L0 distance, the number of differing entries; the first of several.
    fn nearest(&self, column: &Column, centroids: &[Column]) -> usize {
        let (mut nearest, mut smallest) = (0, usize::MAX);
        for (c, centroid) in centroids.iter().enumerate() {
            let distance = self.kernels.l0_distance(&column.values, &centroid.values, smallest);
            if distance < smallest {
                (nearest, smallest) = (c, distance);
            }
            if smallest == 0 {
                break;
            }
        }
        nearest
    }

    /// Turns a column into its residue against `centroid`.
    fn subtract(&self, column: &mut Column, centroid: &Column) {
        for (y, &center) in column.values.iter_mut().zip(&centroid.values) {
            let residue = *y - center;
            *y = if residue.abs() > self.prune { residue } else { 0.0 };
        }
    }
}

/// Parts the columns, of which the first were sampled, into centroids and others.
fn split(columns: Vec<Column>, is_centroid: &[bool]) -> (Vec<Column>, Vec<Column>) {
    let (mut centroids, mut others) = (Vec::new(), Vec::new());
    for (k, column) in columns.into_iter().enumerate() {
        let centroid = is_centroid.get(k) == Some(&true);
        if centroid { &mut centroids } else { &mut others }.push(column);
    }
    (centroids, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Bias, InstructionSet, Layer, Network, SparseWeights};

    fn column(input: u32, values: &[f32]) -> Column {
        Column { input, values: values.into() }
    }

    fn convert(conversion: &Conversion, columns: Vec<Column>) -> Converted {
        let weights = SparseWeights::from_connections(1, 1, vec![]).unwrap();
        let layer = Layer::new(weights, Bias::Uniform(0.0), Activation::Identity).unwrap();
        let network = Network::new([layer]).unwrap();
        conversion.convert(&Run::new(&network, 1, &()), columns).unwrap()
    }

    fn conversion(change: impl Fn(&mut SnicitOptions)) -> Conversion {
        let mut options = SnicitOptions::sdgc();
        options.segments = Some(2);
        change(&mut options);
        let kernels = Kernels::new(InstructionSet::best()).unwrap();
        Conversion::new(kernels, &options)
    }

    #[test]
    fn segments_cover_every_neuron_once() {
        let sums = conversion(|o| o.segments = Some(3))
            .downsample(&[column(0, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])]);
        assert_eq!(sums, [[3.0, 12.0, 112.0]]);
        let fine = conversion(|o| o.segments = None).downsample(&[column(0, &[1.0, 2.0])]);
        assert_eq!(fine, [[1.0, 2.0]]);
        let more_than_neurons = conversion(|o| o.segments = Some(9));
        assert_eq!(more_than_neurons.downsample(&[column(0, &[1.0, 2.0])]), [[1.0, 2.0]]);
    }

    #[test]
    fn alike_samples_are_pruned_to_the_first() {
        let sums = [[1.0, 1.0], [1.02, 1.0], [1.0, 2.0], [1.02, 2.02]].map(Vec::from);
        let strict = conversion(|_| ());
        assert_eq!(strict.prune_samples(&sums), [true, false, true, false]);
        // Up to one of two sums may differ: 1 < 2 · 0.6.
        let lax = conversion(|o| o.differing_share = 0.6);
        assert_eq!(lax.prune_samples(&sums), [true, false, false, false]);
        // Nothing is below 2 · 0.
        let none = conversion(|o| o.differing_share = 0.0);
        assert_eq!(none.prune_samples(&sums), [true; 4]);
    }

    #[test]
    fn columns_go_to_the_centroid_with_the_fewest_differences() {
        let columns = vec![
            column(3, &[1.0, 1.0, 1.0, 1.0]),
            column(5, &[9.0, 9.0, 1.0, 1.0]),
            column(6, &[9.0, 9.0, 1.0, 1.0]),
            column(8, &[9.0, 8.0, 1.0, 1.0]),
            column(9, &[1.0, 9.0, 1.0, 0.0]),
        ];
        let converted = convert(&conversion(|o| o.sampled_columns = 2), columns);
        assert_eq!(converted.centroids.iter().map(|c| c.input).collect::<Vec<_>>(), [3, 5]);
        // Input 9 is at distance 2 from both: the first centroid takes it.
        assert_eq!(converted.residues[0], [column(9, &[0.0, 8.0, 0.0, -1.0])]);
        assert_eq!(converted.residues[1], [column(8, &[0.0, -1.0, 0.0, 0.0])]);
        assert_eq!(converted.emptied, [vec![], vec![6]]);
    }

    #[test]
    fn negative_residues_count_and_small_ones_are_pruned() {
        let columns = || {
            let (a, b) = (column(0, &[1.0, 1.0]), column(1, &[0.5, 1.0]));
            vec![a, b, column(2, &[1.04, 0.97])]
        };
        let exact = convert(&conversion(|o| o.sampled_columns = 1), columns());
        assert_eq!(exact.residues[0].len(), 2);
        let pruned = conversion(|o| {
            o.sampled_columns = 1;
            o.prune_at_conversion = 0.05;
        });
        let pruned = convert(&pruned, columns());
        assert_eq!(pruned.residues[0], [column(1, &[-0.5, 0.0])]);
        assert_eq!(pruned.emptied[0], [2]);
    }

    #[test]
    fn no_columns_no_centroids() {
        assert!(convert(&conversion(|_| ()), Vec::new()).centroids.is_empty());
    }
}
