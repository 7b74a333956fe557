//! Values separated by commas, a line an input. A first line without any number is a header and skipped; none
//! is written.

use std::path::Path;

use super::{Array, Values, elements_of, shown_shape};
use crate::error::LineProblem;
use crate::text::{
    LineCount, Located, Source, Stop, is_inexact, parse_number, pipeline, split_line, write_file,
};
use crate::{DataError, Rounded};

const FIELDS: &str = "numbers separated by commas";
const AS_MANY: &str = "as many as in the lines before";

/// Reads a text file of numbers, separated by commas, plain or gzip: a line an input, float32.
///
/// All threads read one file. Numbers with more digits than a float32 has are rounded, and counted if that
/// changes them, as in [`read_matrix_market`](crate::matrices::read_matrix_market).
///
/// # Errors
/// The first line with a field that is no finite number, or more or fewer fields than the first; an empty
/// file.
pub fn read_csv(file: &Path) -> Result<Rounded<Array>, DataError> {
    let at = |Located { line, problem }| DataError::line(file, line, problem);
    let (mut count, mut columns, mut rounded) = (LineCount::default(), None, 0);
    let mut values: Vec<f32> = Vec::new();
    let end = pipeline(
        |outlet| outlet.send(0, &mut Source::open(file)?),
        |_, block| Rows::parse(block),
        |_, rows| {
            rounded += rows.rounded;
            rows.append(&mut count, &mut columns, &mut values).map_err(at)
        },
    )?;
    match end {
        Ok(()) => {}
        Err(Stop::Failed(error)) => return Err(error),
        Err(_) => return Err(at(count.too_long(FIELDS))),
    }
    let Some(columns) = columns else {
        return Err(DataError::Empty { file: file.to_owned(), expected: FIELDS });
    };
    let shape = vec![values.len() / columns, columns];
    let array = Array { shape, values: Values::F32(values), place: file.display().to_string() };
    Ok(Rounded { value: array, rounded })
}

/// The lines of a block.
struct Rows {
    values: Vec<f32>,
    rows: u64,
    /// The first line is a header; what is wrong with it where it is not the first line of all.
    header: Option<LineProblem>,
    /// Of each line, if there is one.
    columns: usize,
    rounded: u64,
    /// Empty lines behind them.
    empty: u64,
    /// What ended the reading, and its line in the block.
    problem: Option<Located>,
}

impl Rows {
    fn parse(text: &[u8]) -> Self {
        let mut rows = Rows {
            values: Vec::new(),
            rows: 0,
            header: None,
            columns: 0,
            rounded: 0,
            empty: 0,
            problem: None,
        };
        let mut count = LineCount::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (line_text, behind) = split_line(rest);
            rest = behind;
            if line_text.is_empty() {
                count.empty += 1;
                continue;
            }
            let first = count.lines == 0;
            let read = count.next(FIELDS).and_then(|line| {
                if first && !has_number(line_text) {
                    rows.header = parse_number("value", first_field(line_text)).err();
                    return Ok(());
                }
                rows.line(line_text).map_err(|problem| Located { line, problem })
            });
            if let Err(problem) = read {
                rows.problem = Some(problem);
                return rows;
            }
        }
        rows.empty = count.empty;
        rows
    }

    fn line(&mut self, text: &[u8]) -> Result<(), LineProblem> {
        let before = self.values.len();
        let mut rest = text;
        loop {
            // Almost always the number ends at a comma or the line's end; else the field is looked at whole.
            let (value, length) = fast_float2::parse_partial::<f32, _>(rest).unwrap_or((f32::NAN, 0));
            let field = match rest.get(length) {
                Some(b',') | None if value.is_finite() => {
                    self.values.push(value);
                    &rest[..length]
                }
                _ => {
                    let field = first_field(rest);
                    self.values.push(parse_number("value", field.trim_ascii())?);
                    field
                }
            };
            let value = self.values.last().copied().unwrap_or_default();
            self.rounded += u64::from(is_inexact(field.trim_ascii(), value));
            match rest.get(field.len()) {
                Some(_) => rest = &rest[field.len() + 1..],
                None => break,
            }
        }
        let columns = self.values.len() - before;
        if self.rows > 0 && columns != self.columns {
            self.values.truncate(before);
            return Err(other_columns(columns));
        }
        (self.rows, self.columns) = (self.rows + 1, columns);
        Ok(())
    }

    /// Puts these lines behind those that `count` counts.
    fn append(
        self,
        count: &mut LineCount,
        columns: &mut Option<usize>,
        values: &mut Vec<f32>,
    ) -> Result<(), Located> {
        let before = count.lines;
        let lines = self.rows + u64::from(self.header.is_some());
        if lines > 0 || self.problem.is_some() && count.empty > 0 {
            // Fails if empty lines came before.
            count.next(FIELDS)?;
        }
        if let Some(problem) = self.header.filter(|_| before > 0) {
            return Err(Located { line: before + 1, problem });
        }
        count.lines = before + lines;
        if self.rows > 0 && *columns.get_or_insert(self.columns) != self.columns {
            return Err(Located { line: before + 1, problem: other_columns(self.columns) });
        }
        if let Some(Located { line, problem }) = self.problem {
            return Err(Located { line: before + line, problem });
        }
        values.extend_from_slice(&self.values);
        count.empty += self.empty;
        Ok(())
    }
}

