//! Digit-like binary images, drawn from nothing: inputs for trying a network out without any data.
//!
//! They resemble the challenge's inputs in what matters to its networks: about a tenth of the features
//! is 1, it varies from image to image, and neighbouring features go together. With the networks of
//! [`radixnet`](crate::radixnet) at 1024 neurons and the bias −0.3 a few per cent of them survive, as
//! of the official inputs. They are no substitute for MNIST: no result on them can be compared with one
//! of the challenge.

mod glyphs;
mod pen;

use rayon::prelude::*;
use snicit::BitActivations;

use crate::random::Random;
use pen::Pen;

/// Images drawn at a time, before their features are set.
const CHUNK: usize = 4096;

/// Draws `inputs` images of `side × side` features.
///
/// Pixel (row `r`, column `c`) is feature `c·side + r`, as in the challenge. The same seed gives the
/// same images on every machine, whatever the number of threads, and more inputs begin with the images
/// of fewer.
pub fn generate(inputs: usize, side: usize, seed: u64) -> BitActivations {
    let mut features = BitActivations::zeros(inputs, side * side);
    for start in (0..inputs).step_by(CHUNK) {
        let drawn: Vec<Vec<usize>> = (start..inputs.min(start + CHUNK))
            .into_par_iter()
            .map(|input| draw(&mut Random::new(seed, input as u64), side))
            .collect();
        for (input, ones) in (start..).zip(drawn) {
            ones.iter().for_each(|&feature| _ = features.set(input, feature));
        }
    }
    features
}

/// The features of one image that are 1; a feature may be named more than once.
fn draw(random: &mut Random, side: usize) -> Vec<usize> {
    let digit = random.below(10) as usize;
    let pen = Pen::random(random);
    let mut ones = Vec::new();
    for stroke in glyphs::STROKES[digit] {
        pen.stroke(stroke, random, side, &mut ones);
    }
    ones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_decide_and_threads_do_not() {
        let images = generate(300, 32, 7);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one_thread.install(|| generate(300, 32, 7)), images);
        assert_ne!(generate(300, 32, 8), images);
        let more = generate(CHUNK + 1, 32, 7);
        assert!((0..300).all(|input| more.words_of(input) == images.words_of(input)));
        assert_eq!(more.inputs(), CHUNK + 1);
    }

    #[test]
    fn a_seed_gives_these_images_for_ever() {
        let images = generate(100, 32, 7);
        let sum =
            |input| images.ones_of(input).map(|feature| (feature * (input + 1)) as u64).sum::<u64>();
        assert_eq!((images.count_ones(), (0..100).map(sum).sum::<u64>()), (10_100, 278_089_570));
    }

    #[test]
    fn about_a_tenth_is_1_at_any_side() {
        for side in [16, 32, 64, 128] {
            let images = generate(1000, side, 3);
            let share = images.count_ones() as f64 / (1000 * side * side) as f64;
            assert!((0.08..0.12).contains(&share), "{share} at side {side}");
            assert!((0..1000).all(|input| images.ones_of(input).next().is_some()));
        }
        assert_eq!(generate(10, 1, 3).features(), 1);
        assert_eq!(generate(10, 0, 3).features(), 0);
        assert_eq!(generate(0, 32, 3).inputs(), 0);
    }
}
