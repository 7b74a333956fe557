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
    /// What is between fields: a tab, or a blank, for which any number of blanks and tabs may stand.
    pub(crate) separator: u8,
}

impl Triple {
    /// Both indices, still counted from 1, and the text of the number.
    #[inline]
    pub(crate) fn parse<'t>(&self, text: &'t [u8]) -> Option<(u32, u32, &'t [u8])> {
        let separator = [self.separator];
        let strict = || {
            let (first, rest) = leading_index(text, self.max[0])?;
            let (second, rest) = leading_index(rest.strip_prefix(&separator)?, self.max[1])?;
            let number = rest.strip_prefix(&separator)?;
            (separator != *b" " || !number.iter().any(u8::is_ascii_whitespace))
                .then_some((first, second, number))
        };
        strict().or_else(|| if separator == *b" " { self.parse_loosely(text) } else { None })
    }

    /// Whatever white space there is.
    fn parse_loosely<'t>(&self, text: &'t [u8]) -> Option<(u32, u32, &'t [u8])> {
        let fields = blank_separated(text);
        let [first, second, number] = fields[..] else { return None };
        Some((whole_index(first, self.max[0])?, whole_index(second, self.max[1])?, number))
    }

    /// What is wrong with a line that could not be parsed, or whose number could not.
    #[cold]
    pub(crate) fn explain(&self, text: &[u8]) -> LineProblem {
        let fields = if self.separator == b' ' {
            blank_separated(text)
        } else {
            text.split(|&byte| byte == b'\t').collect()
        };
        if fields.len() != 3 {
            return field_count(fields.len(), self.separator, self.fields);
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

/// A line of two indices, counted from 1, with blanks between them.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// For messages, both fields together.
    pub(crate) fields: &'static str,
    /// For messages, each field.
    pub(crate) names: [&'static str; 2],
    /// The largest value of either index.
    pub(crate) max: [u32; 2],
}

impl Pair {
    /// Both indices, still counted from 1.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<(u32, u32), LineProblem> {
        if let Some((first, rest)) = leading_index(text, self.max[0])
            && let Some(second) = rest.strip_prefix(b" ").and_then(|rest| whole_index(rest, self.max[1]))
        {
            return Ok((first, second));
        }
        let fields = blank_separated(text);
        let [first, second] = fields[..] else {
            return Err(field_count(fields.len(), b' ', self.fields));
        };
        let index = |name, field, max| {
            whole_index(field, max).ok_or_else(|| LineProblem::Field {
                field: name,
                found: shown(field),
                expected: format!("1 to {max}"),
            })
        };
        Ok((index(self.names[0], first, self.max[0])?, index(self.names[1], second, self.max[1])?))
    }
}

fn blank_separated(text: &[u8]) -> Vec<&[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect()
}

fn field_count(found: usize, separator: u8, expected: &'static str) -> LineProblem {
    let separated = match separator {
        b' ' => "blank",
        b',' => "comma",
        _ => "tab",
    };
    LineProblem::FieldCount { found, separated, expected }
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
                    return Err(field_count(found, b'\t', self.fields));
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
    inexact: bool,
}

impl NumberCache {
    /// The finite number that `text` stands for, rounded to f32.
    #[inline]
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<f32> {
        if text != self.text.as_slice() || text.is_empty() {
            self.value = fast_float2::parse::<f32, _>(text).ok().filter(|value| value.is_finite())?;
            self.inexact = is_inexact(text, self.value);
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        Some(self.value)
    }

    /// Whether the last text says more than its float32 does.
    pub(crate) fn inexact(&self) -> bool {
        self.inexact
    }
}

/// Whether `text`, which was read as `value`, says more than a float32 can hold.
///
/// Every float32 can be told by nine digits, so `0.1` is a fine way to write the float32 next to it. More
/// digits (but for zeros at the end), and all those of an integer, are taken literally.
#[inline]
pub(crate) fn is_inexact(text: &[u8], value: f32) -> bool {
    const TELL_ALL: usize = 9;
    const ALWAYS_EXACT: usize = 7;
    text.len() > ALWAYS_EXACT && {
        let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
        let integer = mantissa.len() == text.len() && !text.contains(&b'.');
        let digits = mantissa.iter().filter(|byte| byte.is_ascii_digit());
        let from_first = digits.skip_while(|&&byte| byte == b'0').enumerate();
        let significant =
            from_first.filter(|&(_, &byte)| byte != b'0').last().map_or(0, |(at, _)| at + 1);
        (integer || significant > TELL_ALL)
            && fast_float2::parse::<f64, _>(text).is_ok_and(|precise| precise != f64::from(value))
    }
}

/// The index (1 to `max`) that `text` is.
fn whole_index(text: &[u8], max: u32) -> Option<u32> {
    leading_index(text, max).filter(|(_, rest)| rest.is_empty()).map(|(index, _)| index)
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
    fn more_digits_than_a_float32_holds_are_noticed() {
        let inexact = |text: &str| is_inexact(text.as_bytes(), text.parse().unwrap());
        for exact in [
            "0.1",
            "6.250000e-02",
            "16777216",
            "0.10000000149011612",
            "123456789e-3",
            "1e-40",
            "-0",
            "9123456000.0",
            "0.1000000000",
        ] {
            assert!(!inexact(exact), "{exact}");
        }
        for rounded in ["16777217", "-16777217", "0.1000000001", "0.12345678901", "1.0000000001e-3"] {
            assert!(inexact(rounded), "{rounded}");
        }
    }

    #[test]
    fn blanks_of_any_number_separate() {
        let triple = Triple { fields: "3 fields", names: ["a", "b", "c"], max: [9, 9], separator: b' ' };
        for text in ["1 2 0.5", " 1  2 0.5", "1\t2\t 0.5 ", "1 2  0.5"] {
            assert_eq!(triple.parse(text.as_bytes()), Some((1, 2, &b"0.5"[..])), "{text:?}");
        }
        assert_eq!(triple.parse(b"1 2 0.5 7"), None);
        let problem = triple.explain(b"1 2 0.5 7").to_string();
        assert_eq!(problem, "the line has 4 blank-separated fields, expected 3 fields");
        let pair = Pair { fields: "2 fields", names: ["a", "b"], max: [9, 9] };
        for text in ["1 2", " 1\t 2 "] {
            assert_eq!(pair.parse(text.as_bytes()), Ok((1, 2)), "{text:?}");
        }
        let refused = |text: &str| pair.parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused("1 2 3"), "the line has 3 blank-separated fields, expected 2 fields");
        assert_eq!(refused("1 0"), "b is 0, expected 1 to 9");
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