/// What comes before the first comma.
fn first_field(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b',').next().unwrap_or_default()
}

/// Whether any field is a number, if no finite one.
fn has_number(line: &[u8]) -> bool {
    let is_number = |field: &[u8]| fast_float2::parse::<f64, _>(field.trim_ascii()).is_ok();
    line.split(|&byte| byte == b',').any(is_number)
}

fn other_columns(found: usize) -> LineProblem {
    LineProblem::FieldCount { found, separated: "comma", expected: AS_MANY }
}

/// Writes an array as text, a line for each index of the first dimension, all others in it one after the
/// other; gzip if the name ends in `.gz`.
///
/// Numbers have as many digits as give the same ones again; `bool` is 0 or 1.
///
/// # Errors
/// If there is no line or no number in it, a number is not finite, or the file cannot be written.
pub fn write_csv(file: &Path, array: &Array) -> Result<(), DataError> {
    let (lines, columns) = match &array.shape[..] {
        [] => (1, 1),
        [lines, rest @ ..] => (*lines, elements_of(rest).unwrap_or(0)),
    };
    if lines == 0 || columns == 0 {
        let found = shown_shape(&array.shape);
        return Err(array.unexpected("the shape", found, "at least one number, for CSV"));
    }
    // Refuses what is not finite.
    let floats = match &array.values {
        Values::F64(values) if values.iter().all(|value| value.is_finite()) => None,
        _ => Some(array.to_f32()?.value),
    };
    let text = |index: usize| match (&array.values, &floats) {
        (Values::F64(values), _) => format!("{:?}", values[index]),
        (Values::F32(_) | Values::F16(_), Some(floats)) => format!("{:?}", floats[index]),
        (values, _) => values.integer(index).unwrap_or_default().to_string(),
    };
    write_file(file, |writer| {
        let mut line = String::new();
        for row in 0..lines {
            line.clear();
            for column in 0..columns {
                line.push_str(&text(row * columns + column));
                line.push(if column + 1 == columns { '\n' } else { ',' });
            }
            writer.write_all(line.as_bytes())?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn read(content: &[u8]) -> Result<Rounded<Array>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        fs::write(&file, content).unwrap();
        let folder = format!("{}/", folder.path().display());
        read_csv(&file).map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[test]
    fn lines_are_inputs() {
        let array = read(b"0.5, 1,-2e-3\r\n +4 ,5,0.1000000001\n\n").unwrap();
        assert_eq!(array.rounded, 1);
        let values = Values::F32(vec![0.5, 1.0, -0.002, 4.0, 5.0, 0.1]);
        assert_eq!(array.value, Array::new(vec![2, 3], values).unwrap());
    }

    #[test]
    fn damaged_lines_are_named() {
        for (content, expected) in [
            ("", "a.csv: the file is empty, expected lines of numbers separated by commas"),
            (
                "1,2\n1\n",
                "a.csv, line 2: the line has 1 comma-separated fields, expected as many as in the lines before",
            ),
            ("1,2\n1,,3\n", "a.csv, line 2: value is empty, expected a finite number"),
            ("1,2\n1,nan\n", "a.csv, line 2: value is \"nan\", expected a finite number"),
            ("a,2\n1,2\n", "a.csv, line 1: value is \"a\", expected a finite number"),
            ("1,2\na,b\n", "a.csv, line 2: value is \"a\", expected a finite number"),
            ("a,b\nc,d\n", "a.csv, line 2: value is \"c\", expected a finite number"),
            ("1,2\n\n1,2\n", "a.csv, line 2: the line is empty, expected numbers separated by commas"),
            ("1,2,\n", "a.csv, line 1: value is empty, expected a finite number"),
        ] {
            assert_eq!(read(content.as_bytes()).unwrap_err(), expected, "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(rows in 1..5_usize, columns in 1..5_usize, bits in prop::collection::vec(any::<u32>(), 16)) {
            let finite = |bits: &u32| Some(f32::from_bits(*bits)).filter(|value| value.is_finite()).unwrap_or(-0.0);
            let values: Vec<f32> = bits[..rows * columns].iter().map(finite).collect();
            let array = Array::new(vec![rows, columns], Values::F32(values.clone())).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a.csv.gz");
            write_csv(&file, &array).unwrap();
            let back = read_csv(&file).unwrap();
            prop_assert_eq!(back.rounded, 0);
            prop_assert_eq!(back.value.shape(), array.shape());
            let back = back.value.to_f32().unwrap().value;
            prop_assert!(back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
