use memchr::{memchr, memrchr};

use super::Source;
use crate::{DataError, error::LineProblem};

/// Also the length that a line may not reach.
pub(crate) const BLOCK_BYTES: usize = 256 * 1024;

/// Why the reading of blocks ended early.
#[derive(Debug)]
pub(crate) enum BlockError<E> {
    /// The source cannot be read any further.
    Read(DataError),
    /// The line behind the last block does not end within [`BLOCK_BYTES`].
    LineTooLong,
    /// The visitor refused a block.
    Visit(E),
}

/// Calls `visit` for one block of whole lines after the other, of at most [`BLOCK_BYTES`] together.
///
/// All blocks end with a line break, but for the last one if the source does not.
pub(crate) fn for_each_block<E>(
    source: &mut Source<'_>,
    mut visit: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), BlockError<E>> {
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut filled = 0;
    loop {
        let read = source.read(&mut buffer[filled..]).map_err(BlockError::Read)?;
        let end = filled + read;
        let complete = match memrchr(b'\n', &buffer[filled..end]) {
            _ if read == 0 => end,
            Some(newline) => filled + newline + 1,
            None if end < buffer.len() => 0,
            None => return Err(BlockError::LineTooLong),
        };
        if complete > 0 {
            visit(&buffer[..complete]).map_err(BlockError::Visit)?;
        }
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(complete..end, 0);
        filled = end - complete;
    }
}

/// A problem and the line it is in, counted from 1.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) line: u64,
    pub(crate) problem: LineProblem,
}

/// Where in a text we are. Empty lines are accepted only at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LineCount {
    /// Lines that are not empty.
    pub(crate) lines: u64,
    /// Empty lines behind them.
    pub(crate) empty: u64,
}

impl LineCount {
    /// The number of the next line, which is not empty; `expected` names the fields of a line.
    pub(crate) fn next(&mut self, expected: &'static str) -> Result<u64, Located> {
        if self.empty > 0 {
            let problem = LineProblem::EmptyLine { expected };
            return Err(Located { line: self.lines + 1, problem });
        }
        self.lines += 1;
        Ok(self.lines)
    }

    /// What is wrong when the line behind these does not end.
    pub(crate) fn too_long(self, expected: &'static str) -> Located {
        let problem = LineProblem::TooLong { limit: BLOCK_BYTES, expected };
        Located { line: self.lines + self.empty + 1, problem }
    }
}

/// The first line of `text` without its line end (`\n` or `\r\n`), and what follows it.
pub(crate) fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let length = memchr(b'\n', text).unwrap_or(text.len());
    let rest = text.get(length + 1..).unwrap_or_default();
    match &text[..length] {
        [line @ .., b'\r'] => (line, rest),
        line => (line, rest),
    }
}

/// Calls `visit(text)` for each line without its line end (`\n` or `\r\n`); gives their number.
///
/// The last line need not end. Empty lines are accepted only at the end of the file. `expected` names
/// the fields of a line, for messages.
pub(crate) fn for_each_line(
    source: &mut Source<'_>,
    expected: &'static str,
    mut visit: impl FnMut(&[u8]) -> Result<(), LineProblem>,
) -> Result<u64, DataError> {
    let mut count = LineCount::default();
    let visited = for_each_block(source, |block| {
        let mut rest = block;
        while !rest.is_empty() {
            let (text, behind) = split_line(rest);
            rest = behind;
            if text.is_empty() {
                count.empty += 1;
            } else {
                let line = count.next(expected)?;
                visit(text).map_err(|problem| Located { line, problem })?;
            }
        }
        Ok(())
    });
    visited.map_err(|error| source.locate(error, count, expected))?;
    Ok(count.lines)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lines(content: &[u8]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.tsv");
        fs::write(&file, content).unwrap();
        let mut found = Vec::new();
        let mut source = Source::open(&file).unwrap();
        let visited = for_each_line(&mut source, "a number", |text| {
            found.push(String::from_utf8_lossy(text).into_owned());
            Ok(())
        });
        match visited {
            Ok(count) => {
                assert_eq!(count as usize, found.len());
                Ok(found)
            }
            Err(DataError::Line { line, problem, .. }) => Err(format!("{line}: {problem}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn line_ends_of_all_kinds() {
        let expected: Result<Vec<String>, String> = Ok(vec!["ab".to_owned(), "c".to_owned()]);
        for content in ["ab\nc", "ab\nc\n", "ab\r\nc\r\n", "ab\r\nc", "ab\nc\n\n\r\n", "ab\nc\r"] {
            assert_eq!(lines(content.as_bytes()), expected, "{content:?}");
        }
        assert_eq!(lines(b""), Ok(vec![]));
        assert_eq!(lines(b"\n\n"), Ok(vec![]));
    }

    #[test]
    fn an_empty_line_within_is_named() {
        let expected = Err("2: the line is empty, expected a number".to_owned());
        assert_eq!(lines(b"ab\n\n\nc\n"), expected);
        assert_eq!(lines(b"ab\r\n\r\nc\r\nd"), expected);
    }

    #[test]
    fn lines_across_the_ends_of_the_buffer() {
        let content: String = (0..100_000).map(|i| format!("{i}\n")).collect();
        assert!(content.len() > 2 * BLOCK_BYTES);
        let found = lines(content.as_bytes()).unwrap();
        assert!(found.iter().enumerate().all(|(i, line)| *line == i.to_string()));
        assert_eq!(found.len(), 100_000);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let content = [b"ab\n".to_vec(), vec![b'x'; BLOCK_BYTES]].concat();
        let expected = "2: the line is longer than 262144 bytes, expected a number";
        assert_eq!(lines(&content), Err(expected.to_owned()));
    }
}
