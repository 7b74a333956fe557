//! Files that are there as a whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use crate::DataError;

const BUFFER_BYTES: usize = 256 * 1024;
const PREFIX: &str = ".snicit-";
const SUFFIX: &str = ".part";

/// Lets `fill` write `file`: under a temporary name in the same folder, renamed when all is on disk.
///
/// Missing folders are created. If anything fails, the temporary file is removed and whatever `file`
/// was before, it still is.
///
/// # Errors
/// If the folder or the file cannot be written, or `fill` fails.
pub fn write(file: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), DataError> {
    try_write(file, true, |mut writer| fill(&mut writer))
        .map_err(|reason| DataError::write(file, reason))
}

/// What can go back to what was written: archives put lengths before what they are the lengths of.
pub(crate) trait SeekWrite: Write + Seek {}

impl<W: Write + Seek> SeekWrite for W {}

/// As [`write`], for what is not written from front to back.
pub(crate) fn write_seekable(
    file: &Path,
    fill: impl FnOnce(&mut dyn SeekWrite) -> io::Result<()>,
) -> Result<(), DataError> {
    try_write(file, true, fill).map_err(|reason| DataError::write(file, reason))
}

/// As [`write`], but a crash of the machine (not of the process) right after it may leave a damaged file:
/// for files that carry checksums and can be made again.
pub(crate) fn write_without_sync(
    file: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), DataError> {
    try_write(file, false, |mut writer| fill(&mut writer))
        .map_err(|reason| DataError::write(file, reason))
}

/// Whether a file of this name is a temporary one, of a process that runs or was killed.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

fn try_write(
    file: &Path,
    sync: bool,
    fill: impl FnOnce(&mut dyn SeekWrite) -> io::Result<()>,
) -> io::Result<()> {
    // The parent of a bare file name is the empty path.
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default. The umask still applies, as to any new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
    let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, &mut temporary);
    fill(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    if sync {
        temporary.as_file().sync_all()?;
    }
    temporary.persist(file).map_err(|failed| failed.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_fails_midway_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.tsv");
        let fail = |writer: &mut dyn Write| {
            // More than the buffer holds, so that part of it has reached the disk.
            writer.write_all(&vec![b'x'; 3 * BUFFER_BYTES])?;
            Err(io::Error::other("the disk is gone"))
        };
        let error = write(&file, fail).unwrap_err();
        let expected = format!("{}: could not be written: the disk is gone", file.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        fs::write(&file, "before").unwrap();
        assert!(write(&file, fail).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_made_and_files_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/new.tsv");
        for content in ["first", "second"] {
            write(&file, |writer| writer.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_an_ordinary_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        fs::write(folder.path().join("ordinary"), "").unwrap();
        write(&folder.path().join("ours"), |_| Ok(())).unwrap();
        assert_eq!(mode("ours"), mode("ordinary"));
    }
}
