use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Fourier interpolation of a periodic signal: from `from` to `to ≥ from` evenly spaced samples.
///
/// The spectrum is padded with zeros, so the result passes through the given samples and has no higher
/// frequency than they. The Nyquist bin of an even `from` stands for the frequencies `±from/2` together;
/// it is split in two halves.
pub(super) struct Interpolation {
    from: usize,
    to: usize,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl Interpolation {
    pub(super) fn new(from: usize, to: usize) -> Self {
        assert!(1 <= from && from <= to, "interpolation of {from} samples to {to}");
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(from), planner.plan_fft_inverse(to));
        Interpolation { from, to, forward, inverse }
    }

    /// The `to` samples; the given ones serve as working space.
    pub(super) fn apply(&self, mut samples: Vec<f64>) -> Vec<f64> {
        if self.from == self.to {
            return samples;
        }
        // Only the bins of frequencies from 0 on are stored: those below are their conjugates.
        let mut spectrum = vec![Complex::default(); self.to / 2 + 1];
        let given = &mut spectrum[..self.from / 2 + 1];
        self.forward.process(&mut samples, given).expect("the buffers have the planned lengths");
        drop(samples);
        if self.from.is_multiple_of(2) {
            given[self.from / 2] *= 0.5;
        }
        let scale = 1.0 / self.from as f64;
        given.iter_mut().for_each(|bin| *bin *= scale);
        let mut interpolated = vec![0.0; self.to];
        self.inverse
            .process(&mut spectrum, &mut interpolated)
            .expect("the buffers have the planned lengths and the ends of the spectrum are real");
        interpolated
    }

    /// The interpolation as a matrix, `to` rows of `from` values.
    pub(super) fn matrix(&self) -> Vec<Vec<f64>> {
        let columns: Vec<Vec<f64>> = (0..self.from)
            .map(|i| {
                let mut unit = vec![0.0; self.from];
                unit[i] = 1.0;
                self.apply(unit)
            })
            .collect();
        (0..self.to).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A sum of waves of at most `highest` periods.
    fn signal(samples: usize, highest: usize) -> Vec<f64> {
        let value = |t: f64| -> f64 {
            let wave = |k: usize| ((k as f64 * t + 0.1 * k as f64) * TAU).cos() / (k + 1) as f64;
            (0..=highest).map(wave).sum()
        };
        (0..samples).map(|i| value(i as f64 / samples as f64)).collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        let largest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(largest < 1e-12, "differs by {largest}: {found:?} {expected:?}");
    }

    #[test]
    fn band_limited_signals_are_reproduced() {
        for (from, to) in [(28, 32), (28, 29), (28, 64), (27, 32), (27, 27), (28, 28), (9, 31), (2, 5)] {
            let highest = (from - 1) / 2;
            let interpolated = Interpolation::new(from, to).apply(signal(from, highest));
            assert_close(&interpolated, &signal(to, highest));
        }
    }

    #[test]
    fn the_nyquist_frequency_becomes_a_cosine() {
        let alternating = (0..8).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let expected: Vec<f64> = (0..20).map(|i| (TAU * 4.0 * f64::from(i) / 20.0).cos()).collect();
        assert_close(&Interpolation::new(8, 20).apply(alternating), &expected);
    }

    #[test]
    fn given_samples_stay() {
        let samples = vec![3.0, -1.0, 4.0, 1.0, -5.0, 9.0];
        let interpolated = Interpolation::new(6, 18).apply(samples.clone());
        let every_third: Vec<f64> = interpolated.into_iter().step_by(3).collect();
        assert_close(&every_third, &samples);
    }

    #[test]
    fn the_matrix_does_the_same() {
        let interpolation = Interpolation::new(28, 32);
        let samples: Vec<f64> = (0..28).map(|i| f64::from(i * i % 37)).collect();
        let product: Vec<f64> = interpolation
            .matrix()
            .iter()
            .map(|row| row.iter().zip(&samples).map(|(a, b)| a * b).sum())
            .collect();
        let expected = interpolation.apply(samples);
        let scaled = |values: &[f64]| values.iter().map(|value| value / 37.0).collect::<Vec<_>>();
        assert_close(&scaled(&product), &scaled(&expected));
    }
}
