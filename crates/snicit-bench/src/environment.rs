//! On what a point ran.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fmt, fs};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::differences;

/// Software that a device needs, or that is timed beside our methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its version as it gives it.
    pub version: String,
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Machine, device and versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The processor's name.
    pub processor: String,
    /// Threads the system lets this process use.
    pub cores: u64,
    /// Memory of the machine, bytes; nothing where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Operating system and kernel.
    pub system: String,
    /// The device that inferred.
    pub device: String,
    /// What the device is driven by and compared with: driver, compiler of the kernels, other libraries. What cannot be
    /// found out is left out.
    pub libraries: Vec<Library>,
    /// Version of this software.
    pub version: String,
    /// XXH3 of the running program, which its version does not tell from the one before; `unknown` if it cannot be read.
    pub program: String,
    /// Version of the compiler that made it.
    pub compiler: String,
    /// `release` or `debug`.
    pub build: String,
    /// Processes that wanted to run, on average over the last minute, when the point began.
    pub load_average: Option<f64>,
}

impl Environment {
    /// This machine now, with `device` to infer.
    pub fn current(device: String, libraries: Vec<Library>) -> Self {
        Environment {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            memory_bytes: meminfo("MemTotal:"),
            system: system(),
            device,
            libraries,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program: program().to_owned(),
            compiler: env!("SNICIT_BENCH_COMPILER").to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            load_average: load_average(),
        }
    }

    /// Whether times taken there may stand beside times taken here: everything but memory and load is the same.
    pub fn same_setup(&self, other: &Environment) -> bool {
        differences::of_environments(self, other).is_empty()
    }

    /// The same with the load of this moment.
    pub(crate) fn under_load_of_now(&self) -> Self {
        Environment { load_average: load_average(), ..self.clone() }
    }
}

/// XXH3 of the running program.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let bytes = std::env::current_exe().and_then(fs::read);
        bytes.map_or_else(
            |_| "unknown".to_owned(),
            |bytes| format!("{:08x}", XxHash3_64::oneshot(&bytes) >> 32),
        )
    })
}

/// Memory that can be had without swapping, bytes; nothing where the system does not tell.
pub fn available_memory() -> Option<u64> {
    meminfo("MemAvailable:")
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned()
}

fn meminfo(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Now, UTC, `2026-11-25T18:45:00Z`.
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    iso8601(seconds)
}

/// Seconds since 1970 as a date, after Hinnant's `civil_from_days`: years begin in March, so that leap days
/// come last.
fn iso8601(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_764_096_300, "2025-11-25T18:45:00Z"),
        ] {
            assert_eq!(iso8601(seconds), date);
        }
    }

    #[test]
    fn the_load_does_not_count() {
        let here = Environment::current("CPU".to_owned(), Vec::new());
        let mut later = here.clone();
        later.load_average = Some(99.0);
        assert!(here.same_setup(&later));
        later.device = "GPU".to_owned();
        assert!(!here.same_setup(&later));
    }

    #[test]
    fn another_build_of_the_same_version_is_another_setup() {
        let here = Environment::current("CPU".to_owned(), Vec::new());
        assert!(here.program.len() == 8 && u32::from_str_radix(&here.program, 16).is_ok());
        let rebuilt = Environment { program: "00000000".to_owned(), ..here.clone() };
        assert!(!here.same_setup(&rebuilt));
    }
}
