use std::f64::consts::TAU;
use std::sync::Arc;

use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner};

use super::Images;

/// All images side by side as one wide picture, Fourier-interpolated along its rows to images of `side` columns.
///
/// The interpolated picture is computed in parts, each with every `parts()`-th of its columns: a shift of the
/// signal is a turn of its spectrum, and a short transform of each turned spectrum does the same as one long
/// transform that is mostly padding. The parts fit the caches, and only one need be in memory.
pub(super) struct Picture {
    rows: usize,
    /// Columns of an image in a part.
    columns_a_part: usize,
    parts: usize,
    /// Columns of a part, all images.
    width: usize,
    content: Content,
}

enum Content {
    /// There are as many columns as before: the pixels, row by row.
    Pixels(Vec<f64>),
    /// Of each row the bins of frequencies from 0 on, and the transform of a part.
    Spectra(Vec<Vec<Complex<f64>>>, Arc<dyn ComplexToReal<f64>>),
}

impl Picture {
    /// # Panics
    /// If `side` is less than an image's columns.
    pub(super) fn new(images: &Images, side: usize) -> Self {
        let (rows, columns, count) = (images.rows(), images.columns(), images.count());
        assert!(columns <= side, "{columns} columns are not interpolated to {side}");
        // More columns than before, so that the highest frequency of the images is none of a part's ends.
        let divides = |part: &usize| side.is_multiple_of(*part);
        let columns_a_part = (columns + 1..=side).find(divides).unwrap_or(side);
        let (parts, width) = (side / columns_a_part, columns_a_part * count);
        let mut planner = RealFftPlanner::new();
        let content = if columns == side {
            Content::Pixels((0..rows).flat_map(|row| pixels_of(images, row)).collect())
        } else {
            let samples = columns * count;
            let forward = planner.plan_fft_forward(samples);
            let spectrum = |row| {
                let mut pixels: Vec<f64> = pixels_of(images, row).collect();
                let mut spectrum = forward.make_output_vec();
                forward
                    .process(&mut pixels, &mut spectrum)
                    .expect("the buffers have the planned lengths");
                let scale = 1.0 / samples as f64;
                spectrum.iter_mut().for_each(|bin| *bin *= scale);
                if samples.is_multiple_of(2) {
                    // It stands for the frequencies ±samples/2 together.
                    spectrum[samples / 2] *= 0.5;
                }
                spectrum
            };
            let spectra = (0..rows).into_par_iter().map(spectrum).collect();
            Content::Spectra(spectra, planner.plan_fft_inverse(width))
        };
        Picture { rows, columns_a_part, parts, width, content }
    }

    /// Parts of the picture.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// Columns of an image in each part.
    pub(super) fn columns_a_part(&self) -> usize {
        self.columns_a_part
    }

    /// The column of the interpolated image that is column `column` of its columns in `part`.
    pub(super) fn column(&self, part: usize, column: usize) -> usize {
        column * self.parts + part
    }

    /// What all parts take together.
    pub(super) fn bytes(&self) -> usize {
        (self.rows * self.parts * size_of::<f64>()).saturating_mul(self.width)
    }

    /// The rows of a part, one behind the other.
    pub(super) fn part(&self, part: usize) -> Vec<f64> {
        let (spectra, inverse) = match &self.content {
            Content::Pixels(pixels) => return pixels.clone(),
            Content::Spectra(spectra, inverse) => (spectra, inverse),
        };
        let whole = (self.width * self.parts) as f64;
        let bins = spectra.first().map_or(0, Vec::len);
        let turn = |bin: usize| Complex::cis(TAU * (bin * part) as f64 / whole);
        let turns: Vec<Complex<f64>> = (0..bins).into_par_iter().map(turn).collect();
        let mut values = vec![0.0; self.rows * self.width];
        values.par_chunks_exact_mut(self.width).zip(spectra).for_each(|(values, spectrum)| {
            let mut turned = inverse.make_input_vec();
            for (to, (bin, turn)) in turned.iter_mut().zip(spectrum.iter().zip(&turns)) {
                *to = bin * turn;
            }
            inverse
                .process(&mut turned, values)
                .expect("the buffers have the planned lengths and the ends of the spectrum are real");
        });
        values
    }
}

/// Row `row` of all images.
fn pixels_of(images: &Images, row: usize) -> impl Iterator<Item = f64> + '_ {
    let columns = images.columns();
    let image = images.pixels().chunks_exact(images.rows() * columns);
    image.flat_map(move |image| image[row * columns..][..columns].iter().map(|&pixel| f64::from(pixel)))
}
