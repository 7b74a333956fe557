//! The frame of a cache file; all numbers are little-endian.
//!
//! ```text
//! header    magic, version, kind
//! sections  each begins at a multiple of 64 bytes; their checksums are in the table
//! table     where it came from (path, width, preparation), then what `network` or `inputs` put there
//! trailer   offset and length of the table, XXH3 of header, table and these two
//! ```
//!
//! The trailer comes last so that a file is written from front to back, in one go.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use twox_hash::XxHash3_64;

use super::Unusable;
use super::identity::absolute;

const MAGIC: [u8; 8] = *b"SNICITC\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const TRAILER_BYTES: usize = 24;
const ALIGNMENT: usize = 64;

/// What a cache file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Network = 1,
    Inputs = 2,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Network => "network",
            Kind::Inputs => "inputs",
        }
    }
}

/// Where the contents came from.
pub(super) struct Origin<'a> {
    pub(super) source: &'a Path,
    /// Neurons a layer, or features.
    pub(super) width: usize,
    /// The bits of the bias, or the number of inputs that was given (0 for none).
    pub(super) preparation: u32,
}

/// A part of the file and the checksum of its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    offset: u64,
    length: u64,
    checksum: u64,
}

/// Writes a cache file from front to back.
pub(super) struct Writer<'a> {
    bytes: &'a mut dyn Write,
    kind: Kind,
    at: u64,
    table: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut dyn Write, kind: Kind, origin: &Origin<'_>) -> io::Result<Self> {
        bytes.write_all(&header(kind))?;
        let mut writer = Writer { bytes, kind, at: HEADER_BYTES as u64, table: Vec::new() };
        let path = absolute(origin.source).into_os_string().into_encoded_bytes();
        writer.number(path.len() as u64);
        writer.table.extend_from_slice(&path);
        writer.number(origin.width as u64);
        writer.number(u64::from(origin.preparation));
        Ok(writer)
    }

    /// Puts a number into the table.
    pub(super) fn number(&mut self, number: u64) {
        self.table.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes a section and puts it into the table.
    pub(super) fn section(&mut self, bytes: &[u8]) -> io::Result<()> {
        let padding = (self.at as usize).next_multiple_of(ALIGNMENT) - self.at as usize;
        self.bytes.write_all(&[0; ALIGNMENT][..padding])?;
        self.bytes.write_all(bytes)?;
        let offset = self.at + padding as u64;
        self.at = offset + bytes.len() as u64;
        for number in [offset, bytes.len() as u64, XxHash3_64::oneshot(bytes)] {
            self.number(number);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let [offset, length] = [self.at, self.table.len() as u64].map(u64::to_le_bytes);
        let checksum = checksum(&header(self.kind), &self.table, &[offset, length].concat());
        self.bytes.write_all(&self.table)?;
        self.bytes.write_all(&[offset, length, checksum.to_le_bytes()].concat())
    }
}

/// An open cache file whose table is sound.
pub(super) struct Reader {
    map: Mmap,
    pub(super) kind: Kind,
    /// Where in the table the next number is.
    at: usize,
    end: usize,
}

impl Reader {
    /// # Errors
    /// Why the file cannot be used.
    pub(super) fn open(file: &Path) -> Result<Self, Unusable> {
        let unreadable = |error: io::Error| match error.kind() {
            ErrorKind::NotFound => Unusable::Absent,
            _ => Unusable::Damaged(error.to_string()),
        };
        let open = File::open(file).map_err(unreadable)?;
        // SAFETY: the bytes may only change under us if another program writes into the file. We never do:
        // files of the cache are written under another name, renamed, and removed.
        let map = unsafe { Mmap::map(&open) }.map_err(unreadable)?;
        let damaged = |what: &str| Unusable::Damaged(what.to_owned());
        if map.len() < HEADER_BYTES || map[..8] != MAGIC {
            return Err(damaged("it does not begin like a cache file"));
        }
        let version = u32_at(&map, 8);
        if version != VERSION {
            return Err(Unusable::OtherVersion(version));
        }
        let kind = match u32_at(&map, 12) {
            1 => Kind::Network,
            2 => Kind::Inputs,
            _ => return Err(damaged("its kind is unknown")),
        };
        let trailer = map.len().saturating_sub(TRAILER_BYTES);
        if trailer < HEADER_BYTES {
            return Err(damaged("it is truncated"));
        }
        let [offset, length, expected] = [0, 8, 16].map(|at| u64_at(&map, trailer + at));
        let table = usize::try_from(offset).ok().filter(|&offset| {
            offset >= HEADER_BYTES && (offset as u64).checked_add(length) == Some(trailer as u64)
        });
        let Some(table) = table else { return Err(damaged("it is truncated")) };
        let found = checksum(&map[..HEADER_BYTES], &map[table..trailer], &map[trailer..trailer + 16]);
        if found != expected {
            return Err(damaged("the checksum of its table differs"));
        }
        Ok(Reader { map, kind, at: table, end: trailer })
    }

    /// The next number of the table.
    pub(super) fn number(&mut self) -> Result<u64, Unusable> {
        if self.end - self.at < 8 {
            return Err(Unusable::Damaged("its table ends too early".to_owned()));
        }
        self.at += 8;
        Ok(u64_at(&self.map, self.at - 8))
    }

    /// The next number of the table, which counts something.
    pub(super) fn count(&mut self) -> Result<usize, Unusable> {
        usize::try_from(self.number()?)
            .map_err(|_| Unusable::Damaged("it is too large for this machine".to_owned()))
    }

    /// The path at the beginning of the table; the width and the preparation follow.
    pub(super) fn source(&mut self) -> Result<PathBuf, Unusable> {
        let length = self.count()?;
        if self.end - self.at < length {
            return Err(Unusable::Damaged("its table ends too early".to_owned()));
        }
        let path = &self.map[self.at..self.at + length];
        self.at += length;
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            Ok(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
        }
        #[cfg(not(unix))]
        Ok(PathBuf::from(String::from_utf8_lossy(path).into_owned()))
    }

    /// The next section of the table.
    pub(super) fn section(&mut self) -> Result<Section, Unusable> {
        Ok(Section { offset: self.number()?, length: self.number()?, checksum: self.number()? })
    }

    /// The bytes of a section that has `length` bytes, once its checksum is right.
    pub(super) fn bytes(&self, section: Section, length: usize) -> Result<&[u8], Unusable> {
        let damaged = |what: &str| Unusable::Damaged(what.to_owned());
        let start = usize::try_from(section.offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(length)?));
        let bytes = range.filter(|_| section.length == length as u64).and_then(|r| self.map.get(r));
        let bytes = bytes.ok_or_else(|| damaged("a section has another length"))?;
        if XxHash3_64::oneshot(bytes) != section.checksum {
            return Err(damaged("the checksum of a section differs"));
        }
        Ok(bytes)
    }
}

fn header(kind: Kind) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..].copy_from_slice(&(kind as u32).to_le_bytes());
    header
}

fn checksum(header: &[u8], table: &[u8], place: &[u8]) -> u64 {
    XxHash3_64::oneshot(&[header, table, place].concat())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
