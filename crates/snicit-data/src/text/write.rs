use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};

use crate::{DataError, atomic_file};

/// Lets `fill` write a text file, as [`atomic_file::write`] does; gzip if the name ends in `.gz`.
pub(crate) fn write_file(
    file: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), DataError> {
    atomic_file::write(file, |writer| {
        if file.extension() == Some(OsStr::new("gz")) {
            let mut gzip = GzEncoder::new(writer, Compression::default());
            fill(&mut gzip)?;
            gzip.finish().map(drop)
        } else {
            fill(writer)
        }
    })
}

/// Appends `value` in decimal digits.
#[inline]
pub(crate) fn push_decimal(text: &mut Vec<u8>, mut value: u64) {
    const MAX_DIGITS: usize = 20;
    let mut digits = [0; MAX_DIGITS];
    let mut first = MAX_DIGITS;
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[first..]);
}

/// Appends `value` as the official files do, like C's `%.6e`: `6.250000e-02`.
///
/// A value that these seven digits do not determine gets nine, which determine every f32.
pub(crate) fn push_scientific(text: &mut Vec<u8>, value: f32) {
    let mut shown = format!("{value:.6e}");
    if shown.parse() != Ok(value) {
        shown = format!("{value:.8e}");
    }
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    text.extend_from_slice(format!("{mantissa}e{sign}{digits:0>2}").as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scientific(value: f32) -> String {
        let mut text = Vec::new();
        push_scientific(&mut text, value);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn as_the_official_files() {
        assert_eq!(scientific(0.0625), "6.250000e-02");
        assert_eq!(scientific(-1.0), "-1.000000e+00");
        assert_eq!(scientific(0.0), "0.000000e+00");
        assert_eq!(scientific(1.5e20), "1.500000e+20");
        assert_eq!(scientific(0.1), "1.000000e-01");
        assert_eq!(scientific(f32::MAX), "3.40282347e+38");
    }

    proptest! {
        #[test]
        fn every_number_can_be_read_back(bits: u32, decimal: u64) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(fast_float2::parse::<f32, _>(scientific(value)), Ok(value));
            let mut text = Vec::new();
            push_decimal(&mut text, decimal);
            prop_assert_eq!(String::from_utf8(text).unwrap(), decimal.to_string());
        }
    }
}
