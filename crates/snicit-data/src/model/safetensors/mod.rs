//! Networks as safetensors files; `docs/model-format.md` describes the tensors and metadata.

mod layer;
mod read;
mod tensors;
mod write;

pub(crate) use layer::from_dense_rows;
pub use read::{from_safetensors, read_safetensors};
pub(crate) use tensors::Tensors;
pub use write::write_safetensors;

/// The metadata's `format`.
const FORMAT: &str = "snicit-network";
/// The metadata's `version`.
const VERSION: &str = "1";

/// The names of a layer's tensors behind `layers.k.`.
const WEIGHT: &str = "weight";
const VALUES: &str = "weight.values";
const COLUMNS: &str = "weight.columns";
const ROW_STARTS: &str = "weight.row_starts";
const INPUTS: &str = "weight.inputs";
const BIAS: &str = "bias";
