//! The forms in which kernels take the weights of a layer. Each is a run of bytes, so that the layers of any
//! method can lie on the device or be streamed to it.

mod blob;
mod dense;
mod half;
mod rows;
mod slabs;
mod strips;
mod tiles;
mod update;

pub(crate) use blob::Blob;
pub(crate) use dense::{
    Arrangement, BIT_SCALE, BLOCK_OUTPUTS, DenseForm, MAX_FUSED_LAYERS, scale_behind, split_inputs,
};
pub(crate) use rows::RowsForm;
pub(crate) use slabs::{SlabShape, SlabsForm};
pub(crate) use strips::{STRIP_OUTPUTS, StripsForm};
pub(crate) use tiles::{TileShape, TilesForm};
pub(crate) use update::{Stored, StripOrder, UpdateForm};
