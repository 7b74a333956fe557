//! What stands before the entries of a Matrix Market file: the banner, comments, the size line.

use crate::DataError;
use crate::text::Source;

/// No comments are longer than all of these together.
const MOST_BYTES: usize = 1 << 20;
const BANNER: &str =
    "%%MatrixMarket matrix coordinate real|integer|pattern general|symmetric|skew-symmetric";

/// What an entry holds beside its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Number,
    /// Nothing: every weight is 1.
    Pattern,
}

/// What an entry says about the place across the diagonal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symmetry {
    General,
    Symmetric,
    SkewSymmetric,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) field: Field,
    pub(super) symmetry: Symmetry,
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) entries: u64,
    /// Lines up to here.
    pub(super) lines: u64,
}

impl Size {
    /// Reads up to and with the size line.
    pub(super) fn read(source: &mut Source<'_>, place: &str) -> Result<Self, DataError> {
        let mut lines = Lines { source, place, number: 0, bytes: 0 };
        let banner = lines.next()?;
        let words: Vec<String> = banner.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let wrong = |lines: &Lines<'_, '_>, what: &str, found: &str, expected: &str| {
            let what = format!("line {}: {what}", lines.number);
            DataError::unexpected(place, what, shown(found), expected)
        };
        let ["%%matrixmarket", object, format, field, symmetry] = words[..] else {
            return Err(wrong(&lines, "the first line", &banner, BANNER));
        };
        if object != "matrix" {
            return Err(wrong(&lines, "the object", object, "matrix"));
        }
        if format != "coordinate" {
            return Err(wrong(&lines, "the format", format, "coordinate (a sparse matrix)"));
        }
        let field = match field {
            "real" | "integer" | "double" => Field::Number,
            "pattern" => Field::Pattern,
            other => return Err(wrong(&lines, "the field", other, "real, integer or pattern")),
        };
        let symmetry = match symmetry {
            "general" => Symmetry::General,
            "symmetric" => Symmetry::Symmetric,
            "skew-symmetric" => Symmetry::SkewSymmetric,
            other => {
                let expected = "general, symmetric or skew-symmetric";
                return Err(wrong(&lines, "the symmetry", other, expected));
            }
        };
        let size = loop {
            let line = lines.next()?;
            if !line.starts_with('%') && !line.trim().is_empty() {
                break line;
            }
        };
        let numbers: Option<Vec<u64>> = size.split_ascii_whitespace().map(|n| n.parse().ok()).collect();
        let Some(&[rows, columns, entries]) = numbers.as_deref() else {
            return Err(wrong(&lines, "the size line", &size, "rows, columns and entries"));
        };
        let limit = |what, number: u64| {
            let expected = || format!("at most {}", u32::MAX);
            u32::try_from(number).map_err(|_| wrong(&lines, what, &number.to_string(), &expected()))
        };
        let (rows, columns) =
            (limit("the number of rows", rows)?, limit("the number of columns", columns)?);
        if symmetry != Symmetry::General && rows != columns {
            let found = format!("{rows} × {columns}");
            return Err(wrong(&lines, "the size", &found, "a square matrix, as it is symmetric"));
        }
        Ok(Size { field, symmetry, rows, columns, entries, lines: lines.number })
    }
}

/// Reads byte by byte: what follows these few lines stays in the source.
struct Lines<'s, 'a> {
    source: &'s mut Source<'a>,
    place: &'s str,
    number: u64,
    bytes: usize,
}

impl Lines<'_, '_> {
    fn next(&mut self) -> Result<String, DataError> {
        let mut line = Vec::new();
        let mut byte = [0];
        self.number += 1;
        loop {
            if self.source.read(&mut byte)? == 0 {
                let what = format!("line {}", self.number);
                let found = if line.is_empty() { "missing".to_owned() } else { shown_bytes(&line) };
                return Err(DataError::unexpected(self.place, what, found, self.expected()));
            }
            self.bytes += 1;
            if self.bytes > MOST_BYTES {
                let found = format!("more than {MOST_BYTES} bytes");
                return Err(DataError::unexpected(self.place, "the header", found, self.expected()));
            }
            match byte[0] {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }

    fn expected(&self) -> &'static str {
        if self.number == 1 { BANNER } else { "a line of rows, columns and entries" }
    }
}

fn shown_bytes(bytes: &[u8]) -> String {
    shown(&String::from_utf8_lossy(bytes))
}

/// A piece of text for a message, cut if it is long.
fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("{:?}{more}", text.chars().take(SHOWN).collect::<String>())
}
