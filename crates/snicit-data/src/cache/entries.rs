use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::container::{Kind, Reader};
use super::identity::{self, Identity};
use super::{Cache, Unusable, inputs, network};
use crate::{DataError, atomic_file};

/// The ending of cache files.
pub(super) const ENDING: &str = "snicit-cache";

/// A temporary file this old belongs to no process that is still writing.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// A file of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it was made from, if that can be told.
    pub source: Option<PathBuf>,
    /// What it holds, in words.
    pub what: String,
    /// Whether it can be used.
    pub state: State,
}

/// Whether a cache file can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its sources are as they were. (Its sections are checked when they are loaded.)
    Current,
    /// Its sources have changed or are gone.
    Stale,
    /// It is damaged or of another version.
    Unusable,
    /// A temporary file: of a process that is writing it or was killed.
    Temporary,
}

impl Cache {
    /// All files of the cache, by name. A folder that does not exist is an empty cache.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, DataError> {
        let folder = self.folder();
        let unreadable = |reason| DataError::read(folder, reason);
        let files = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            files => files.map_err(unreadable)?,
        };
        let mut entries = Vec::new();
        for file in files {
            let file = file.map_err(unreadable)?;
            let name = file.file_name();
            let temporary = name.to_str().is_some_and(atomic_file::is_temporary);
            if !temporary && Path::new(&name).extension() != Some(ENDING.as_ref()) {
                continue;
            }
            // Another process may remove files while we look.
            let Ok(facts) = file.metadata() else { continue };
            let entry = Entry {
                file: file.path(),
                bytes: facts.len(),
                source: None,
                what: "temporary file".to_owned(),
                state: State::Temporary,
            };
            entries.push(if temporary { entry } else { describe(entry) });
        }
        entries.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(entries)
    }

    /// Removes what cannot be used any more: stale and damaged files, and temporary ones older than an
    /// hour. Gives what was removed.
    ///
    /// # Errors
    /// If the folder cannot be read or a file not removed.
    pub fn prune(&self) -> Result<Vec<Entry>, DataError> {
        self.remove(|entry| match entry.state {
            State::Current => false,
            State::Stale | State::Unusable => true,
            State::Temporary => is_abandoned(&entry.file),
        })
    }

    /// Removes all files of the cache, and no others. Gives what was removed.
    ///
    /// # Errors
    /// If the folder cannot be read or a file not removed.
    pub fn clear(&self) -> Result<Vec<Entry>, DataError> {
        self.remove(|_| true)
    }

    fn remove(&self, unwanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, DataError> {
        let mut removed = self.entries()?;
        removed.retain(unwanted);
        for entry in &removed {
            match fs::remove_file(&entry.file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(DataError::write(&entry.file, error));
                }
                _ => {}
            }
        }
        Ok(removed)
    }
}

fn is_abandoned(file: &Path) -> bool {
    let modified = fs::metadata(file).and_then(|facts| facts.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > ABANDONED))
}

fn describe(entry: Entry) -> Entry {
    match look_into(&entry.file) {
        Ok((source, what, state)) => Entry { source: Some(source), what, state, ..entry },
        Err(unusable) => {
            let what = match unusable {
                Unusable::OtherVersion(version) => format!("of version {version}"),
                Unusable::Damaged(reason) => reason,
                Unusable::Absent | Unusable::TooShort | Unusable::Stale => "gone".to_owned(),
            };
            Entry { what, state: State::Unusable, ..entry }
        }
    }
}

fn look_into(file: &Path) -> Result<(PathBuf, String, State), Unusable> {
    let mut reader = Reader::open(file)?;
    let source = reader.source()?;
    let width = reader.count()?;
    let preparation = reader.number()?;
    let (what, current) = match reader.kind {
        Kind::Network => {
            let found = network::identities(&mut reader)?;
            let layers = found.len();
            let bias = f32::from_bits(preparation as u32);
            let now = identity::of_layers(&source, width, layers);
            let what = format!("network, {width} neurons, {layers} layers, bias {bias}");
            (what, now.is_ok_and(|now| now == found))
        }
        Kind::Inputs => {
            let found = inputs::identity(&mut reader)?;
            reader.number()?;
            let count = reader.number()?;
            let now = Identity::of(&source);
            (format!("{count} inputs, {width} features"), now.is_ok_and(|now| now == found))
        }
    };
    Ok((source, what, if current { State::Current } else { State::Stale }))
}
