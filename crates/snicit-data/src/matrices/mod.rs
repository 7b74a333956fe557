//! Sparse matrices as other programs keep them: Matrix Market text and scipy's `.npz`.
//!
//! A matrix of weights is `outputs × inputs`: row `j` holds the weights of output neuron `j`, so that a layer
//! computes `W·Y` with the inputs of a batch in the columns of `Y`. This is also the orientation of PyTorch's
//! `Linear`. The Graph Challenge's own files list (input, output, weight) instead and count both from 1;
//! [`sdgc`](crate::sdgc) reads those. A matrix that is kept as `inputs × outputs` has to be transposed.
//!
//! A network is a folder of such files with a description, `network.toml`; see [`read_network`].
//!
//! Entries may be in any order. An entry that is 0 is a connection of weight 0; the same place given twice is
//! refused, though some programs add such entries up. Nothing is reserved before the file has proved to hold
//! as much.

mod entries;
mod matrix_market;
mod network;
mod scipy;
mod size_line;

pub use matrix_market::{read_matrix_market, write_matrix_market};
pub use network::{DESCRIPTION, MatrixFormat, read_bare_network, read_network, write_network};
pub use scipy::{read_scipy, write_scipy};

use snicit::network::InvalidWeights;

use crate::DataError;

/// Rows that any matrix may have, and further ones for each entry: a size in a few bytes of text must not
/// take all memory.
const FREE_ROWS: usize = 8 << 20;
const ROWS_AN_ENTRY: usize = 2048;

/// Refuses a number of rows out of all proportion to that of entries.
fn check_rows(place: &str, rows: usize, entries: usize) -> Result<(), DataError> {
    let most = FREE_ROWS.saturating_add(entries.saturating_mul(ROWS_AN_ENTRY));
    if rows <= most {
        return Ok(());
    }
    let expected = format!("at most {most} with so few entries");
    Err(DataError::unexpected(place, "the number of rows", rows.to_string(), expected))
}

fn invalid(place: &str, problem: InvalidWeights) -> DataError {
    DataError::Weights { place: place.to_owned(), problem }
}
