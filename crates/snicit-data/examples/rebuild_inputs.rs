//! How fast the Graph Challenge's inputs are rebuilt from MNIST's training images.
//!
//! `cargo run --release -p snicit-data --example rebuild_inputs -- train-images-idx3-ubyte.gz [SIDE…]`

#![allow(clippy::unwrap_used, reason = "an example")]

use std::path::Path;
use std::time::Instant;

use snicit_data::mnist;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, sides @ ..] = &arguments[..] else {
        panic!("expected MNIST's file of training images, then sides of the inputs (32 64 128 256)")
    };
    let images = mnist::read_images(Path::new(file)).unwrap();
    let sides: Vec<usize> = sides.iter().map(|side| side.parse().unwrap()).collect();
    for side in if sides.is_empty() { vec![32, 64, 128, 256] } else { sides } {
        let start = Instant::now();
        let inputs = mnist::sdgc_inputs(&images, side).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("{side} × {side}: {} non-zero features, {seconds:.2} s", inputs.count_ones());
    }
}
