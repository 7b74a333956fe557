use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use twox_hash::XxHash3_128;

use crate::sdgc::layer_file;

/// What a file is known by: a hash of its path, size and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(pub(super) u128);

impl Identity {
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let facts = fs::metadata(file)?;
        let mut key = absolute(file).into_os_string().into_encoded_bytes();
        key.push(0);
        key.extend_from_slice(&facts.len().to_le_bytes());
        let modified = facts.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        // Before 1970 the error holds the distance.
        let modified = modified.unwrap_or_else(|before| before.duration());
        key.extend_from_slice(&modified.as_nanos().to_le_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            // Also tells a file that was replaced by one of the same size and time, as `cp -p` does.
            for fact in [facts.ctime(), facts.ctime_nsec()] {
                key.extend_from_slice(&fact.to_le_bytes());
            }
        }
        Ok(Identity(XxHash3_128::oneshot(&key)))
    }
}

/// The identity of what each layer is read from: its file, or the archive.
pub(super) fn of_layers(source: &Path, neurons: usize, layers: usize) -> io::Result<Vec<Identity>> {
    if source.is_file() {
        return Ok(vec![Identity::of(source)?; layers]);
    }
    // One path for all: making each absolute would cost more than the rest.
    let folder = absolute(source);
    (1..=layers).map(|layer| Identity::of(&layer_file(&folder, neurons, layer))).collect()
}

/// What a file is known by without reading it: a hash of its path, size and times. Other contents have another one,
/// unless all of these were set back.
///
/// # Errors
/// If the file is missing or cannot be looked at.
pub fn file_identity(file: &Path) -> io::Result<u128> {
    Identity::of(file).map(|Identity(hash)| hash)
}

/// What the files of a network's first `layers` layers are known by, as [`file_identity`] says; of an archive, the
/// archive's for each layer.
///
/// # Errors
/// If one of them is missing or cannot be looked at.
pub fn layer_identities(source: &Path, neurons: usize, layers: usize) -> io::Result<Vec<u128>> {
    let identities = of_layers(source, neurons, layers)?;
    Ok(identities.into_iter().map(|Identity(hash)| hash).collect())
}

/// The path from the root, the same wherever the process runs.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
