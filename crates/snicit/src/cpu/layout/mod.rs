//! How the CPU kernels store the weights of a layer.

mod dense;
mod epilogue;
mod slabs;
mod strips;
mod values;

pub(super) use dense::{DenseWeights, panels_for};
pub(super) use epilogue::Epilogue;
pub(super) use slabs::{SECTION_NEURONS, Slab, Slabs, sections_for};
pub(super) use strips::{Strip, Strips};
pub(super) use values::Values;
