//! The trained networks that come with this crate.

use super::Letter;

/// The safetensors file of a network.
pub(super) fn network(letter: Letter) -> &'static [u8] {
    match letter {
        Letter::A => include_bytes!("../../networks/A.safetensors"),
        Letter::B => include_bytes!("../../networks/B.safetensors"),
        Letter::C => include_bytes!("../../networks/C.safetensors"),
        Letter::D => include_bytes!("../../networks/D.safetensors"),
    }
}

/// The safetensors file of the features and labels of D's test set.
pub(super) fn features() -> &'static [u8] {
    include_bytes!("../../networks/D-features.safetensors")
}
