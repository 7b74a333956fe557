use memchr::{memchr, memrchr};

use super::Source;
use crate::{DataError, error::LineProblem};

/// Also the length that a line may not reach.
const BUFFER_BYTES: usize = 256 * 1024;

/// Calls `visit(line, text)` for each line, numbered from 1, without its line end (`\n` or `\r\n`).
///
/// The last line need not end. Empty lines are accepted only at the end of the file, so a visited line's
/// number is also the number of visits so far. `expected` names the fields of a line, for messages.
pub(crate) fn for_each_line(
    source: &mut Source,
    expected: &'static str,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), LineProblem>,
) -> Result<u64, DataError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut filled = 0;
    let mut line = 0;
    let mut empty_lines = 0;
    loop {
        let read = source.read(&mut buffer[filled..])?;
        let end = filled + read;
        let at_end = read == 0;
        let complete = match memrchr(b'\n', &buffer[filled..end]) {
            _ if at_end => end,
            Some(newline) => filled + newline + 1,
            None if end < buffer.len() => 0,
            None => {
                let problem = LineProblem::TooLong { limit: BUFFER_BYTES, expected };
                return Err(DataError::line(source.file(), line + empty_lines + 1, problem));
            }
        };
        let mut rest = &buffer[..complete];
        while !rest.is_empty() {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let mut text = &rest[..length];
            rest = rest.get(length + 1..).unwrap_or_default();
            if let [before @ .., b'\r'] = text {
                text = before;
            }
            if text.is_empty() {
                empty_lines += 1;
                continue;
            }
            line += 1;
            let visited = if empty_lines > 0 {
                Err(LineProblem::EmptyLine { expected })
            } else {
                visit(line, text)
            };
            // After empty lines `line` is the number of the first of them.
            visited.map_err(|problem| DataError::line(source.file(), line, problem))?;
        }
        if at_end {
            return Ok(line);
        }
        buffer.copy_within(complete..end, 0);
        filled = end - complete;
    }
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
        let visited = for_each_line(&mut source, "a number", |line, text| {
            found.push(format!("{line}:{}", String::from_utf8_lossy(text)));
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
        let expected: Result<Vec<String>, String> = Ok(vec!["1:ab".to_owned(), "2:c".to_owned()]);
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
        assert!(content.len() > 2 * BUFFER_BYTES);
        let found = lines(content.as_bytes()).unwrap();
        assert!(found.iter().enumerate().all(|(i, line)| *line == format!("{}:{i}", i + 1)));
        assert_eq!(found.len(), 100_000);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let content = [b"ab\n".to_vec(), vec![b'x'; BUFFER_BYTES]].concat();
        let expected = "2: the line is longer than 262144 bytes, expected a number";
        assert_eq!(lines(&content), Err(expected.to_owned()));
    }
}
