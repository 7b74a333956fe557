use snicit::Connection;

use super::size_line::{Field, Size};
use crate::error::LineProblem;
use crate::text::{LineCount, Located, Pair, Triple, TripleReader, read_pairs};

const TRIPLE: &str = "3 fields (row, column, value)";
const PAIR: &str = "2 fields (row, column)";
const NAMES: [&str; 3] = ["row", "column", "value"];

impl Field {
    /// The fields of an entry, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Field::Number => TRIPLE,
            Field::Pattern => PAIR,
        }
    }
}

/// The entries in a block of lines.
pub(super) struct Entries {
    pub(super) connections: Vec<Connection>,
    /// How many values were rounded.
    pub(super) rounded: u64,
    /// Empty lines behind them.
    empty: u64,
    /// What ended the reading, and its line in the block.
    problem: Option<Located>,
}

impl Entries {
    pub(super) fn parse(size: &Size, text: &[u8]) -> Self {
        // No line is shorter than `1 1 1` or `1 1`, and its end.
        let least = if size.field == Field::Number { 6 } else { 4 };
        let mut connections = Vec::with_capacity(text.len() / least + 1);
        let mut count = LineCount::default();
        let max = [size.rows, size.columns];
        let mut push = |row, column, weight| {
            connections.push(Connection { output: row - 1, input: column - 1, weight });
            Ok(())
        };
        let (read, rounded) = match size.field {
            Field::Number => {
                let format = Triple { fields: TRIPLE, names: NAMES, max, separator: b' ' };
                let mut reader = TripleReader::new(format);
                (reader.read(text, &mut count, push), reader.rounded())
            }
            Field::Pattern => {
                let format = Pair { fields: PAIR, names: [NAMES[0], NAMES[1]], max };
                (read_pairs(format, text, &mut count, |row, column| push(row, column, 1.0)), 0)
            }
        };
        Entries { connections, rounded, empty: count.empty, problem: read.err() }
    }

    /// Puts these lines behind those that `count` counts.
    pub(super) fn append(
        self,
        size: &Size,
        count: &mut LineCount,
        to: &mut Vec<Connection>,
    ) -> Result<(), Located> {
        let before = count.lines;
        let expected = size.field.expected();
        if !self.connections.is_empty() || self.problem.is_some() && count.empty > 0 {
            // Fails if empty lines came before.
            count.next(expected)?;
        }
        count.lines = before + self.connections.len() as u64;
        let most = size.lines + size.entries;
        if count.lines > most {
            let expected = format!("{} entries, as the size line says", size.entries);
            let problem =
                LineProblem::Field { field: "the line", found: "one more entry".to_owned(), expected };
            return Err(Located { line: most + 1, problem });
        }
        to.extend(self.connections);
        if let Some(Located { line, problem }) = self.problem {
            return Err(Located { line: before + line, problem });
        }
        count.empty += self.empty;
        Ok(())
    }
}
