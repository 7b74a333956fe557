use super::fields::{NumberCache, Pair, Triple, is_inexact};
use super::lines::{LineCount, Located, split_line};
use crate::error::LineProblem;

/// Reads lines of three fields; fast when the third repeats, as the official weights do.
pub(crate) struct TripleReader {
    format: Triple,
    numbers: NumberCache,
    tail: Tail,
    /// Numbers that were rounded.
    rounded: u64,
}

/// What follows the second index in the last line: the separator, the number, the line end.
#[derive(Default)]
struct Tail {
    bytes: u128,
    /// Covers `length` bytes; 0 as long as there is no tail.
    mask: u128,
    length: usize,
    value: f32,
    /// Whether the text says more than the value does.
    inexact: bool,
}

/// Bytes that must follow for a line to be read without looking where the text ends: two indices of at
/// most eight digits, a tab, a tail.
const WINDOW: usize = 8 + 1 + 8 + size_of::<u128>();

impl TripleReader {
    pub(crate) fn new(format: Triple) -> Self {
        TripleReader { format, numbers: NumberCache::default(), tail: Tail::default(), rounded: 0 }
    }

    /// How many numbers so far say more than their float32 does.
    pub(crate) fn rounded(&self) -> u64 {
        self.rounded
    }

    /// Calls `visit(first, second, number)` for each line of `text`; indices count from 1.
    pub(crate) fn read(
        &mut self,
        text: &[u8],
        count: &mut LineCount,
        mut visit: impl FnMut(u32, u32, f32) -> Result<(), LineProblem>,
    ) -> Result<(), Located> {
        let mut rest = text;
        while !rest.is_empty() {
            if count.empty == 0
                && let Some((first, second, number, length)) = self.quick(rest)
            {
                rest = &rest[length..];
                count.lines += 1;
                self.rounded += u64::from(self.tail.inexact);
                let line = count.lines;
                visit(first, second, number).map_err(|problem| Located { line, problem })?;
                continue;
            }
            let (line_text, behind) = split_line(rest);
            rest = behind;
            if line_text.is_empty() {
                count.empty += 1;
                continue;
            }
            let line = count.next(self.format.fields)?;
            let parsed = self.format.parse(line_text);
            let parsed = parsed
                .and_then(|(first, second, number)| Some((first, second, self.numbers.parse(number)?)));
            self.rounded += u64::from(parsed.is_some() && self.numbers.inexact());
            parsed
                .ok_or_else(|| self.format.explain(line_text))
                .and_then(|(first, second, number)| visit(first, second, number))
                .map_err(|problem| Located { line, problem })?;
        }
        Ok(())
    }

    /// A line of the usual kind: its fields and the bytes up to the next line. `None` if it is of another
    /// kind, be it good or bad.
    #[inline]
    fn quick(&mut self, text: &[u8]) -> Option<(u32, u32, f32, usize)> {
        let window: &[u8; WINDOW] = text.first_chunk()?;
        let (first, digits) = leading_digits(*window.first_chunk()?);
        let tab = window[digits];
        let second_at = digits + 1;
        let (second, digits) = leading_digits(*window[second_at..].first_chunk()?);
        let tail_at = second_at + digits;
        // Index 0 becomes the largest number.
        let in_range = |index: u32, max: u32| index.wrapping_sub(1) < max;
        if tab != self.format.separator
            || !in_range(first, self.format.max[0])
            || !in_range(second, self.format.max[1])
        {
            return None;
        }
        let tail = u128::from_le_bytes(*window[tail_at..].first_chunk()?);
        if tail & self.tail.mask == self.tail.bytes && self.tail.length > 0 {
            return Some((first, second, self.tail.value, tail_at + self.tail.length));
        }
        let length = self.new_tail(&text[tail_at..])?;
        Some((first, second, self.tail.value, tail_at + length))
    }

    /// Reads another number behind a separator and remembers it; gives the bytes up to the next line.
    fn new_tail(&mut self, text: &[u8]) -> Option<usize> {
        let number = text.strip_prefix(&[self.format.separator])?;
        let (value, digits) = fast_float2::parse_partial::<f32, _>(number).ok()?;
        let length = match number[digits..] {
            [b'\n', ..] => digits + 2,
            [b'\r', b'\n', ..] => digits + 3,
            _ => return None,
        };
        if !value.is_finite() {
            return None;
        }
        let inexact = is_inexact(&number[..digits], value);
        self.tail = match text[..length].try_into().map(|Padded(bytes)| bytes) {
            Ok(bytes) => {
                let mask = u128::MAX >> (8 * (size_of::<u128>() - length));
                Tail { bytes, mask, length, value, inexact }
            }
            // Too long to be compared; the next line is parsed again.
            Err(TooLong) => Tail { value, inexact, ..Tail::default() },
        };
        Some(length)
    }
}

/// Calls `visit(first, second)` for each line of `text`; indices count from 1.
pub(crate) fn read_pairs(
    format: Pair,
    text: &[u8],
    count: &mut LineCount,
    mut visit: impl FnMut(u32, u32) -> Result<(), LineProblem>,
) -> Result<(), Located> {
    let mut rest = text;
    while !rest.is_empty() {
        let (line_text, behind) = split_line(rest);
        rest = behind;
        if line_text.is_empty() {
            count.empty += 1;
            continue;
        }
        let line = count.next(format.fields)?;
        format
            .parse(line_text)
            .and_then(|(first, second)| visit(first, second))
            .map_err(|problem| Located { line, problem })?;
    }
    Ok(())
}

