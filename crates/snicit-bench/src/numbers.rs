//! Numbers for people.

/// A count with a comma between thousands.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count of things, with their name in the right number.
pub fn counted(n: u64, singular: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", count(n))
}

/// An amount of memory with a binary prefix, `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    let prefixes = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match prefixes.into_iter().find(|&(size, _)| n >= size) {
        Some((size, unit)) => format!("{:.1} {unit}", n as f64 / size as f64),
        None => format!("{n} bytes"),
    }
}

/// A number with three significant digits, `0.0123`, `4.56`, `78.9`, `1,230`.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { "–".to_owned() };
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (2 - magnitude).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    // Rounding may have gained a digit: 9.999 is 10.0, not 10.00.
    let text = match text.parse::<f64>() {
        Ok(rounded) if rounded.abs().log10().floor() as i32 > magnitude && decimals > 0 => {
            format!("{value:.*}", decimals - 1)
        }
        _ => text,
    };
    if magnitude >= 3 { count(value.round().max(0.0) as u64) } else { text }
}

/// A number as a tick of an axis: no more digits than it has.
pub fn tick(value: f64) -> String {
    if value.abs() >= 1.0 && value.fract().abs() < 1e-9 {
        let grouped = count(value.abs().round() as u64);
        return if value < 0.0 { format!("−{grouped}") } else { grouped };
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.replace('-', "−") }
}

/// A share as a percentage with one digit behind the point.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
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
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        for (value, text) in [
            (0.0, "0"),
            (0.012_34, "0.0123"),
            (0.5, "0.500"),
            (4.556, "4.56"),
            (9.999, "10.0"),
            (78.94, "78.9"),
            (999.6, "1000"),
            (12_345.6, "12,346"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(significant(value), text, "{value}");
        }
        for (value, text) in [(0.0, "0"), (0.01, "0.01"), (1e4, "10,000"), (-0.5, "−0.5"), (2.5, "2.5")]
        {
            assert_eq!(tick(value), text, "{value}");
        }
        assert_eq!(percent(0.1234), "12.3 %");
    }
}
