//! Comma-separated numbers.

use std::path::Path;

use crate::DataError;
use crate::error::LineProblem;
use crate::text::{Source, for_each_line, parse_number};

/// Numbers line by line, the same number of them in each.
pub(super) struct Table {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f32>,
}

/// Reads a table; `name` is what a field is, for messages.
pub(super) fn read(file: &Path, name: &'static str) -> Result<Table, DataError> {
    const LINE: &str = "comma-separated numbers";
    let mut table = Table { rows: 0, columns: 0, values: Vec::new() };
    let mut first = true;
    for_each_line(&mut Source::open(file)?, LINE, |text| {
        let fields: Vec<&[u8]> = text.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).collect();
        let header = std::mem::take(&mut first)
            && fields.iter().all(|field| fast_float2::parse::<f64, _>(field).is_err());
        if header {
            return Ok(());
        }
        if table.rows > 0 && fields.len() != table.columns {
            let expected = "as many as in the lines before";
            return Err(LineProblem::FieldCount { found: fields.len(), separated: "comma", expected });
        }
        (table.rows, table.columns) = (table.rows + 1, fields.len());
        for field in fields {
            table.values.push(parse_number(name, field)?);
        }
        Ok(())
    })?;
    if table.rows == 0 {
        return Err(DataError::Empty { file: file.to_owned(), expected: LINE });
    }
    Ok(table)
}
