//! The inputs made from MNIST against those of the challenge itself.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use snicit::Inputs;
use snicit_data::{mnist, sdgc};

mod common;

/// Takes all 60,000 images: the interpolation runs over all of them.
#[test]
fn mnist_gives_the_official_inputs() {
    let test = "mnist_gives_the_official_inputs";
    let Some(file) = common::shared(test, "mnist/train-images-idx3-ubyte.gz") else { return };
    let images = mnist::read_images(&file).unwrap();
    assert_eq!((images.count(), images.rows(), images.columns()), (sdgc::INPUTS, 28, 28));
    let made = mnist::sdgc_inputs(&images, 32).unwrap();
    assert_eq!((made.inputs(), made.features()), (sdgc::INPUTS, 1024));
    assert_eq!(made.count_ones(), 6_373_995);

    let subset = "sdgc-1024-official-subset/sparse-images-1024-first1200.tsv.gz";
    let Some(file) = common::shared(test, subset) else { return };
    let Inputs::Bits(official) = sdgc::read_inputs(&file, 1024, Some(1200)).unwrap() else {
        panic!("the official inputs are binary")
    };
    let words = (0..1200).flat_map(|i| made.words_of(i).iter().zip(official.words_of(i)));
    let different: u32 = words.map(|(a, b)| (a ^ b).count_ones()).sum();
    // Rounding at the threshold; of 1,228,800 features.
    assert!(different < 30, "{different} features differ");
    eprintln!("{different} features differ");
}
