//! Numbers for people.

use std::time::Duration;

pub(crate) use snicit_bench::numbers::count;

/// A count of things, with their name in the right number.
pub(crate) fn counted(n: u64, singular: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", count(n))
}

/// Milliseconds as a number.
pub(crate) fn as_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The digits behind the point that times up to `largest` milliseconds deserve.
pub(crate) fn ms_digits(largest: f64) -> usize {
    if largest < 100.0 { 3 } else { 1 }
}

/// A rate with a metric prefix, `12.3 G`.
pub(crate) fn rate(per_second: f64) -> String {
    let prefixes = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    let prefix = prefixes.into_iter().find(|&(size, _)| per_second >= size);
    let (size, prefix) = prefix.unwrap_or((1.0, ""));
    format!("{:.2}{prefix}", per_second / size)
}

/// An amount of memory with a binary prefix, `1.5 GiB`.
pub(crate) fn bytes(n: u64) -> String {
    let prefixes = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match prefixes.into_iter().find(|&(size, _)| n >= size) {
        Some((size, unit)) => format!("{:.1} {unit}", n as f64 / size as f64),
        None => format!("{n} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(3_932_160), "3,932,160");
        assert_eq!(counted(1, "input"), "1 input");
        assert_eq!(counted(1200, "input"), "1,200 inputs");
        assert_eq!(rate(84.2e9), "84.20 G");
        assert_eq!(rate(12.0), "12.00");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
    }
}
