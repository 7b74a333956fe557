//! The MNIST images (LeCun, Cortes, Burges) and the challenge's inputs, which are made from them.

mod idx;
mod interpolation;
mod picture;
mod resize;

pub use idx::{Images, read_images, read_labels};
pub use resize::sdgc_inputs;
