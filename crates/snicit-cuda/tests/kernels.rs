//! Every kernel compiles for every supported generation of GPUs, without a GPU.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;

use snicit_cuda::{SOURCES, compile, nvrtc};

/// Ampere, Hopper, Blackwell.
const ARCHITECTURES: [i32; 3] = [80, 90, 100];

#[test]
fn all_kernels_compile_and_have_their_entry_points() {
    let nvrtc = match nvrtc::load(None) {
        Ok(nvrtc) => nvrtc,
        Err(error) if std::env::var_os("SNICIT_REQUIRE_NVRTC").is_some() => panic!("{error}"),
        Err(error) => {
            // Past the capture of the test harness: it must be seen.
            writeln!(std::io::stderr(), "skipped: compiling the kernels; {error}").ok();
            return;
        }
    };
    let mut failures = Vec::new();
    for architecture in ARCHITECTURES {
        for source in SOURCES {
            match compile(&nvrtc, source, architecture) {
                Err(error) => failures.push(error.to_string()),
                Ok(cubin) => {
                    for name in source.entry_points.iter().filter(|name| !has_function(&cubin, name)) {
                        failures.push(format!("{} has no {name} for sm_{architecture}", source.file));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let (major, minor) = nvrtc.version();
    eprintln!("compiled with NVRTC {major}.{minor}, {}", nvrtc.path().display());
}

/// Whether an ELF file of machine code has a section with the code of this function.
fn has_function(cubin: &[u8], name: &str) -> bool {
    let section = format!("\0.text.{name}\0");
    cubin.starts_with(b"\x7fELF")
        && cubin.windows(section.len()).any(|bytes| bytes == section.as_bytes())
}