/// At most sixteen bytes, zeros behind them.
struct Padded(u128);
struct TooLong;

impl TryFrom<&[u8]> for Padded {
    type Error = TooLong;

    fn try_from(bytes: &[u8]) -> Result<Self, TooLong> {
        let mut padded = [0; size_of::<u128>()];
        padded.get_mut(..bytes.len()).ok_or(TooLong)?.copy_from_slice(bytes);
        Ok(Padded(u128::from_le_bytes(padded)))
    }
}

/// The number that the digits at the beginning of `text` make, 0 if there are none, and their count.
///
/// All eight bytes at once, without a branch: indices of changing length would make every other branch
/// a wrong guess.
#[inline]
fn leading_digits(text: [u8; 8]) -> (u32, usize) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let digits = u64::from_le_bytes(text) ^ (ONES * 0x30);
    // The top bit of a byte tells that it is no digit: 10 and more overflow into it. A carry into the
    // next byte comes only from one that is no digit, so the lowest such byte is right.
    let others = (digits.wrapping_add(ONES * 0x76) | digits) & (ONES * 0x80);
    let count = others.trailing_zeros() / 8;
    // The last digit goes to the highest byte; zeros come in before the first one.
    let digits = digits.unbounded_shl(64 - 8 * count);
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = fours.wrapping_mul(10_000).wrapping_add(fours >> 32);
    (eight as u32, count as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_end_at_the_first_other_byte() {
        let digits = |text: &str| leading_digits(text.as_bytes().try_into().unwrap());
        assert_eq!(digits("1\t345678"), (1, 1));
        assert_eq!(digits("1024\t6.2"), (1024, 4));
        assert_eq!(digits("65536\t6."), (65536, 5));
        assert_eq!(digits("00017\t99"), (17, 5));
        assert_eq!(digits("12345678"), (12_345_678, 8));
        assert_eq!(digits("99999999"), (99_999_999, 8));
        assert_eq!(digits("\t1234567"), (0, 0));
        assert_eq!(digits("/1234567"), (0, 0));
        assert_eq!(digits("12:34567"), (12, 2));
        assert_eq!(leading_digits(*b"12\xff34567"), (12, 2));
        assert_eq!(leading_digits(*b"\xff\xff\xff\xff\xff\xff\xff\xff"), (0, 0));
    }

    type Lines = Vec<(u32, u32, u32)>;

    const FORMAT: Triple = Triple {
        fields: "3 fields",
        names: ["a", "b", "c"],
        max: [70_000, 123_456_789],
        separator: b'\t',
    };

    /// The lines, numbers as bits, or the line and the message.
    fn read(text: &[u8]) -> (Lines, Result<u64, (u64, String)>) {
        let mut lines = Vec::new();
        let mut count = LineCount::default();
        let read = TripleReader::new(FORMAT).read(text, &mut count, |first, second, number| {
            lines.push((first, second, number.to_bits()));
            Ok(())
        });
        let end = read.map(|()| count.lines);
        (lines, end.map_err(|located| (located.line, located.problem.to_string())))
    }

    /// The same, one line at a time and none of them the quick way.
    fn read_slowly(text: &[u8]) -> (Lines, Result<u64, (u64, String)>) {
        let mut lines = Vec::new();
        let mut count = LineCount::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (line_text, behind) = split_line(rest);
            rest = behind;
            if line_text.is_empty() {
                count.empty += 1;
                continue;
            }
            let line = match count.next(FORMAT.fields) {
                Ok(line) => line,
                Err(located) => return (lines, Err((located.line, located.problem.to_string()))),
            };
            let number = |text| NumberCache::default().parse(text);
            match FORMAT.parse(line_text).and_then(|(a, b, text)| Some((a, b, number(text)?.to_bits())))
            {
                Some(triple) => lines.push(triple),
                None => return (lines, Err((line, FORMAT.explain(line_text).to_string()))),
            }
        }
        (lines, Ok(count.lines))
    }

    #[test]
    fn numbers_that_change_and_repeat() {
        let text = "1\t2\t0.5\n1\t3\t0.5\r\n2\t3\t0.5\r\n2\t4\t-1.23456789012345e-20\n3\t4\t0.5\n";
        let text = text.repeat(3) + "7\t7\t7";
        let (lines, end) = read(text.as_bytes());
        assert_eq!((&lines, &end), (&read_slowly(text.as_bytes()).0, &Ok(16)));
        assert_eq!(lines[8], (2, 4, (-1.234_567_9e-20_f32).to_bits()));
    }

    proptest! {
        #[test]
        fn the_quick_way_reads_the_same(lines in prop::collection::vec((
            prop_oneof![8 => (1..80_000_u32).prop_map(|n| n.to_string()), 1 => "[0-9]{0,10}"],
            prop_oneof![8 => (1..200_000_000_u32).prop_map(|n| n.to_string()), 1 => "[0-9x\t]{0,10}"],
            prop_oneof![8 => Just("6.250000e-02".to_owned()), 4 => "-?[0-9]{1,9}(\\.[0-9]{0,9})?(e-?[0-9]{1,2})?",
                1 => "[0-9.einfa+-]{0,8}"],
            prop_oneof![9 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\n\n"), 1 => Just("\r")],
        ), 0..12)) {
            let text: String = lines.iter().map(|(a, b, c, end)| format!("{a}\t{b}\t{c}{end}")).collect();
            prop_assert_eq!(read(text.as_bytes()), read_slowly(text.as_bytes()));
        }
    }
}
