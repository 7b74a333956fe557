//! Compiled kernels on disk.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A folder of compiled kernels. Whatever cannot be read or written there is compiled again; that the
/// cache does not work is never an error.
///
/// A file holds the SHA-256 checksum of the code, in 64 hexadecimal digits and a line end, then the code.
#[derive(Debug, Clone)]
pub(crate) struct CubinCache {
    folder: Option<PathBuf>,
}

impl CubinCache {
    /// `$SNICIT_CACHE_DIR`, or `snicit` in `$XDG_CACHE_HOME` or `~/.cache`; nothing if none is set.
    pub(crate) fn from_environment() -> Self {
        let named =
            |variable: &str| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = named("SNICIT_CACHE_DIR")
            .or_else(|| Some(named("XDG_CACHE_HOME")?.join("snicit")))
            .or_else(|| Some(named("HOME")?.join(".cache/snicit")));
        CubinCache { folder: folder.map(|folder| folder.join("cubin")) }
    }

    #[cfg(test)]
    fn in_folder(folder: &Path) -> Self {
        CubinCache { folder: Some(folder.to_owned()) }
    }

    /// The code that was stored under `key`, if it is there and undamaged.
    pub(crate) fn read(&self, key: &str) -> Option<Vec<u8>> {
        let file = fs::read(self.file(key)?).ok()?;
        let end = file.iter().position(|&byte| byte == b'\n')?;
        let (checksum, code) = (&file[..end], &file[end + 1..]);
        (checksum == hex(&Sha256::digest(code)).as_bytes()).then(|| code.to_owned())
    }

    /// Stores `code` under `key`: under a temporary name, then renamed, so that no one ever reads half.
    pub(crate) fn write(&self, key: &str, code: &[u8]) {
        let write = |file: &Path| -> std::io::Result<()> {
            let folder = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
            writeln!(temporary, "{}", hex(&Sha256::digest(code)))?;
            temporary.write_all(code)?;
            temporary.persist(file)?;
            Ok(())
        };
        if let Some(file) = self.file(key) {
            // A cache that cannot be written costs time, not correctness.
            let _ = write(&file);
        }
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{key}.cubin")))
    }
}

/// A key over all `parts`; different parts give different keys also when their concatenation is equal.
pub(crate) fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_noticed_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CubinCache::in_folder(folder.path());
        assert_eq!(cache.read("a"), None);
        cache.write("a", b"machine code");
        assert_eq!(cache.read("a").as_deref(), Some(&b"machine code"[..]));

        let file = folder.path().join("a.cubin");
        let whole = fs::read(&file).unwrap();
        for length in [0, 10, 65, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(cache.read("a"), None, "cut to {length}");
        }
        let mut flipped = whole.clone();
        flipped[70] ^= 1;
        fs::write(&file, flipped).unwrap();
        assert_eq!(cache.read("a"), None);
        cache.write("a", b"machine code");
        assert_eq!(fs::read(&file).unwrap(), whole);
    }

    #[test]
    fn keys_tell_parts_apart() {
        let key_of = |parts: &[&str]| key(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(key_of(&["ab", "c"]), key_of(&["ab", "c"]));
        assert_ne!(key_of(&["ab", "c"]), key_of(&["a", "bc"]));
        assert_ne!(key_of(&["ab", "c"]), key_of(&["ab", "c", ""]));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let cache = CubinCache::in_folder(Path::new("/proc/no/such/folder"));
        cache.write("a", b"code");
        assert_eq!(cache.read("a"), None);
    }
}
