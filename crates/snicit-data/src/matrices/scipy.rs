use std::path::Path;

use snicit::SparseWeights;
use snicit::network::InvalidWeights;

use super::{check_rows, invalid};
use crate::arrays::{Array, NpzReader, Packing, Values, write_npz_with_text};
use crate::{DataError, Rounded};

/// Reads a sparse matrix that `scipy.sparse.save_npz` wrote: an `outputs × inputs` matrix of weights.
///
/// `csr`, `csc` and `coo` are read, with indices of any integer type. Integers and float64 that are no
/// float32 are rounded and counted.
///
/// # Errors
/// If the file cannot be read or is no such archive; other formats (`bsr`, `dia`); arrays that do not belong
/// together; the same place given twice.
pub fn read_scipy(file: &Path) -> Result<Rounded<SparseWeights>, DataError> {
    let mut archive = NpzReader::open(file)?;
    let place = file.display().to_string();
    let shape = archive.read("shape")?;
    let (rows, columns) = match shape.to_indices()?[..] {
        [rows, columns] => (rows, columns),
        ref other => {
            let found = format!("{} numbers", other.len());
            return Err(shape.unexpected("the shape", found, "rows and columns"));
        }
    };
    let format = archive.read_text("format")?;
    let values = |archive: &mut NpzReader| -> Result<Rounded<Vec<f32>>, DataError> {
        let data = archive.read("data")?;
        data.vector_length()?;
        data.to_f32()
    };
    match format.as_str() {
        "csr" => {
            let values = values(&mut archive)?;
            let offsets = offsets(&mut archive, rows, values.value.len())?;
            let indices = indices(&archive.read("indices")?, values.value.len())?;
            values.try_map(|values| from_rows(&place, columns, offsets, indices, values))
        }
        "csc" => {
            let values = values(&mut archive)?;
            let offsets = offsets(&mut archive, columns, values.value.len())?;
            let indices = indices(&archive.read("indices")?, values.value.len())?;
            let input_of = |entry: usize| offsets.partition_point(|&offset| offset <= entry) - 1;
            let inputs = (0..indices.len()).map(|entry| input_of(entry) as u32);
            values.try_map(|values| by_output(&place, rows, columns, &indices, inputs, &values))
        }
        "coo" => {
            let values = values(&mut archive)?;
            let [outputs, inputs] = coordinates(&mut archive, values.value.len())?;
            let inputs = inputs.into_iter();
            values.try_map(|values| by_output(&place, rows, columns, &outputs, inputs, &values))
        }
        other => {
            let expected = "csr, csc or coo; scipy's tocsr() converts others";
            Err(DataError::unexpected(
                archive.place("format"),
                "the format",
                format!("{other:?}"),
                expected,
            ))
        }
    }
}

/// Where the entries of each of `count` rows or columns begin, and where the last one's end.
fn offsets(archive: &mut NpzReader, count: usize, entries: usize) -> Result<Vec<usize>, DataError> {
    let array = archive.read("indptr")?;
    let length = array.vector_length()?;
    if Some(length) != count.checked_add(1) {
        let expected = format!("one more than {count}, the rows (csr) or columns (csc)");
        return Err(array.unexpected("the length", length.to_string(), expected));
    }
    let offsets = array.to_indices()?;
    if offsets.first() != Some(&0) || offsets.last() != Some(&entries) || !offsets.is_sorted() {
        let expected = format!("numbers ascending from 0 to {entries}, the number of values");
        return Err(array.unexpected("the content", "something else", expected));
    }
    Ok(offsets)
}

/// One neuron for each entry.
fn indices(array: &Array, entries: usize) -> Result<Vec<u32>, DataError> {
    let length = array.vector_length()?;
    if length != entries {
        let expected = format!("{entries}, the number of values");
        return Err(array.unexpected("the length", length.to_string(), expected));
    }
    let narrow = |index: usize| {
        u32::try_from(index).map_err(|_| {
            array.unexpected("an index", index.to_string(), format!("at most {}", u32::MAX))
        })
    };
    array.to_indices()?.into_iter().map(narrow).collect()
}

