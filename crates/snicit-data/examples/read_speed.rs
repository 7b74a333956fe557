//! Measures how fast a network or a file of inputs is read.
//!
//! ```sh
//! cargo run --release -p snicit-data --example read_speed -- neuron1024 1024 1920
//! cargo run --release -p snicit-data --example read_speed -- sparse-images-1024.tsv 1024
//! ```
//!
//! With a number of layers the path is a network, without one a file of inputs. Prints the best and
//! the median of five readings and the peak memory. `RAYON_NUM_THREADS` sets the number of threads.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use snicit_data::sdgc;

const READINGS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, width, rest @ ..] = arguments.as_slice() else {
        return Err("expected PATH WIDTH [LAYERS]".into());
    };
    let (path, width) = (Path::new(path), width.parse::<usize>()?);
    let layers = rest.first().map(|layers| layers.parse::<usize>()).transpose()?;
    let mut seconds = Vec::new();
    let mut entries = 0;
    for _ in 0..READINGS {
        let start = Instant::now();
        match layers {
            Some(layers) => {
                let network = sdgc::read_network(path, width, layers, -0.3, &|_| ())?;
                seconds.push(start.elapsed().as_secs_f64());
                entries = network.connections();
            }
            None => {
                let inputs = sdgc::read_inputs(path, width, None)?;
                seconds.push(start.elapsed().as_secs_f64());
                entries = inputs.len() as u64;
            }
        }
    }
    seconds.sort_by(f64::total_cmp);
    let megabytes = bytes_of(path, width, layers)? as f64 / 1e6;
    for (name, seconds) in [("best", seconds[0]), ("median", seconds[READINGS / 2])] {
        println!("{name:7}{seconds:8.3} s {:8.0} MB/s", megabytes / seconds);
    }
    println!("{megabytes:.1} MB on disk, {entries} connections or inputs, peak {}", peak());
    Ok(())
}

/// Bytes that are read, as they lie on the disk.
fn bytes_of(path: &Path, width: usize, layers: Option<usize>) -> std::io::Result<u64> {
    match layers {
        Some(layers) if path.is_dir() => {
            let file = |layer| sdgc::layer_file(path, width, layer);
            (1..=layers).map(|layer| Ok(file(layer).metadata()?.len())).sum()
        }
        _ => Ok(path.metadata()?.len()),
    }
}

/// The peak memory of this process, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
