use rayon::prelude::*;
use snicit::BitActivations;

use super::Images;
use super::interpolation::Interpolation;
use crate::DataError;

/// Interpolated rows are kept if all together they take no more; else they are computed twice.
const KEPT_BYTES: usize = 1 << 30;
/// What the rows computed at the same time may take.
const WORKING_BYTES: usize = 4 << 30;

/// Makes the challenge's inputs: binary images of `side × side` features.
///
/// All images are laid side by side, in order, as one wide picture; it is Fourier-interpolated down its
/// columns and then along its whole rows (so that neighbouring images bleed into each other a little).
/// A feature is 1 where the result is above half of its maximum over all images. Pixel (row `r`, column
/// `c`) is feature `c·side + r`. In float64.
///
/// The result depends on all images: a part of them gives other features than the same images among
/// all 60,000.
///
/// # Errors
/// If `side` is smaller than the images (nothing would be interpolated) or above 65,535.
pub fn sdgc_inputs(images: &Images, side: usize) -> Result<BitActivations, DataError> {
    let smallest = images.rows().max(images.columns());
    if side < smallest || side > usize::from(u16::MAX) {
        return Err(DataError::InvalidRequest {
            what: "the side of the images",
            found: side.to_string(),
            expected: format!("{smallest} (the side they have) to {}", u16::MAX),
        });
    }
    let picture = Picture::new(images, side);
    let row_bytes = picture.width * size_of::<f64>();
    let keep = row_bytes.saturating_mul(side) <= KEPT_BYTES;
    // Values, spectrum and the transform's working space, each of about the size of a row, and spare.
    let rows_at_once = (WORKING_BYTES / row_bytes.saturating_mul(5)).clamp(1, side);
    let all_rows: Vec<usize> = (0..side).collect();

    let mut kept: Vec<Vec<f64>> = Vec::new();
    let mut maximum = 0.0_f64;
    for rows in all_rows.chunks(rows_at_once) {
        let computed: Vec<(f64, Vec<f64>)> = rows
            .par_iter()
            .map(|&row| {
                let values = picture.row(row);
                let maximum = values.iter().copied().fold(0.0, f64::max);
                (maximum, if keep { values } else { Vec::new() })
            })
            .collect();
        for (row_maximum, values) in computed {
            maximum = maximum.max(row_maximum);
            kept.push(values);
        }
    }

    let threshold = 0.5 * maximum;
    let mut features = BitActivations::zeros(images.count(), side * side);
    for rows in all_rows.chunks(rows_at_once) {
        let above: Vec<Vec<bool>> = rows
            .par_iter()
            .map(|&row| {
                let is_above = |value: &f64| *value > threshold;
                if keep {
                    kept[row].iter().map(is_above).collect()
                } else {
                    picture.row(row).iter().map(is_above).collect()
                }
            })
            .collect();
        // Image by image, so that its features stay in the cache while all these rows set theirs.
        for input in 0..images.count() {
            for (&row, above) in rows.iter().zip(&above) {
                for (column, &above) in above[input * side..][..side].iter().enumerate() {
                    if above {
                        features.set(input, column * side + row);
                    }
                }
            }
        }
    }
    Ok(features)
}

/// The interpolated picture, computed row by row: whole, it would take 31 GB for a side of 256.
struct Picture<'a> {
    images: &'a Images,
    /// Row `r` of the picture is this combination of the images' rows.
    down: Vec<Vec<f64>>,
    along: Interpolation,
    width: usize,
}

impl<'a> Picture<'a> {
    fn new(images: &'a Images, side: usize) -> Self {
        let width = side * images.count();
        Picture {
            images,
            down: Interpolation::new(images.rows(), side).matrix(),
            along: Interpolation::new(images.columns() * images.count(), width),
            width,
        }
    }

    fn row(&self, row: usize) -> Vec<f64> {
        let columns = self.images.columns();
        let mut samples = vec![0.0; columns * self.images.count()];
        let size = self.images.rows() * columns;
        for (samples, image) in
            samples.chunks_exact_mut(columns).zip(self.images.pixels().chunks_exact(size))
        {
            for (pixels, factor) in image.chunks_exact(columns).zip(&self.down[row]) {
                for (sample, &pixel) in samples.iter_mut().zip(pixels) {
                    *sample += factor * f64::from(pixel);
                }
            }
        }
        self.along.apply(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sides_only_compare_with_half_the_maximum() {
        let pixels = vec![0, 100, 101, 200, 50, 0, 0, 150];
        let features = sdgc_inputs(&Images::new(2, 2, pixels).unwrap(), 2).unwrap();
        // Column by column: image 0 is [0 100; 101 200], image 1 is [50 0; 0 150].
        let ones: Vec<Vec<usize>> = (0..2).map(|input| features.ones_of(input).collect()).collect();
        assert_eq!(ones, [vec![1, 3], vec![3]]);
    }

    #[test]
    fn a_vertical_stroke_stays_one_and_bleeds_into_the_next_image() {
        // The last column of image 0 is white; doubled, so is the gap before the first of image 1.
        let mut pixels = vec![0; 2 * 8 * 8];
        (0..8).for_each(|row| pixels[row * 8 + 7] = 255);
        let features = sdgc_inputs(&Images::new(8, 8, pixels).unwrap(), 16).unwrap();
        let columns: Vec<usize> = features.ones_of(0).map(|feature| feature / 16).collect();
        let expected: Vec<usize> = [13, 14, 15].iter().flat_map(|&column| [column; 16]).collect();
        assert_eq!(columns, expected);
        assert_eq!(features.ones_of(1).count(), 0);
    }

    #[test]
    fn sides_below_the_images_are_refused() {
        let images = Images::new(28, 28, vec![0; 784]).unwrap();
        let error = sdgc_inputs(&images, 16).unwrap_err();
        let expected = "the side of the images is 16, expected 28 (the side they have) to 65535";
        assert_eq!(error.to_string(), expected);
        assert_eq!(sdgc_inputs(&images, 32).unwrap().count_ones(), 0, "black stays black");
    }
}
