//! Trained networks in files.
//!
//! | function | form |
//! | --- | --- |
//! | [`read_safetensors`], [`write_safetensors`] | one safetensors file, see `docs/model-format.md` |
//! | [`read_artifact`] | the text files of SNICIT's artifact |

mod artifact;
mod problem;
mod safetensors;

pub use artifact::{is_artifact, read_artifact};
pub use problem::ModelProblem;
pub(crate) use safetensors::Tensors;
pub use safetensors::{from_safetensors, read_safetensors, write_safetensors};

use snicit::Network;

/// A network, and what its file says of it.
#[derive(Debug, Clone)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// What to call it.
    pub name: Option<String>,
}
