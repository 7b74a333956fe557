//! Measures how fast files of other formats are read.
//!
//! ```sh
//! cargo run --release -p snicit-data --example format_speed -- a.npy w.mtx w.npz images-idx3-ubyte a.csv
//! ```
//!
//! The format is told by the name (`w.npz`, if it holds a scipy matrix, as one). Prints the best of five
//! readings, in MB/s of the file as it lies on the disk.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use snicit_data::convert::{Format, Kind};
use snicit_data::{arrays, matrices, model, sdgc};

const READINGS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    for file in std::env::args().skip(1) {
        let path = Path::new(&file);
        let mut best = f64::INFINITY;
        for _ in 0..READINGS {
            let start = Instant::now();
            read(path)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        let megabytes = path.metadata()?.len() as f64 / 1e6;
        println!("{file}: {megabytes:.1} MB, {best:.4} s, {:.0} MB/s", megabytes / best);
    }
    Ok(())
}

fn read(file: &Path) -> Result<(), Box<dyn Error>> {
    if file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("categories.tsv")) {
        sdgc::read_categories(file)?;
        return Ok(());
    }
    match Format::of_source(file)? {
        (Kind::Network, Format::MatrixMarket) => drop(matrices::read_matrix_market(file)?),
        (Kind::Network, Format::Scipy) => drop(matrices::read_scipy(file)?),
        (Kind::Network, Format::Safetensors) => drop(model::read_safetensors(file)?),
        (_, Format::Npy) => drop(arrays::read_npy(file)?),
        (_, Format::Npz) => {
            let mut archive = arrays::NpzReader::open(file)?;
            for name in archive.names() {
                archive.read(&name)?;
            }
        }
        (_, Format::Idx) => drop(arrays::read_idx(file)?),
        (_, Format::Csv) => drop(arrays::read_csv(file)?),
        (_, other) => return Err(format!("{}: use read_speed for {other}", file.display()).into()),
    }
    Ok(())
}
