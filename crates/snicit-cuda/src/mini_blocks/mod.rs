//! The engine's own feed-forward for layers of mini-blocks: chunks of sixteen neurons, no work for chunks that are
//! zero, one sum for equal weights, the matrix units for others.
//!
//! Outputs with one set of inputs are a dense block (XY-2021's mini-block). Sixteen of them are made
//! neighbours, so that their values in a column are one *chunk* of 64 bytes. Early layers of wide networks
//! leave one chunk in ten that is not zero: a mask says which, and only those are read, computed with and
//! written. When the inputs of a block no longer come in whole chunks (behind a permutation), the columns
//! that are left are few and full; from there on they lie neuron-major, and all of their values are computed.
//!
//! [`grouping`] numbers the neurons of a layer; [`block_products`] says how its blocks are multiplied;
//! [`chunk_form`] and [`panel_form`] lay out its weights, where need be in [`matrices`]; [`binary_form`] tells where
//! the words of binary inputs are. [`feed_forward`] has the layers, [`batch`] sends the kernels
//! (`kernels/binary_sums.cu`, `block_sums.cu`, `mini_blocks.cu`, `panel_sums.cu`, `panel_blocks.cu`, `chunks.cu`) with
//! their [`arguments`]; [`equal_columns`] lets one column stand for all that equal it.

mod arguments;
mod batch;
mod binary_form;
mod block_products;
mod chunk_form;
mod equal_columns;
mod feed_forward;
mod grouping;
mod matrices;
mod panel_form;
mod panels;

pub(crate) use equal_columns::MergeBuffers;
pub(crate) use feed_forward::{MiniBlockFeedForward, STAGED_BYTES};
pub(crate) use panels::ChunkNeeds;
