//! Numbers for people.

use std::time::Duration;

pub(crate) use snicit_bench::numbers::{bytes, count, counted};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(rate(84.2e9), "84.20 G");
        assert_eq!(rate(12.0), "12.00");
    }
}
