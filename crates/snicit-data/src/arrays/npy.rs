use std::io::{self, Write};
use std::path::Path;

use super::element::Element;
use super::header::{ElementType, Header, MAGIC, MOST_HEADER_BYTES, expected_types, shown};
use super::values::with_vector;
use super::{Array, Kind, Values, elements_of, order, shown_shape};
use crate::text::Source;
use crate::{DataError, atomic_file};

/// Bytes that are converted at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// The bytes of one array, from a file or a member of an archive.
pub(crate) struct Bytes<'a> {
    /// For messages.
    pub(crate) place: String,
    /// How many bytes there are, where that is certain.
    pub(crate) length: Option<u64>,
    /// Reads some; 0 means the end.
    pub(crate) read: &'a mut dyn FnMut(&mut [u8]) -> Result<usize, DataError>,
}

impl Bytes<'_> {
    /// Fills as much of `buffer` as there is.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, DataError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match (self.read)(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    fn unexpected(&self, what: &str, found: String, expected: String) -> DataError {
        DataError::unexpected(&self.place, what, found, expected)
    }

    /// Reads up to the data; also gives the bytes that were read.
    fn header(&mut self) -> Result<(Header, usize), DataError> {
        let mut fixed = [0; 12];
        let read = self.fill(&mut fixed[..10])?;
        if read < 10 || &fixed[..6] != MAGIC {
            let expected = format!("{} and more (a .npy file)", shown(MAGIC));
            return Err(self.unexpected("the beginning", shown(&fixed[..read.min(6)]), expected));
        }
        let length_bytes = match fixed[6..8] {
            [1, 0] => 2,
            [2 | 3, 0] => 4,
            _ => {
                let found = format!("{}.{}", fixed[6], fixed[7]);
                return Err(self.unexpected("the version", found, "1.0, 2.0 or 3.0".to_owned()));
            }
        };
        // Versions 2 and 3 have two more bytes of length; if they are missing, the header is too.
        self.fill(&mut fixed[10..][..length_bytes - 2])?;
        let length =
            fixed[8..][..length_bytes].iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte));
        if length > MOST_HEADER_BYTES {
            let expected = format!("at most {MOST_HEADER_BYTES} bytes");
            return Err(self.unexpected("the length of the header", length.to_string(), expected));
        }
        let mut text = vec![0; length];
        let read = self.fill(&mut text)?;
        if read < length {
            return Err(self.unexpected(
                "the header",
                format!("{read} bytes"),
                format!("{length} bytes"),
            ));
        }
        let header = Header::parse(&text)
            .map_err(|(what, found, expected)| self.unexpected(what, found, expected))?;
        Ok((header, 8 + length_bytes + length))
    }

    /// Bytes of the data, if there can be so many.
    fn data_bytes(&self, each: usize, shape: &[usize], before: usize) -> Result<usize, DataError> {
        let bytes = elements_of(shape).and_then(|n| n.checked_mul(each));
        let shape = shown_shape(shape);
        let Some(bytes) = bytes.filter(|&bytes| bytes < isize::MAX as usize) else {
            return Err(self.unexpected("the shape", shape, "a shape that fits into memory".to_owned()));
        };
        match self.length {
            Some(length) if length.checked_sub(before as u64) != Some(bytes as u64) => {
                let found = format!("{} bytes", length.saturating_sub(before as u64));
                let expected = format!("{bytes} bytes (shape {shape})");
                Err(self.unexpected("the data", found, expected))
            }
            _ => Ok(bytes),
        }
    }

    /// Reads the elements, and nothing must follow. Memory grows with what is really there.
    fn elements<T: Element>(&mut self, bytes: usize, big_endian: bool) -> Result<Vec<T>, DataError> {
        let each = size_of::<T>();
        let mut elements = Vec::new();
        let known = if self.length.is_some() { bytes } else { bytes.min(PIECE_BYTES) };
        self.reserve(&mut elements, known / each)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut read_bytes = 0;
        while read_bytes < bytes {
            let wanted = PIECE_BYTES.min(bytes - read_bytes);
            let read = self.fill(&mut piece[..wanted])?;
            read_bytes += read;
            if read < wanted {
                let found = format!("{read_bytes} bytes");
                return Err(self.unexpected("the data", found, format!("{bytes} bytes")));
            }
            if elements.capacity() - elements.len() < read / each {
                let more = elements.len().max(read / each).min(bytes / each - elements.len());
                self.reserve(&mut elements, more)?;
            }
            T::append(&piece[..read], big_endian, &mut elements);
        }
        self.end(bytes)?;
        Ok(elements)
    }

    fn reserve<T>(&self, elements: &mut Vec<T>, more: usize) -> Result<(), DataError> {
        elements.try_reserve_exact(more).map_err(|_| {
            let found = format!("{} more", more * size_of::<T>());
            self.unexpected("the bytes needed", found, "as many as there is memory".to_owned())
        })
    }

    /// Fails if anything follows. Reading to the end is also what checks an archive's checksum.
    fn end(&mut self, bytes: usize) -> Result<(), DataError> {
        match (self.read)(&mut [0])? {
            0 => Ok(()),
            _ => {
                let found = format!("more than {bytes} bytes");
                Err(self.unexpected("the data", found, format!("{bytes} bytes")))
            }
        }
    }

    pub(super) fn array(mut self) -> Result<Array, DataError> {
        let (header, before) = self.header()?;
        let ElementType::Number { kind, big_endian } = header.element else {
            return Err(self.unexpected(
                "the type of the elements",
                "text".to_owned(),
                expected_types(),
            ));
        };
        let array = self.elements_of(kind, big_endian, header.shape, before)?;
        if header.fortran_order { Ok(order::from_fortran(array)) } else { Ok(array) }
    }

    /// An array of elements of this kind that begin after `before` bytes.
    pub(super) fn elements_of(
        mut self,
        kind: Kind,
        big_endian: bool,
        shape: Vec<usize>,
        before: usize,
    ) -> Result<Array, DataError> {
        let bytes = self.data_bytes(kind.bytes(), &shape, before)?;
        macro_rules! read {
            ($variant:ident) => {
                Values::$variant(self.elements(bytes, big_endian)?)
            };
        }
        let values = match kind {
            Kind::Bool => Values::Bool(self.bools(bytes)?),
            Kind::I8 => read!(I8),
            Kind::I16 => read!(I16),
            Kind::I32 => read!(I32),
            Kind::I64 => read!(I64),
            Kind::U8 => read!(U8),
            Kind::U16 => read!(U16),
            Kind::U32 => read!(U32),
            Kind::U64 => read!(U64),
            Kind::F16 => read!(F16),
            Kind::F32 => read!(F32),
            Kind::F64 => read!(F64),
        };
        Ok(Array { shape, values, place: self.place })
    }

    fn bools(&mut self, bytes: usize) -> Result<Vec<bool>, DataError> {
        let elements: Vec<u8> = self.elements(bytes, false)?;
        match elements.iter().position(|&byte| byte > 1) {
            Some(at) => {
                let what = format!("element {at} in the order of the file");
                Err(self.unexpected(&what, elements[at].to_string(), "0 or 1 (bool)".to_owned()))
            }
            None => Ok(elements.into_iter().map(|byte| byte != 0).collect()),
        }
    }

    /// A single text, of bytes or Unicode, without the zeros it is filled up with.
    pub(super) fn text(mut self) -> Result<String, DataError> {
        const MOST_BYTES: usize = 1024;
        let (header, before) = self.header()?;
        let expected = || "a single text".to_owned();
        let ElementType::Text { bytes_each, big_endian, .. } = header.element else {
            return Err(self.unexpected("the type of the elements", "a number".to_owned(), expected()));
        };
        let bytes = self.data_bytes(header.element.bytes(), &header.shape, before)?;
        if elements_of(&header.shape) != Some(1) || bytes > MOST_BYTES {
            let found = format!("{bytes} bytes, shape {}", shown_shape(&header.shape));
            return Err(self.unexpected("the text", found, expected()));
        }
        let text: Option<String> = if bytes_each == 1 {
            self.elements::<u8>(bytes, false)?
                .into_iter()
                .map(|byte| char::from_u32(byte.into()))
                .collect()
        } else {
            self.elements::<u32>(bytes, big_endian)?.into_iter().map(char::from_u32).collect()
        };
        let text =
            text.ok_or_else(|| self.unexpected("the text", "no Unicode".to_owned(), expected()))?;
        Ok(text.trim_end_matches('\0').to_owned())
    }
}

