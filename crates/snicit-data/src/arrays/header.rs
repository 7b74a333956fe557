//! The header of an `.npy` file: magic, version, length, and a Python dictionary such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.

use super::element::Kind;
use super::shown_shape;

pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// What numpy accepts at most of a file it does not trust is 10,000.
pub(super) const MOST_HEADER_BYTES: usize = 64 * 1024;
/// numpy's own bound.
const MOST_DIMENSIONS: usize = 64;
/// Data begin at a multiple of it.
const ALIGNMENT: usize = 64;

/// What elements are, as the header has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementType {
    Number {
        kind: Kind,
        big_endian: bool,
    },
    /// A text of at most so many characters of so many bytes each (1: bytes; 4: Unicode).
    Text {
        characters: usize,
        bytes_each: usize,
        big_endian: bool,
    },
}

impl ElementType {
    pub(super) fn bytes(self) -> usize {
        match self {
            ElementType::Number { kind, .. } => kind.bytes(),
            ElementType::Text { characters, bytes_each, .. } => characters.saturating_mul(bytes_each),
        }
    }

    /// From `<f4`, `|b1`, `|S3`.
    fn parse(descr: &str) -> Option<Self> {
        let (order, rest) = match descr.as_bytes().first()? {
            b'<' | b'>' | b'|' | b'=' => descr.split_at(1),
            _ => ("|", descr),
        };
        let big_endian = order == ">" || order == "=" && cfg!(target_endian = "big");
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.code() == rest) {
            // Without a byte order only single bytes are clear.
            let clear = order != "|" || kind.bytes() == 1;
            return clear.then_some(ElementType::Number { kind, big_endian });
        }
        let (letter, length) = rest.split_at_checked(1)?;
        let bytes_each = match letter {
            "S" => 1,
            "U" => 4,
            _ => return None,
        };
        let characters = length.parse().ok()?;
        Some(ElementType::Text { characters, bytes_each, big_endian })
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) element: ElementType,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

/// What of a header is wrong: what, found, expected.
pub(super) type Wrong = (&'static str, String, String);

impl Header {
    /// Reads the dictionary.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Wrong> {
        const EXPECTED: &str = "a dictionary of descr, fortran_order and shape";
        let wrong = || ("the header", shown(text), EXPECTED.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| wrong())?;
        let mut rest = text.trim().strip_prefix('{').ok_or_else(wrong)?.trim_start();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.starts_with('}') {
            let (key, behind) = string(rest).ok_or_else(wrong)?;
            rest = behind.trim_start().strip_prefix(':').ok_or_else(wrong)?.trim_start();
            rest = match key {
                "descr" if rest.starts_with(['[', '(']) => {
                    let found = "structured".to_owned();
                    return Err(("the type of the elements", found, expected_types()));
                }
                "descr" => set(&mut descr, string(rest)),
                "fortran_order" => set(&mut fortran_order, boolean(rest)),
                "shape" => set(&mut shape, tuple(rest)),
                _ => None,
            }
            .ok_or_else(wrong)?
            .trim_start();
            match rest.strip_prefix(',') {
                Some(behind) => rest = behind.trim_start(),
                None if rest.starts_with('}') => {}
                None => return Err(wrong()),
            }
        }
        let (Some(descr), Some(fortran_order), Some(shape)) = (descr, fortran_order, shape) else {
            return Err(wrong());
        };
        let element = ElementType::parse(descr)
            .ok_or_else(|| ("the type of the elements", shown(descr.as_bytes()), expected_types()))?;
        Ok(Header { element, fortran_order, shape })
    }

    /// Magic, version, length and dictionary, padded so that data are aligned.
    pub(super) fn write(kind: Kind, shape: &[usize]) -> Vec<u8> {
        let order = if kind.bytes() == 1 { '|' } else { '<' };
        let code = kind.code();
        let shape = shown_shape(shape);
        Self::frame(&format!("{{'descr': '{order}{code}', 'fortran_order': False, 'shape': {shape}, }}"))
    }

    /// The header of a single text of `length` bytes.
    pub(super) fn write_text(length: usize) -> Vec<u8> {
        Self::frame(&format!("{{'descr': '|S{length}', 'fortran_order': False, 'shape': (), }}"))
    }

    fn frame(dictionary: &str) -> Vec<u8> {
        let before = |length_bytes: usize| MAGIC.len() + 2 + length_bytes;
        let padded = |before: usize| (before + dictionary.len() + 1).next_multiple_of(ALIGNMENT);
        let short = u16::try_from(padded(before(2)) - before(2));
        let mut header = MAGIC.to_vec();
        match short {
            Ok(length) => {
                header.extend([1, 0]);
                header.extend(length.to_le_bytes());
            }
            Err(_) => {
                header.extend([2, 0]);
                header.extend(((padded(before(4)) - before(4)) as u32).to_le_bytes());
            }
        }
        let end = padded(header.len());
        header.extend_from_slice(dictionary.as_bytes());
        header.resize(end - 1, b' ');
        header.push(b'\n');
        header
    }
}