/// Rows and columns; newer versions of scipy keep them in one array of two dimensions.
fn coordinates(archive: &mut NpzReader, entries: usize) -> Result<[Vec<u32>; 2], DataError> {
    if archive.contains("row") || !archive.contains("coords") {
        return Ok([indices(&archive.read("row")?, entries)?, indices(&archive.read("col")?, entries)?]);
    }
    let both = archive.read("coords")?;
    if both.shape() != [2, entries] {
        let expected = format!("2 × {entries}, the number of values");
        return Err(both.unexpected("the shape", format!("{:?}", both.shape()), expected));
    }
    let flat = Array::new(vec![2 * entries], both.into_values())?;
    let mut outputs = indices(&flat, 2 * entries)?;
    let inputs = outputs.split_off(entries);
    Ok([outputs, inputs])
}

fn from_rows(
    place: &str,
    columns: usize,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
) -> Result<SparseWeights, DataError> {
    let rows = offsets.windows(2).map(|pair| &indices[pair[0]..pair[1]]);
    if rows.into_iter().all(|row| row.is_sorted()) {
        return SparseWeights::from_rows(columns, offsets, indices, values)
            .map_err(|problem| invalid(place, problem));
    }
    // scipy does not keep the entries of a row in any order.
    let mut connections = Vec::with_capacity(values.len());
    for (output, pair) in offsets.windows(2).enumerate() {
        let row = indices[pair[0]..pair[1]].iter().zip(&values[pair[0]..pair[1]]);
        connections.extend(row.map(|(&input, &weight)| snicit::Connection {
            input,
            output: output as u32,
            weight,
        }));
    }
    SparseWeights::from_connections(columns, offsets.len() - 1, connections)
        .map_err(|problem| invalid(place, problem))
}

/// From the output and the input of each entry, in any order: counted, then distributed.
fn by_output(
    place: &str,
    rows: usize,
    columns: usize,
    outputs: &[u32],
    mut inputs: impl Iterator<Item = u32>,
    values: &[f32],
) -> Result<SparseWeights, DataError> {
    check_rows(place, rows, outputs.len())?;
    if let Some(entry) = outputs.iter().position(|&output| output as usize >= rows) {
        let input = inputs.nth(entry).unwrap_or_default() as usize + 1;
        let output = outputs[entry] as usize + 1;
        return Err(invalid(place, InvalidWeights::OutputOutOfRange { input, output, outputs: rows }));
    }
    let mut offsets = vec![0; rows + 1];
    outputs.iter().for_each(|&output| offsets[output as usize + 1] += 1);
    for row in 0..rows {
        offsets[row + 1] += offsets[row];
    }
    let mut next = offsets.clone();
    let (mut indices, mut in_order) = (vec![0; values.len()], vec![0.0; values.len()]);
    for ((&output, input), &value) in outputs.iter().zip(inputs).zip(values) {
        let at = &mut next[output as usize];
        (indices[*at], in_order[*at]) = (input, value);
        *at += 1;
    }
    from_rows(place, columns, offsets, indices, in_order)
}

/// Writes an `outputs × inputs` matrix as `scipy.sparse.load_npz` reads it: `csr`, float32, 32-bit indices
/// (64-bit ones where those do not suffice).
///
/// # Errors
/// If the file cannot be written.
pub fn write_scipy(file: &Path, weights: &SparseWeights, packing: Packing) -> Result<(), DataError> {
    let (rows, columns, entries) = (weights.outputs(), weights.inputs(), weights.connections());
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let mut indices = Vec::with_capacity(entries);
    for output in 0..rows {
        indices.extend_from_slice(weights.row(output).0);
        offsets.push(indices.len());
    }
    let most = rows.max(columns).max(entries);
    let (indices, offsets) = if i32::try_from(most).is_ok() {
        (
            Values::I32(indices.into_iter().map(|index| index as i32).collect()),
            Values::I32(offsets.into_iter().map(|offset| offset as i32).collect()),
        )
    } else {
        (
            Values::I64(indices.into_iter().map(i64::from).collect()),
            Values::I64(offsets.into_iter().map(|offset| offset as i64).collect()),
        )
    };
    let vector = |values: Values| Array::new(vec![values.len()], values);
    let shape = vector(Values::I64(vec![rows as i64, columns as i64]))?;
    let data = vector(Values::F32(weights.values().to_vec()))?;
    let arrays = [
        ("indices", &vector(indices)?),
        ("indptr", &vector(offsets)?),
        ("shape", &shape),
        ("data", &data),
    ];
    write_npz_with_text(file, &arrays, &[("format", "csr")], packing)
}
