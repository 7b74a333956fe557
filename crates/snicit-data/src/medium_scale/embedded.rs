//! The trained networks that come with this crate.

use super::Letter;

/// The safetensors file of a network, if it is part of this build.
pub(super) fn network(letter: Letter) -> Option<&'static [u8]> {
    match letter {
        Letter::A => Some(include_bytes!("../../networks/A.safetensors")),
        Letter::B | Letter::C => None,
        Letter::D => Some(include_bytes!("../../networks/D.safetensors")),
    }
}

/// The features and labels of D's test set, if they are part of this build.
pub(super) fn features() -> Option<&'static [u8]> {
    Some(include_bytes!("../../networks/D-features.safetensors"))
}
