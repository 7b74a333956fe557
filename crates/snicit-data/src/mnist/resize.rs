use std::borrow::Cow;

use rayon::prelude::*;
use snicit::BitActivations;

use super::Images;
use super::interpolation::Interpolation;
use super::picture::Picture;
use crate::DataError;

/// The picture's rows are kept if they take no more; else they are interpolated twice.
const KEPT_BYTES: usize = 4 << 30;
/// Values that a core works on at once: a quarter of a megabyte.
const VALUES_AT_ONCE: usize = 1 << 15;

/// Makes the challenge's inputs: binary images of `side × side` features.
///
/// All images are laid side by side, in order, as one wide picture; it is Fourier-interpolated along its
/// whole rows (so that neighbouring images bleed into each other a little) and down its columns. A feature
/// is 1 where the result is above half of its maximum over all images. Pixel (row `r`, column `c`) is
/// feature `c·side + r`. In float64.
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
    let down = Down::new(images.rows(), side);
    // Whole, the result would take 31 GB for a side of 256. So it is computed piece by piece, twice: for its
    // maximum, then for the features.
    let keep = picture.bytes() <= KEPT_BYTES;
    let kept: Vec<Vec<f64>> =
        if keep { (0..picture.parts()).map(|part| picture.part(part)).collect() } else { Vec::new() };
    let part = |part: usize| -> Cow<'_, [f64]> {
        match kept.get(part) {
            Some(rows) => Cow::Borrowed(rows),
            None => Cow::Owned(picture.part(part)),
        }
    };

    let images_at_once = (VALUES_AT_ONCE / (picture.columns_a_part() * side)).max(1);
    let columns_at_once = images_at_once * picture.columns_a_part();
    let columns = picture.columns_a_part() * images.count();
    let maximum = |rows: &[f64]| {
        let begins = (0..columns).into_par_iter().step_by(columns_at_once);
        let of_piece = |values: &mut Vec<f64>, begin: usize| {
            down.apply(rows, begin..columns.min(begin + columns_at_once), values);
            values.iter().copied().fold(0.0, f64::max)
        };
        begins.map_init(Vec::new, of_piece).reduce(|| 0.0, f64::max)
    };
    let threshold = 0.5 * (0..picture.parts()).map(|p| maximum(&part(p))).fold(0.0, f64::max);

    let features = side * side;
    let words_per_input = features.div_ceil(64);
    let mut words = vec![0_u64; images.count() * words_per_input];
    for p in 0..picture.parts() {
        let rows = part(p);
        let set = |values: &mut Vec<f64>, (piece, words): (usize, &mut [u64])| {
            let begin = piece * columns_at_once;
            down.apply(&rows, begin..columns.min(begin + columns_at_once), values);
            let of_images = values.chunks_exact(picture.columns_a_part() * side);
            for (words, values) in words.chunks_exact_mut(words_per_input).zip(of_images) {
                for (column, values) in values.chunks_exact(side).enumerate() {
                    set_above(words, picture.column(p, column) * side, values, threshold);
                }
            }
        };
        let pieces = words.par_chunks_mut(images_at_once * words_per_input).enumerate();
        pieces.for_each_init(Vec::new, set);
    }
    Ok(BitActivations::from_words(images.count(), features, words)?)
}

/// Sets the bits of the values above `threshold`; the first value's bit is `first`.
fn set_above(words: &mut [u64], first: usize, values: &[f64], threshold: f64) {
    for (chunk, values) in values.chunks(64).enumerate() {
        let above = |bits, (i, &value): (usize, &f64)| bits | u64::from(value > threshold) << i;
        let bits: u64 = values.iter().enumerate().fold(0, above);
        let (word, shift) = ((first + 64 * chunk) / 64, (first + 64 * chunk) % 64);
        words[word] |= bits << shift;
        if let Some(beyond) = bits.checked_shr(64 - shift as u32).filter(|&beyond| beyond != 0) {
            words[word + 1] |= beyond;
        }
    }
}

/// The interpolation down the columns.
struct Down {
    from: usize,
    to: usize,
    /// `to` rows of `from` values.
    matrix: Vec<f64>,
}

impl Down {
    fn new(from: usize, to: usize) -> Self {
        Down { from, to, matrix: Interpolation::new(from, to).matrix().concat() }
    }

    /// Interpolates the columns `range` of the picture of `rows`; the `to` values of a column lie side by side.
    fn apply(&self, rows: &[f64], range: std::ops::Range<usize>, values: &mut Vec<f64>) {
        let Down { from, to, matrix } = self;
        let columns = rows.len() / from;
        assert!(range.start <= range.end && range.end <= columns && matrix.len() == from * to);
        values.resize(range.len() * to, 0.0);
        // SAFETY: a column's value in row i is at i·columns + column, and the range lies within the columns;
        // the matrix is read with row and column changed; the result is as long as it was made above.
        unsafe {
            matrixmultiply::dgemm(
                range.len(),
                *from,
                *to,
                1.0,
                rows.as_ptr().add(range.start),
                1,
                columns as isize,
                matrix.as_ptr(),
                1,
                *from as isize,
                0.0,
                values.as_mut_ptr(),
                *to as isize,
                1,
            );
        }
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

    /// As the challenge describes it: the whole picture, first down its columns, then along its rows.
    fn as_described(images: &Images, side: usize) -> BitActivations {
        let (rows, columns, count) = (images.rows(), images.columns(), images.count());
        let pixel = |row: usize, column: usize| {
            let (image, column) = (column / columns, column % columns);
            f64::from(images.pixels()[(image * rows + row) * columns + column])
        };
        let down = Interpolation::new(rows, side);
        let tall: Vec<Vec<f64>> = (0..columns * count)
            .map(|column| down.apply((0..rows).map(|row| pixel(row, column)).collect()))
            .collect();
        let along = Interpolation::new(columns * count, side * count);
        let picture: Vec<Vec<f64>> =
            (0..side).map(|row| along.apply(tall.iter().map(|column| column[row]).collect())).collect();
        let maximum = picture.iter().flatten().copied().fold(0.0, f64::max);
        let mut features = BitActivations::zeros(count, side * side);
        for (row, values) in picture.iter().enumerate() {
            for (column, &value) in values.iter().enumerate() {
                if value > 0.5 * maximum {
                    features.set(column / side, column % side * side + row);
                }
            }
        }
        features
    }

    #[test]
    fn pieces_give_what_the_whole_picture_gives() {
        // Sides in one part and in several, features that begin within words, images of odd and of unequal sides.
        for (rows, columns, count, side) in [
            (28, 28, 3, 32),
            (28, 28, 40, 64),
            (28, 28, 5, 96),
            (28, 28, 1, 29),
            (9, 7, 11, 18),
            (9, 7, 4, 21),
            (7, 9, 2, 130),
            (5, 5, 2, 5),
            (1, 1, 3, 8),
        ] {
            let noise = |i: usize| ((i * i * 2_654_435_761) >> 7) as u8;
            let pixels = (0..rows * columns * count).map(noise).collect();
            let images = Images::new(rows, columns, pixels).unwrap();
            let (made, expected) = (sdgc_inputs(&images, side).unwrap(), as_described(&images, side));
            assert!(made == expected, "{count} images of {rows} × {columns}, side {side}");
            assert!(expected.count_ones() > 0);
        }
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