/// Takes what was parsed, once; gives what follows it.
fn set<'t, T>(slot: &mut Option<T>, parsed: Option<(T, &'t str)>) -> Option<&'t str> {
    let (value, behind) = parsed?;
    slot.replace(value).is_none().then_some(behind)
}

fn string(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    text[1..].split_once(quote).filter(|(content, _)| !content.contains('\\'))
}

fn boolean(text: &str) -> Option<(bool, &str)> {
    let is = |word, value| text.strip_prefix(word).map(|behind| (value, behind));
    is("True", true).or_else(|| is("False", false))
}

fn tuple(text: &str) -> Option<(Vec<usize>, &str)> {
    let (inside, behind) = text.strip_prefix('(')?.split_once(')')?;
    let mut lengths = Vec::new();
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let (length, further) = rest.split_once(',').unwrap_or((rest, ""));
        // Files of Python 2 may have `3L`.
        let length = length.trim();
        lengths.push(length.strip_suffix('L').unwrap_or(length).parse().ok()?);
        rest = further.trim();
    }
    (lengths.len() <= MOST_DIMENSIONS).then_some((lengths, behind))
}

pub(super) fn expected_types() -> String {
    "bool, int8 to int64, uint8 to uint64, or float16 to float64".to_owned()
}

/// Part of a file for a message.
pub(super) fn shown(text: &[u8]) -> String {
    const SHOWN_BYTES: usize = 60;
    let more = if text.len() > SHOWN_BYTES { "…" } else { "" };
    format!("{:?}{more}", String::from_utf8_lossy(&text[..text.len().min(SHOWN_BYTES)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(kind: Kind, big_endian: bool) -> ElementType {
        ElementType::Number { kind, big_endian }
    }

    #[test]
    fn headers_of_many_writers() {
        let parse = |text: &str| Header::parse(text.as_bytes()).unwrap();
        let usual = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }    \n");
        assert_eq!(usual.element, number(Kind::F32, false));
        assert_eq!((usual.fortran_order, usual.shape), (false, vec![3, 4]));
        let other = parse(r#"{"shape":(7L,),"fortran_order":True,"descr":">i8"}"#);
        assert_eq!(other.element, number(Kind::I64, true));
        assert_eq!((other.fortran_order, other.shape), (true, vec![7]));
        let single = parse("{'descr': '|S3', 'fortran_order': False, 'shape': (), }");
        let text = ElementType::Text { characters: 3, bytes_each: 1, big_endian: false };
        assert_eq!((single.element, single.shape), (text, vec![]));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let full = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}";
        for cut in 0..full.len() {
            assert!(Header::parse(&full.as_bytes()[..cut]).is_err(), "{cut}");
        }
        for bad in [
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 4)}",
            "{'descr': 'f4', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (3, 4)}",
        ] {
            assert!(Header::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_aligned() {
        for kind in Kind::ALL {
            for shape in [vec![], vec![0], vec![3, 4], vec![1_000_000_007; 9]] {
                let header = Header::write(kind, &shape);
                assert_eq!((header.len() % ALIGNMENT, &header[..8]), (0, &b"\x93NUMPY\x01\0"[..]));
                let read = Header::parse(&header[10..]).unwrap();
                assert_eq!((read.element, read.shape), (number(kind, false), shape));
            }
        }
    }
}
