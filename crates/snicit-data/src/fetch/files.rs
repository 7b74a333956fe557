//! Single files: unpacked, checked, put in place.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use snicit::Inputs;

use super::{MnistFile, Problem, known_ones};
use crate::{DataError, sdgc};

const BUFFER_BYTES: usize = 256 * 1024;

/// The bytes, unpacked if they are gzip.
pub(super) fn unpacked<'a>(bytes: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut buffered = BufReader::with_capacity(BUFFER_BYTES, bytes);
    let gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) })
}

/// What a decoder stumbled over. That the download itself failed is found out by the caller.
pub(super) fn wrong(error: &io::Error) -> Problem {
    Problem::Wrong(match error.kind() {
        ErrorKind::UnexpectedEof => "the packed data end too early".to_owned(),
        _ => format!("the packed data are corrupt: {error}"),
    })
}

/// Writes the bytes, unpacked, into `file`; gives their SHA-256 in hexadecimal digits.
pub(super) fn unpack(bytes: impl Read, file: &Path) -> Result<String, Problem> {
    let mut bytes = unpacked(bytes).map_err(|error| wrong(&error))?;
    write(&mut bytes, file)
}

/// Writes `bytes` into `file`; gives their SHA-256 in hexadecimal digits.
pub(super) fn write(bytes: &mut dyn Read, file: &Path) -> Result<String, Problem> {
    let unwritable = |error| DataError::write(file, error);
    let mut writer = BufWriter::new(File::create(file).map_err(unwritable)?);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = match bytes.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(wrong(&error)),
        };
        digest.update(&buffer[..read]);
        writer.write_all(&buffer[..read]).map_err(unwritable)?;
    }
    let file = writer.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a reader says about contents; its own file name means nothing to the user.
pub(super) fn refuse(staging: &Path, error: DataError) -> Problem {
    match error {
        DataError::Read { .. } => Problem::Failed(error),
        error => {
            let prefix = staging.display().to_string();
            let text = error.to_string();
            let text = text.strip_prefix(&prefix).unwrap_or(&text);
            Problem::Wrong(text.trim_start_matches([':', ',', '/', ' ']).to_owned())
        }
    }
}

pub(super) fn check_images(file: &Path, neurons: usize) -> Result<(), Problem> {
    let inputs =
        sdgc::read_inputs(file, neurons, Some(sdgc::INPUTS)).map_err(|error| refuse(file, error))?;
    let Inputs::Bits(bits) = inputs else {
        return Err(Problem::Wrong("a feature is neither 0 nor 1".to_owned()));
    };
    let found = bits.count_ones();
    match known_ones(neurons) {
        Some(known) if found.abs_diff(known) > known / 1000 => {
            Err(Problem::Wrong(format!("{found} features are 1, expected about {known}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_categories(file: &Path, neurons: usize) -> Result<(), Problem> {
    let categories = sdgc::read_categories(file).map_err(|error| refuse(file, error))?;
    let known = sdgc::truth_categories(neurons).unwrap_or(categories.len());
    if categories.len() != known {
        let found = categories.len();
        return Err(Problem::Wrong(format!("there are {found} categories, expected {known}")));
    }
    match categories.indices().last() {
        Some(&last) if last as usize > sdgc::INPUTS => {
            Err(Problem::Wrong(format!("category {last} is none of {} inputs", sdgc::INPUTS)))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_mnist(file: &Path, expected: &MnistFile, digest: &str) -> Result<(), Problem> {
    let length = fs::metadata(file).map_err(|error| DataError::read(file, error))?.len();
    if length != expected.bytes {
        return Err(Problem::Wrong(format!("it has {length} bytes, expected {}", expected.bytes)));
    }
    if digest != expected.sha256 {
        return Err(Problem::Wrong(format!("its SHA-256 is {digest}, expected {}", expected.sha256)));
    }
    Ok(())
}

/// Removes a file or folder if it is there.
pub(super) fn remove(path: &Path) -> Result<(), DataError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DataError::write(path, error)),
        _ => Ok(()),
    }
}

/// Puts `staging` in the place of `destination`. A folder cannot be replaced in one step: the old one is
/// moved aside first, and between the two steps there is none.
pub(super) fn replace(staging: &Path, destination: &Path) -> Result<(), DataError> {
    let unwritable = |error| DataError::write(destination, error);
    let mut aside = destination.as_os_str().to_owned();
    aside.push(".old");
    let aside = Path::new(&aside);
    if destination.is_dir() {
        remove(aside)?;
        fs::rename(destination, aside).map_err(unwritable)?;
    }
    fs::rename(staging, destination).map_err(unwritable)?;
    remove(aside)
}
