use crate::error::LineProblem;

/// A line of three fields: two indices counted from 1, and a finite number.
///
/// Parsing only says whether the line is well formed; [`Triple::explain`] then finds out what is wrong,
/// so that the usual, good line costs no more than its digits.
#[derive(Clone, Copy)]
pub(crate) struct Triple {
    /// For messages, all fields together.
    pub(crate) fields: &'static str,
    /// For messages, each field.
    pub(crate) names: [&'static str; 3],
    /// The largest value of either index.
    pub(crate) max: [u32; 2],
}

impl Triple {
    /// Both indices, still counted from 1, and the text of the number.
    #[inline]
    pub(crate) fn parse<'t>(&self, text: &'t [u8]) -> Option<(u32, u32, &'t [u8])> {
        let (first, rest) = leading_index(text, self.max[0])?;
        let (second, rest) = leading_index(rest.strip_prefix(b"\t")?, self.max[1])?;
        Some((first, second, rest.strip_prefix(b"\t")?))
    }

    /// What is wrong with a line that could not be parsed, or whose number could not.
    #[cold]
    pub(crate) fn explain(&self, text: &[u8]) -> LineProblem {
        let fields: Vec<&[u8]> = text.split(|&byte| byte == b'\t').collect();
        if fields.len() != 3 {
            return LineProblem::FieldCount { found: fields.len(), expected: self.fields };
        }
        for ((name, field), max) in self.names.iter().zip(&fields).zip(self.max) {
            if let Some(problem) = explain_index(name, field, max) {
                return problem;
            }
        }
        let expected = "a finite number".to_owned();
        LineProblem::Field { field: self.names[2], found: shown(fields[2]), expected }
    }
}

/// A line of one index, counted from 1.
#[derive(Clone, Copy)]
pub(crate) struct Single {
    /// For messages, with an article.
    pub(crate) fields: &'static str,
    /// For messages.
    pub(crate) name: &'static str,
}

impl Single {
    /// The index.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<u32, LineProblem> {
        match leading_index(text, u32::MAX) {
            Some((index, [])) => Ok(index),
            _ => {
                let found = text.split(|&byte| byte == b'\t').count();
                if found != 1 {
                    return Err(LineProblem::FieldCount { found, expected: self.fields });
                }
                let expected = format!("1 to {}", u32::MAX);
                Err(LineProblem::Field { field: self.name, found: shown(text), expected })
            }
        }
    }
}

/// Parses numbers; fast when the same text comes again and again, as the official weights do.
#[derive(Default)]
pub(crate) struct NumberCache {
    text: Vec<u8>,
    value: f32,
}

impl NumberCache {
    /// The finite number that `text` stands for, rounded to f32.
    #[inline]
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<f32> {
        if text != self.text.as_slice() || text.is_empty() {
            self.value = fast_float2::parse::<f32, _>(text).ok().filter(|value| value.is_finite())?;
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        Some(self.value)
    }
}

/// The finite number that a field, `name`, stands for, rounded to f32.
pub(crate) fn parse_number(name: &'static str, field: &[u8]) -> Result<f32, LineProblem> {
    let number = fast_float2::parse::<f32, _>(field).ok().filter(|value| value.is_finite());
    number.ok_or_else(|| {
        let expected = "a finite number".to_owned();
        LineProblem::Field { field: name, found: shown(field), expected }
    })
}

/// The index that a field, `name`, stands for, counted from 0 and below `count`, which is at least 1.
pub(crate) fn parse_index(name: &'static str, field: &[u8], count: usize) -> Result<u32, LineProblem> {
    let digits = std::str::from_utf8(field).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let index =
        digits.and_then(|text| text.parse().ok()).filter(|&index: &u32| (index as usize) < count);
    index.ok_or_else(|| {
        let expected = format!("0 to {}", count.saturating_sub(1));
        LineProblem::Field { field: name, found: shown(field), expected }
    })
}

/// The index (1 to `max`) at the beginning of `text`, and what follows its digits.
#[inline]
fn leading_index(text: &[u8], max: u32) -> Option<(u32, &[u8])> {
    // The largest number of digits that cannot overflow.
    const MAX_DIGITS: usize = 19;
    let mut value = 0_u64;
    let mut digits = 0;
    while let Some(&byte) = text.get(digits) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        digits += 1;
    }
    let in_range = (1..=MAX_DIGITS).contains(&digits) && (1..=u64::from(max)).contains(&value);
    in_range.then(|| (value as u32, &text[digits..]))
}

fn explain_index(name: &'static str, field: &[u8], max: u32) -> Option<LineProblem> {
    match leading_index(field, max) {
        Some((_, [])) => None,
        _ => {
            let expected = format!("1 to {max}");
            Some(LineProblem::Field { field: name, found: shown(field), expected })
        }
    }
}

/// A field for a message: bare if it is a number, else quoted; long ones are cut.
fn shown(field: &[u8]) -> String {
    const SHOWN_BYTES: usize = 30;
    if field.is_empty() {
        return "empty".to_owned();
    }
    let more = if field.len() > SHOWN_BYTES { "…" } else { "" };
    let start = String::from_utf8_lossy(&field[..field.len().min(SHOWN_BYTES)]);
    if field.iter().all(u8::is_ascii_digit) {
        format!("{start}{more}")
    } else {
        format!("{start:?}{more}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_end_at_the_first_other_byte() {
        assert_eq!(leading_index(b"17\trest", 17), Some((17, &b"\trest"[..])));
        assert_eq!(leading_index(b"0017", 17), Some((17, &b""[..])));
        for bad in ["18", "0", "", "-1", "+1", " 1", "x", "99999999999999999999999999999"] {
            assert_eq!(leading_index(bad.as_bytes(), 17), None, "{bad:?}");
        }
        // 2^64 + 5 must not be taken for 5.
        assert_eq!(leading_index(b"18446744073709551621", u32::MAX), None);
        assert_eq!(leading_index(b"4294967295", u32::MAX), Some((u32::MAX, &b""[..])));
        assert_eq!(leading_index(b"4294967296", u32::MAX), None);
    }

    #[test]
    fn numbers_are_parsed_anew_when_the_text_changes() {
        let mut numbers = NumberCache::default();
        assert_eq!(numbers.parse(b""), None);
        assert_eq!(numbers.parse(b"6.250000e-02"), Some(0.0625));
        assert_eq!(numbers.parse(b"6.250000e-02"), Some(0.0625));
        for bad in ["", "nan", "inf", "1e39", "1x", "x", " 1", "1 "] {
            assert_eq!(numbers.parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(numbers.parse(b"-3"), Some(-3.0));
        assert_eq!(numbers.parse(b"6.250000e-02"), Some(0.0625));
    }
}
