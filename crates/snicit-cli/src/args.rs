//! Parsers of single argument values.

use std::num::NonZeroUsize;

/// A whole number, at least 1.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number, at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// As [`count`], for options that take [`NonZeroUsize`].
pub(crate) fn nonzero(text: &str) -> Result<NonZeroUsize, String> {
    count(text)
        .and_then(|count| NonZeroUsize::new(count).ok_or_else(|| "expected at least 1".to_owned()))
}

/// A number of inputs; their indices are 32 bits wide.
pub(crate) fn inputs(text: &str) -> Result<usize, String> {
    let inputs = count(text)?;
    if u32::try_from(inputs).is_ok() {
        Ok(inputs)
    } else {
        Err(format!("expected at most {}", u32::MAX))
    }
}
