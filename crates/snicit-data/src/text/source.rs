use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::lines::{BlockError, LineCount, Located};
use crate::DataError;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BUFFER_BYTES: usize = 256 * 1024;

/// The bytes of a file, unpacked if they are gzip (told by the first two bytes, not by the name).
pub(crate) struct Source<'a> {
    file: PathBuf,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Plain(BufReader<File>),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Other(&'a mut dyn Read),
}

impl<'a> Source<'a> {
    pub(crate) fn open(file: &Path) -> Result<Self, DataError> {
        let unreadable = |reason| DataError::read(file, reason);
        let mut raw = BufReader::with_capacity(BUFFER_BYTES, File::open(file).map_err(unreadable)?);
        let bytes = if raw.fill_buf().map_err(unreadable)?.starts_with(&GZIP_MAGIC) {
            Bytes::Gzip(Box::new(MultiGzDecoder::new(raw)))
        } else {
            Bytes::Plain(raw)
        };
        Ok(Source { file: file.to_owned(), bytes })
    }

    /// Whatever `bytes` gives, under a name for messages.
    pub(crate) fn of(file: PathBuf, bytes: &'a mut dyn Read) -> Self {
        Source { file, bytes: Bytes::Other(bytes) }
    }

    /// The length of the whole, if it is a regular file that is not compressed.
    pub(crate) fn plain_length(&self) -> Option<u64> {
        match &self.bytes {
            Bytes::Plain(bytes) => {
                let metadata = bytes.get_ref().metadata().ok()?;
                metadata.is_file().then_some(metadata.len())
            }
            Bytes::Gzip(_) | Bytes::Other(_) => None,
        }
    }

    /// Reads some bytes into `buffer`; 0 means the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DataError> {
        loop {
            let read = match &mut self.bytes {
                Bytes::Plain(bytes) => bytes.read(buffer),
                Bytes::Gzip(bytes) => bytes.read(buffer),
                Bytes::Other(bytes) => bytes.read(buffer),
            };
            match read {
                Ok(read) => return Ok(read),
                Err(reason) if reason.kind() == ErrorKind::Interrupted => {}
                Err(reason) => return Err(self.explain(reason)),
            }
        }
    }

    /// Reads to the end, but at most `limit` bytes; the memory grows with what is really there.
    pub(crate) fn read_at_most(&mut self, limit: usize) -> Result<Vec<u8>, DataError> {
        let mut all = Vec::new();
        let mut chunk = vec![0; BUFFER_BYTES];
        while all.len() < limit {
            let wanted = chunk.len().min(limit - all.len());
            match self.read(&mut chunk[..wanted])? {
                0 => break,
                read => all.extend_from_slice(&chunk[..read]),
            }
        }
        Ok(all)
    }

    /// Names file and line of what ended the reading of blocks behind `count` lines.
    pub(crate) fn locate(
        &self,
        error: BlockError<Located>,
        count: LineCount,
        expected: &'static str,
    ) -> DataError {
        let located = match error {
            BlockError::Read(error) => return error,
            BlockError::LineTooLong => count.too_long(expected),
            BlockError::Visit(located) => located,
        };
        DataError::line(&self.file, located.line, located.problem)
    }

    fn explain(&self, reason: io::Error) -> DataError {
        let file = self.file.clone();
        match (&self.bytes, reason.kind()) {
            (Bytes::Gzip(_), ErrorKind::UnexpectedEof) => DataError::GzipTruncated { file },
            // The two kinds that the decoder makes itself; all others come from the file below it.
            (Bytes::Gzip(_), ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
                DataError::GzipCorrupt { file, reason: reason.to_string() }
            }
            _ => DataError::Read { file, reason },
        }
    }
}
