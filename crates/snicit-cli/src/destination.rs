//! Files that will be written: checked before the long computation, not after it.

use std::path::Path;
use std::{fs, io};

use crate::exit::Failure;

/// Refuses to write over files that are there, unless `force` is set.
pub(crate) fn refuse_existing(file: &Path, force: bool) -> Result<(), Failure> {
    if force || !file.exists() {
        return Ok(());
    }
    Err(Failure::new(format!("{} exists already; --force writes over it", file.display())))
}

/// Fails if `file` cannot be written. Its folder must be there: another one is most likely a slip.
pub(crate) fn check_file(file: &Path) -> Result<(), Failure> {
    // A device or pipe would be replaced by a file, since files are written aside and then renamed.
    if file.exists() && !file.is_file() {
        return Err(Failure::new(format!("cannot write {}: it is not a file", file.display())));
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    probe(folder).map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))
}

/// Makes `folder` and fails if nothing can be written there.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .and_then(|()| probe(folder))
        .map_err(|error| Failure::new(format!("cannot write to {}: {error}", folder.display())))
}

/// Writes a file without a name, which leaves nothing behind.
fn probe(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}
