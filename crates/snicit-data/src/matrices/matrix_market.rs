use std::path::Path;
use std::sync::OnceLock;

use snicit::{Connection, SparseWeights};

use super::entries::Entries;
use super::size_line::{Size, Symmetry};
use super::{check_rows, invalid};
use crate::text::{self, LineCount, Located, Source, Stop, pipeline, push_decimal};
use crate::{DataError, Rounded};

/// Reads a Matrix Market file (`.mtx`), plain or gzip: an `outputs × inputs` matrix of weights.
///
/// Coordinate format, `real`, `integer` or `pattern` (every weight is 1), `general`, `symmetric` or
/// `skew-symmetric`. Fields are separated by blanks. All threads read one file. Numbers with more digits than
/// a float32 has are rounded, and counted if that changes them: more than nine significant digits, or integers
/// beyond 2²⁴, that are no float32.
///
/// Format: Boisvert, Pozo, Remington, *The Matrix Market Exchange Formats*, NISTIR 5935, 1996.
///
/// # Errors
/// The first line that is not what it should be; a file that has fewer or more entries than it says; other
/// formats (`array`, `complex`, `hermitian`); the same place given twice.
pub fn read_matrix_market(file: &Path) -> Result<Rounded<SparseWeights>, DataError> {
    let place = file.display().to_string();
    // Known before the first block comes.
    let size: OnceLock<Size> = OnceLock::new();
    let (mut count, mut rounded) = (LineCount::default(), 0);
    let mut connections: Vec<Connection> = Vec::new();
    let at = |Located { line, problem }| DataError::line(file, line, problem);
    let end = pipeline(
        |outlet| {
            let mut source = Source::open(file)?;
            let read = Size::read(&mut source, &place)?;
            size.get_or_init(|| read);
            outlet.send(0, &mut source)
        },
        |_, block| size.get().map(|size| (size, Entries::parse(size, block))),
        |_, parsed| {
            let Some((size, entries)) = parsed else { return Ok(()) };
            // Line numbers include the lines before the entries.
            count.lines = count.lines.max(size.lines);
            rounded += entries.rounded;
            entries.append(size, &mut count, &mut connections).map_err(at)
        },
    )?;
    let size = match (end, size.get()) {
        (Err(Stop::Failed(error)), _) => return Err(error),
        (Err(_), Some(size)) => {
            count.lines = count.lines.max(size.lines);
            return Err(at(count.too_long(size.field.expected())));
        }
        (_, None) => {
            return Err(DataError::unexpected(place, "the file", "empty", "a Matrix Market file"));
        }
        (Ok(()), Some(size)) => size,
    };
    if connections.len() as u64 != size.entries {
        let expected = format!("{}, as the size line says", size.entries);
        return Err(DataError::unexpected(
            place,
            "the number of entries",
            connections.len().to_string(),
            expected,
        ));
    }
    let value = weights(&place, size, connections)?;
    Ok(Rounded { value, rounded })
}

fn weights(
    place: &str,
    size: &Size,
    mut connections: Vec<Connection>,
) -> Result<SparseWeights, DataError> {
    let given = connections.len();
    if size.symmetry != Symmetry::General {
        let sign = if size.symmetry == Symmetry::Symmetric { 1.0 } else { -1.0 };
        for i in 0..given {
            let Connection { input, output, weight } = connections[i];
            if input != output {
                connections.push(Connection { input: output, output: input, weight: sign * weight });
            } else if sign < 0.0 && weight != 0.0 {
                let what = format!("the value at row {0}, column {0}", input + 1);
                let expected = "0, as the matrix is skew-symmetric";
                return Err(DataError::unexpected(place, what, weight.to_string(), expected));
            }
        }
    }
    check_rows(place, size.rows as usize, given)?;
    SparseWeights::from_connections(size.columns as usize, size.rows as usize, connections)
        .map_err(|problem| invalid(place, problem))
}

/// Writes an `outputs × inputs` matrix as a Matrix Market file: `coordinate real general`, by output, then
/// input neuron, every weight with as many digits as give the same float32 again. Gzip if the name ends in
/// `.gz`.
///
/// # Errors
/// If the file cannot be written.
pub fn write_matrix_market(file: &Path, weights: &SparseWeights) -> Result<(), DataError> {
    text::write_file(file, |writer| {
        let (rows, columns, entries) = (weights.outputs(), weights.inputs(), weights.connections());
        writeln!(writer, "%%MatrixMarket matrix coordinate real general")?;
        writeln!(writer, "{rows} {columns} {entries}")?;
        let mut line = Vec::new();
        // Almost always the weight before; formatting a float takes longer than all else.
        let (mut weight_text, mut weight_bits) = (String::new(), None);
        for connection in weights.iter() {
            line.clear();
            push_decimal(&mut line, u64::from(connection.output) + 1);
            line.push(b' ');
            push_decimal(&mut line, u64::from(connection.input) + 1);
            if weight_bits != Some(connection.weight.to_bits()) {
                weight_bits = Some(connection.weight.to_bits());
                // The shortest text that gives the same float32 again.
                weight_text = format!(" {:?}\n", connection.weight);
            }
            line.extend_from_slice(weight_text.as_bytes());
            writer.write_all(&line)?;
        }
        Ok(())
    })
}
