//! Where a network or inputs come from, and what they are known by: what a sweep takes points over by.

use std::fs;
use std::path::{Path, PathBuf};

use snicit_data::{DataError, cache};
use twox_hash::XxHash3_64;

use super::SEED;

/// Where a network or inputs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Layer files, or an archive of them; what each layer's file is known by.
    LayerFiles { files: PathBuf, identities: Vec<u128> },
    /// A file of the challenge's inputs.
    InputsFile { file: PathBuf, identity: u128 },
    /// MNIST's training images.
    Mnist { digest: u64, all: bool },
    /// A network that this program generates.
    Generated,
    /// Inputs that this program draws.
    Drawn,
}

impl Origin {
    /// For people.
    pub(super) fn phrase(&self) -> String {
        match self {
            Origin::LayerFiles { files, .. } => format!("files of {}", files.display()),
            Origin::InputsFile { file, .. } => format!("file {}", file.display()),
            Origin::Mnist { all: true, .. } => "rebuilt from MNIST's training images".to_owned(),
            Origin::Mnist { all: false, .. } => {
                "rebuilt from the first of MNIST's training images".to_owned()
            }
            Origin::Generated => format!("generated RadiX-Net, seed {SEED}"),
            Origin::Drawn => format!("drawn digits, seed {SEED}; no MNIST in the data folder"),
        }
    }

    /// What the files are known by, of which a network takes the first `layers` layers; nothing where this program
    /// made it, which the phrase tells completely.
    pub(super) fn identity(&self, layers: usize) -> Option<String> {
        match self {
            Origin::LayerFiles { identities, .. } => {
                let first = identities.iter().take(layers);
                let bytes: Vec<u8> = first.flat_map(|identity| identity.to_le_bytes()).collect();
                Some(format!("path, sizes and times {:016x}", XxHash3_64::oneshot(&bytes)))
            }
            Origin::InputsFile { identity, .. } => {
                Some(format!("path, size and times {:016x}", *identity as u64))
            }
            Origin::Mnist { digest, .. } => Some(format!("XXH3 {digest:016x}")),
            Origin::Generated | Origin::Drawn => None,
        }
    }

    /// Whether it is in the challenge's own files, to which the categories beside them belong.
    pub(super) fn is_challenge_files(&self) -> bool {
        matches!(self, Origin::LayerFiles { .. } | Origin::InputsFile { .. })
    }
}

/// What a file is known by without reading it.
pub(super) fn file_identity(file: &Path) -> Result<u128, DataError> {
    cache::file_identity(file).map_err(|reason| DataError::Read { file: file.to_owned(), reason })
}

/// XXH3 of the bytes of a file, one of MNIST's or of categories: small enough to be read for it, so that copies are the
/// same.
pub(super) fn content_digest(file: &Path) -> Result<u64, DataError> {
    let unreadable = |reason| DataError::Read { file: file.to_owned(), reason };
    fs::read(file).map(|bytes| XxHash3_64::oneshot(&bytes)).map_err(unreadable)
}
