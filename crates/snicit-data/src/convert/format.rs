use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::DataError;
use crate::arrays::NpzReader;
use crate::matrices::{DESCRIPTION, MatrixFormat};

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The challenge's text: a folder or tar archive of layers, or a file of inputs.
    Tsv,
    /// Matrix Market: a folder of layers, or one.
    MatrixMarket,
    /// scipy's sparse matrices: a folder of layers, or one.
    Scipy,
    /// A network in one file.
    Safetensors,
    /// An array.
    Npy,
    /// An archive of arrays.
    Npz,
    /// MNIST's format.
    Idx,
    /// Numbers separated by commas.
    Csv,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network.
    Network,
    /// Inputs, or another array.
    Inputs,
}

impl Format {
    const ALL: [(Format, &str); 8] = [
        (Format::Tsv, "tsv"),
        (Format::MatrixMarket, "mtx"),
        (Format::Scipy, "scipy"),
        (Format::Safetensors, "safetensors"),
        (Format::Npy, "npy"),
        (Format::Npz, "npz"),
        (Format::Idx, "idx"),
        (Format::Csv, "csv"),
    ];

    /// What a file or folder that exists holds, by its name or, for folders and `.npz`, by what is in it.
    ///
    /// # Errors
    /// If neither tells, or it cannot be read.
    pub fn of_source(path: &Path) -> Result<(Kind, Format), DataError> {
        if path.is_dir() {
            return Self::of_folder(path).map(|format| (Kind::Network, format));
        }
        if let Err(reason) = path.metadata() {
            return Err(DataError::read(path, reason));
        }
        if is_archive(path) {
            return Ok((Kind::Network, Format::Tsv));
        }
        match Self::by_name(path) {
            Some(Format::Npz) => {
                let archive = NpzReader::open(path)?;
                let is_matrix = archive.contains("format") && archive.contains("shape");
                Ok(if is_matrix { (Kind::Network, Format::Scipy) } else { (Kind::Inputs, Format::Npz) })
            }
            Some(format @ (Format::Safetensors | Format::MatrixMarket)) => Ok((Kind::Network, format)),
            Some(format) => Ok((Kind::Inputs, format)),
            None => {
                let expected = "one that tells the format (.tsv, .tar.gz, .mtx, .npz, .safetensors, .npy, .csv, \
                                …-ubyte), or the format itself";
                Err(DataError::unexpected(path.display(), "the name", "another one", expected))
            }
        }
    }

    /// What kind of thing `path` holds, given that it is of this format.
    pub fn kind_in(self, path: &Path) -> Kind {
        match self {
            Format::Tsv if path.is_dir() || is_archive(path) => Kind::Network,
            Format::MatrixMarket | Format::Scipy | Format::Safetensors => Kind::Network,
            _ => Kind::Inputs,
        }
    }

    /// The format that the name of a file to be written asks for; that of a folder says nothing.
    pub fn of_target(path: &Path, kind: Kind) -> Option<Format> {
        if is_archive(path) {
            return (kind == Kind::Network).then_some(Format::Tsv);
        }
        match (Self::by_name(path)?, kind) {
            (Format::Npz, Kind::Network) => Some(Format::Scipy),
            (format @ (Format::Safetensors | Format::MatrixMarket), Kind::Network) => Some(format),
            (Format::Safetensors | Format::MatrixMarket, Kind::Inputs) | (_, Kind::Network) => None,
            (format, Kind::Inputs) => Some(format),
        }
    }

    fn of_folder(folder: &Path) -> Result<Format, DataError> {
        let unreadable = |reason| DataError::read(folder, reason);
        let mut format = None;
        for entry in folder.read_dir().map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let found = match MatrixFormat::of(&file) {
                Some(MatrixFormat::MatrixMarket) => Format::MatrixMarket,
                Some(MatrixFormat::Scipy) => Format::Scipy,
                None if super::networks::layer_of(&file).is_some() => Format::Tsv,
                None => continue,
            };
            // Where there is a description, it decides what is read.
            if format.is_some_and(|format| format != found) && !folder.join(DESCRIPTION).is_file() {
                let expected = "one, or the format given";
                return Err(DataError::unexpected(
                    folder.display(),
                    "the number of formats in it",
                    "2",
                    expected,
                ));
            }
            format = Some(found);
        }
        format.ok_or_else(|| {
            let expected = "layers: n1024-l1.tsv, or layer-1.mtx, or layer-1.npz …";
            DataError::unexpected(folder.display(), "the folder", "without layers", expected)
        })
    }

    fn by_name(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").unwrap_or(name);
        if name.ends_with("-ubyte") || name.ends_with(".idx") {
            return Some(Format::Idx);
        }
        let (_, ending) = name.rsplit_once('.')?;
        ending.parse().ok().filter(|format| *format != Format::Scipy)
    }
}

/// Whether the name is that of a tar archive.
pub(super) fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !path.is_dir() && [".tar", ".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Format::ALL.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        let found = Format::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(format, _)| *format).ok_or_else(|| DataError::InvalidRequest {
            what: "the format",
            found: format!("{name:?}"),
            expected: Format::ALL.map(|(_, name)| name).join(", "),
        })
    }
}
