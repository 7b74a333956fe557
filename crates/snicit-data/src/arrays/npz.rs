use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Array;
use super::npy::{self, Bytes};
use crate::{DataError, atomic_file};

const ENDING: &str = ".npy";

/// An open `.npz` file: a zip archive of `.npy` files, stored or deflated.
pub struct NpzReader {
    file: PathBuf,
    archive: ZipArchive<BufReader<File>>,
}

impl std::fmt::Debug for NpzReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NpzReader").field("file", &self.file).finish_non_exhaustive()
    }
}

impl NpzReader {
    /// Opens the archive and reads its list of members.
    ///
    /// # Errors
    /// If the file cannot be read or is no zip archive.
    pub fn open(file: &Path) -> Result<Self, DataError> {
        let open = File::open(file).map_err(|reason| DataError::read(file, reason))?;
        let archive = ZipArchive::new(BufReader::new(open)).map_err(|error| damaged(file, &error))?;
        Ok(NpzReader { file: file.to_owned(), archive })
    }

    /// The file, as it was given.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The names of the arrays, as numpy knows them (without `.npy`), in the order of the archive.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().filter_map(Result::ok);
        names.filter_map(|name| Some(name.strip_suffix(ENDING)?.to_owned())).collect()
    }

    /// Whether there is an array of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.archive.index_for_name(&format!("{name}{ENDING}")).is_some()
    }

    /// Reads the array of this name.
    ///
    /// # Errors
    /// If there is none, or as [`read_npy`](super::read_npy).
    pub fn read(&mut self, name: &str) -> Result<Array, DataError> {
        self.with_member(name, |bytes| bytes.array())
    }

    /// Reads a member that is a single text.
    pub(crate) fn read_text(&mut self, name: &str) -> Result<String, DataError> {
        self.with_member(name, |bytes| bytes.text())
    }

    /// For messages: the file and one of its members.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}, member {name}{ENDING}", self.file.display())
    }

    fn with_member<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Bytes<'_>) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let place = self.place(name);
        let index = self.archive.index_for_name(&format!("{name}{ENDING}")).ok_or_else(|| {
            let names = self.names();
            let shown = names.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if names.len() > 12 { ", …" } else { "" };
            DataError::unexpected(
                self.file.display(),
                format!("the member {name}{ENDING}"),
                "missing",
                format!("it beside {shown}{more}"),
            )
        })?;
        let mut member = self.archive.by_index(index).map_err(|error| damaged(&self.file, &error))?;
        // Only a stored member's length is bound to the archive's.
        let stored = member.compression() == CompressionMethod::Stored;
        let length = (stored && member.size() == member.compressed_size()).then(|| member.size());
        let within = self.file.metadata().map_err(|reason| DataError::read(&self.file, reason))?.len();
        let length = length.filter(|&length| length <= within);
        let mut bytes = |buffer: &mut [u8]| loop {
            match member.read(buffer) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let reason = format!("{name}{ENDING}: {error}");
                    return Err(DataError::Zip { file: self.file.clone(), reason });
                }
            }
        };
        read(Bytes { place, length, read: &mut bytes })
    }
}

/// Whether the members of an archive are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// As they are: large and fast.
    #[default]
    Stored,
    /// Deflated: small and slow.
    Deflated,
}

/// Writes arrays as a `.npz` file, in this order.
///
/// # Errors
/// If two have the same name, or the file cannot be written.
pub fn write_npz(file: &Path, arrays: &[(&str, &Array)], packing: Packing) -> Result<(), DataError> {
    write_npz_with_text(file, arrays, &[], packing)
}

/// As [`write_npz`]; single texts follow the arrays.
pub(crate) fn write_npz_with_text(
    file: &Path,
    arrays: &[(&str, &Array)],
    texts: &[(&str, &str)],
    packing: Packing,
) -> Result<(), DataError> {
    let method = match packing {
        Packing::Stored => CompressionMethod::Stored,
        Packing::Deflated => CompressionMethod::Deflated,
    };
    // No time: the same arrays give the same file.
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    atomic_file::write_seekable(file, |writer| {
        let mut zip = ZipWriter::new(writer);
        for (name, array) in arrays {
            zip.start_file(format!("{name}{ENDING}"), options)?;
            npy::put_array(&mut zip, array)?;
        }
        for (name, text) in texts {
            zip.start_file(format!("{name}{ENDING}"), options)?;
            npy::put_text(&mut zip, text)?;
        }
        zip.finish()?;
        Ok(())
    })
}

fn damaged(file: &Path, error: &zip::result::ZipError) -> DataError {
    DataError::Zip { file: file.to_owned(), reason: error.to_string() }
}
