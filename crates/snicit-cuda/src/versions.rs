//! The versions of what an engine depends on: times taken with others may differ.

use std::fs;

use crate::engine::CudaEngine;
use crate::runtime::driver_version;

/// Where the kernel's part of the driver says what it is.
const DRIVER: &str = "/proc/driver/nvidia/version";

impl CudaEngine {
    /// Name and version of the driver, of the CUDA that it supports, and of NVRTC. What cannot be found out is left
    /// out.
    pub fn versions(&self) -> Vec<(&'static str, String)> {
        let driver = fs::read_to_string(DRIVER).ok().and_then(|text| driver_in(&text));
        let cuda = driver_version().ok().map(|(major, minor)| format!("{major}.{minor}"));
        // `NVRTC 12.8 (where it was found)`
        let nvrtc = self.compiler().split_whitespace().nth(1).map(str::to_owned);
        [("NVIDIA's driver", driver), ("CUDA in the driver", cuda), ("NVRTC", nvrtc)]
            .into_iter()
            .filter_map(|(name, version)| Some((name, version?)))
            .collect()
    }
}

/// The driver's version in its own words: the first that looks like `580.159.04` in the line of the kernel module.
fn driver_in(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("NVRM version:"))?;
    let is_version =
        |word: &&str| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok());
    line.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_version_is_found() {
        for (line, version) in [
            (
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (dvs@u22)",
                Some("580.159.04"),
            ),
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023",
                Some("535.129.03"),
            ),
            ("NVRM version: another text", None),
            ("GCC version:  gcc version 12.3.0", None),
        ] {
            let text = format!("{line}\nGCC version:  gcc version 12.3.0 (Ubuntu)\n");
            assert_eq!(driver_in(&text).as_deref(), version);
        }
    }
}