/// Reads one array from a `.npy` file, plain or gzip.
///
/// # Errors
/// If the file cannot be read, its header is no good, elements are of a type that is not read (see the
/// [module](super)), or the file is shorter or longer than the header says.
pub fn read_npy(file: &Path) -> Result<Array, DataError> {
    let mut source = Source::open(file)?;
    let length = source.plain_length();
    let mut read = |buffer: &mut [u8]| source.read(buffer);
    Bytes { place: file.display().to_string(), length, read: &mut read }.array()
}

/// Writes `array` as a `.npy` file.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy(file: &Path, array: &Array) -> Result<(), DataError> {
    atomic_file::write(file, |writer| put_array(writer, array))
}

/// Writes what a `.npy` file holds.
pub(super) fn put_array(writer: &mut (impl Write + ?Sized), array: &Array) -> io::Result<()> {
    writer.write_all(&Header::write(array.values.kind(), &array.shape))?;
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    with_vector!(&array.values, elements => {
        for piece in elements.chunks(PIECE_BYTES / 8) {
            bytes.clear();
            piece.iter().for_each(|element| element.put(&mut bytes));
            writer.write_all(&bytes)?;
        }
    });
    Ok(())
}

/// Writes a `.npy` file of a single text, of ASCII characters.
pub(super) fn put_text(writer: &mut (impl Write + ?Sized), text: &str) -> io::Result<()> {
    writer.write_all(&Header::write_text(text.len()))?;
    writer.write_all(text.as_bytes())
}
