//! What several test files share.

#![allow(dead_code, reason = "not every test file needs all of it")]

pub(crate) mod server;

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};

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

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of files of these names and contents.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}
