//! Everything a change must pass.

use crate::process::{self, cargo};

pub(crate) fn run() -> Result<(), String> {
    process::run(cargo("fmt --all --check"))?;
    process::run(cargo("clippy --workspace --all-targets -- -D warnings"))?;
    let mut doc = cargo("doc --workspace --no-deps");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    process::run(doc)?;
    process::run(cargo("test --workspace"))?;
    println!("all checks passed");
    Ok(())
}
