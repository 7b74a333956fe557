//! Tells people on standard error how things go.
//!
//! That nobody reads it any more (`snicit bench all 2>&1 | head`) is no reason to stop what was asked for:
//! `eprintln` would panic.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes something worth knowing that is no failure.
pub(crate) fn note(text: impl Display) {
    line(format_args!("note: {text}"));
}
