//! What several test files share.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file or folder of the data beside the checkout, if it is there; else says what is skipped.
pub(crate) fn shared(test: &str, below: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(below);
    if path.exists() {
        Some(path)
    } else {
        // Not `eprintln`, which a passing test swallows.
        writeln!(std::io::stderr(), "skipped: {test} needs ../shared/data/{below}").ok();
        None
    }
}
