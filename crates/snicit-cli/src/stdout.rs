//! Writes results to standard output.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::exit::Failure;

/// Writes `text`. A reader that has gone (`snicit man | head -1`) is not an error: it had enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON object and a line break.
pub(crate) fn print_json(object: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(object)
        .map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    print(&format!("{json}\n"))
}
