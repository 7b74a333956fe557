//! A cache of networks and inputs in a binary form that loads at the speed of memory.
//!
//! Each source (a folder of layers, an archive, a file of inputs) and preparation (width, bias, number of
//! inputs) has one file. It is *current* if every file it was made from still has the same path, size, time
//! of modification and, on Unix, time of status change: the contents are not read again, which would take
//! longer than what the cache saves. Whoever changes a file and sets all of these back deceives the cache.
//!
//! A cache of 1920 layers also serves the first 120. Files are written under a temporary name and renamed;
//! all that is read from them is covered by a checksum (XXH3). What is damaged, out of date or of another
//! version is made anew, and a note says so..

mod container;
mod entries;
mod identity;
mod inputs;
mod network;

use std::path::{Path, PathBuf};

pub use entries::{Entry, State};
pub use identity::{file_identity, layer_identities};
use snicit::{Inputs, Network};
use twox_hash::XxHash3_128;

use crate::{DataError, Progress, mnist, sdgc};
use container::Kind;
use identity::Identity;

/// A folder of cache files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

/// What was asked for, and what is to be told about the cache.
#[derive(Debug)]
pub struct Cached<T> {
    /// The network or inputs.
    pub value: T,
    /// Whether it came from the cache; else from the source.
    pub from_cache: bool,
    /// One sentence each: a cache file that was of no use, or could not be written.
    pub notes: Vec<String>,
}

/// Why a cache file is of no use.
#[derive(Debug)]
enum Unusable {
    /// There is none.
    Absent,
    /// It holds fewer layers than are wanted.
    TooShort,
    /// Its sources have changed.
    Stale,
    /// It was written by another version of this crate.
    OtherVersion(u32),
    /// It is not what was written.
    Damaged(String),
}

impl Cache {
    /// The cache in `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Cache { folder: folder.into() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What [`sdgc::read_network`] gives, from the cache if it is there; else it is there afterwards.
    ///
    /// # Errors
    /// Those of [`sdgc::read_network`]. What goes wrong with the cache is only noted.
    pub fn network(
        &self,
        source: &Path,
        neurons: usize,
        layers: usize,
        bias: f32,
        layer_done: Progress<'_>,
    ) -> Result<Cached<Network>, DataError> {
        let read = || sdgc::read_network(source, neurons, layers, bias, layer_done);
        let Ok(identities) = identity::of_layers(source, neurons, layers) else {
            return plain(read);
        };
        let preparation = format!("{neurons} {}", bias.to_bits());
        let file = self.file(Kind::Network, source, &preparation);
        let load = || network::load(&file, &identities);
        let current = || identity::of_layers(source, neurons, layers).is_ok_and(|now| now == identities);
        let origin = container::Origin { source, width: neurons, preparation: bias.to_bits() };
        let store = |network: &Network| network::store(&file, &origin, &identities, network);
        self.through(&file, load, read, current, store)
    }

    /// What [`sdgc::read_inputs`] gives, from the cache if it is there; else it is there afterwards.
    ///
    /// # Errors
    /// Those of [`sdgc::read_inputs`]. What goes wrong with the cache is only noted.
    pub fn inputs(
        &self,
        source: &Path,
        features: usize,
        inputs: Option<usize>,
    ) -> Result<Cached<Inputs>, DataError> {
        let read = || sdgc::read_inputs(source, features, inputs);
        // Indices of inputs are 32 bits wide.
        let count = inputs.map_or(Some(0), |inputs| u32::try_from(inputs).ok());
        let (Ok(identity), Some(count)) = (Identity::of(source), count) else {
            return plain(read);
        };
        let file = self.file(Kind::Inputs, source, &format!("{features} {count}"));
        let load = || inputs::load(&file, identity);
        let current = || Identity::of(source).is_ok_and(|now| now == identity);
        let origin = container::Origin { source, width: features, preparation: count };
        let store = |inputs: &Inputs| inputs::store(&file, &origin, identity, inputs);
        self.through(&file, load, read, current, store)
    }

    /// What [`mnist::sdgc_inputs`] makes of a file of images, from the cache if it is there; else it is there
    /// afterwards.
    ///
    /// # Errors
    /// Those of [`mnist::read_images`] and [`mnist::sdgc_inputs`]. What goes wrong with the cache is only noted.
    pub fn mnist_inputs(&self, images: &Path, side: usize) -> Result<Cached<Inputs>, DataError> {
        let read = || Ok(mnist::sdgc_inputs(&mnist::read_images(images)?, side)?.into());
        let Ok(identity) = Identity::of(images) else {
            return plain(read);
        };
        let file = self.file(Kind::Inputs, images, &format!("mnist {side}"));
        let load = || inputs::load(&file, identity);
        let current = || Identity::of(images).is_ok_and(|now| now == identity);
        let origin = container::Origin { source: images, width: side * side, preparation: side as u32 };
        let store = |inputs: &Inputs| inputs::store(&file, &origin, identity, inputs);
        self.through(&file, load, read, current, store)
    }

    /// Takes `load`'s, or else `read`'s and stores it, if the source is still `current`.
    fn through<T>(
        &self,
        file: &Path,
        load: impl FnOnce() -> Result<T, Unusable>,
        read: impl FnOnce() -> Result<T, DataError>,
        current: impl FnOnce() -> bool,
        store: impl FnOnce(&T) -> Result<(), DataError>,
    ) -> Result<Cached<T>, DataError> {
        let unusable = match load() {
            Ok(value) => return Ok(Cached { value, from_cache: true, notes: vec![] }),
            Err(unusable) => unusable,
        };
        let mut notes = Vec::new();
        let name = file.display();
        match unusable {
            Unusable::Absent | Unusable::TooShort => {}
            Unusable::Stale => {
                notes.push(format!("the cache is out of date and was made anew: {name}"));
            }
            Unusable::OtherVersion(version) => {
                notes.push(format!("the cache is of version {version} and was made anew: {name}"));
            }
            Unusable::Damaged(reason) => {
                notes.push(format!("the cache is damaged ({reason}) and was made anew: {name}"));
            }
        }
        let value = read()?;
        if !current() {
            notes.push("the files changed while they were read, so nothing was cached".to_owned());
        } else if let Err(error) = store(&value) {
            notes.push(format!("nothing was cached: {error}"));
        }
        Ok(Cached { value, from_cache: false, notes })
    }

    /// The cache file of a source and its preparation.
    fn file(&self, kind: Kind, source: &Path, preparation: &str) -> PathBuf {
        let path = identity::absolute(source);
        let mut key = path.as_os_str().as_encoded_bytes().to_vec();
        key.push(0);
        key.extend_from_slice(preparation.as_bytes());
        let name = format!("{}-{:032x}.{}", kind.name(), XxHash3_128::oneshot(&key), entries::ENDING);
        self.folder.join(name)
    }
}

/// Without the cache: the source cannot even be looked at, and reading says why.
fn plain<T>(read: impl FnOnce() -> Result<T, DataError>) -> Result<Cached<T>, DataError> {
    Ok(Cached { value: read()?, from_cache: false, notes: vec![] })
}
