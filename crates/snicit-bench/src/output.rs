//! A result as files beside its JSON: CSV, SVG, PNG; and the page of them all.

use std::path::{Path, PathBuf};

use snicit_data::atomic_file;

use crate::record::ResultFile;
use crate::store::{Results, Store};
use crate::{BenchError, csv, environment, figures, page, plot};

/// Pixels of a PNG a CSS pixel.
const SCALE: f32 = 2.0;

/// Writes `DIR/table3.csv`, `.svg` and `.png`; gives their names and that of the JSON.
///
/// # Errors
/// If a file cannot be written or the figure cannot be drawn.
pub fn write(store: &Store, result: &ResultFile) -> Result<Vec<PathBuf>, BenchError> {
    let file = |ending| store.file(result.result, ending);
    let mut written = vec![file("json")];
    for table in csv::files(result) {
        let file = store.folder().join(table.name);
        write_bytes(&file, table.text.as_bytes())?;
        written.push(file);
    }
    if let Some(figure) = figures::figure(result) {
        let svg = figure.svg();
        write_bytes(&file("svg"), svg.as_bytes())?;
        write_bytes(&file("png"), &plot::png(&figure.id, &svg, SCALE)?)?;
        written.extend([file("svg"), file("png")]);
    }
    Ok(written)
}

/// Writes the page of a folder's results.
///
/// # Errors
/// If the file cannot be written.
pub fn write_page(file: &Path, results: &Results) -> Result<(), BenchError> {
    write_bytes(file, page::page(results, &environment::now()).as_bytes())
}

fn write_bytes(file: &Path, bytes: &[u8]) -> Result<(), BenchError> {
    Ok(atomic_file::write(file, |writer| writer.write_all(bytes))?)
}
