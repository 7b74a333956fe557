//! Draws kept results anew: what a change to tables, figures or the page does to real measurements.
//!
//! `cargo run -p snicit-bench --example redraw RESULTS OUTPUT` reads `RESULTS/*.json` and writes copies of them, with
//! CSV, SVG, PNG and `report.html`, to `OUTPUT`; `RESULTS` stays as it is.

use std::path::PathBuf;

use snicit_bench::{BenchError, Store, output};

fn main() -> Result<(), BenchError> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to] = &folders[..] else {
        eprintln!("usage: redraw RESULTS OUTPUT");
        std::process::exit(2);
    };
    let (results, store) = (Store::new(from).results()?, Store::new(to));
    for problem in &results.skipped {
        eprintln!("skipped: {problem}");
    }
    for result in &results.results {
        store.keep_result(result)?;
        output::write(&store, result)?;
    }
    output::write_page(&to.join("report.html"), &results)
}
