//! Numbers in half precision, which tensor cores multiply.

/// The nearest number in half precision, ties to even, as its bits and its value. `x` must lie between the
/// largest halves, ±65504.
pub(super) fn round_to_half(x: f32) -> (u16, f32) {
    debug_assert!(x.abs() <= 65504.0, "{x} is no half");
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let magnitude = x.abs();
    // Behind the point of halves below 2⁻¹⁴ are always 24 bits.
    const SMALLEST_NORMAL: f32 = 1.0 / 16384.0;
    const UNIT: f32 = 1.0 / 16_777_216.0;
    if magnitude < SMALLEST_NORMAL {
        let units = (magnitude / UNIT).round_ties_even();
        return (sign | units as u16, (units * UNIT).copysign(x));
    }
    let bits = magnitude.to_bits();
    let rounded = (bits + 0xfff + (bits >> 13 & 1)) & !0x1fff;
    let half = (rounded >> 13) - ((127 - 15) << 10);
    (sign | half as u16, f32::from_bits(rounded).copysign(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let magnitude = match exponent {
            0 => fraction * 2.0_f64.powi(-24),
            _ => (1024.0 + fraction) * 2.0_f64.powi(exponent - 25),
        };
        if bits >> 15 == 1 { -magnitude } else { magnitude }
    }

    #[test]
    fn halves_are_themselves() {
        for bits in (0..0x7c00).chain(0x8000..0xfc00) {
            let x = value(bits) as f32;
            let (found, rounded) = round_to_half(x);
            assert_eq!(found, bits);
            assert_eq!(rounded.to_bits(), x.to_bits());
        }
    }

    #[test]
    fn others_go_to_the_nearest_and_ties_to_even() {
        for bits in 0..0x7bff {
            let (below, above) = (value(bits), value(bits + 1));
            let at = |share: f64| round_to_half((below + (above - below) * share) as f32).0;
            assert_eq!(at(0.25), bits);
            assert_eq!(at(0.5), bits + (bits & 1));
            assert_eq!(at(0.75), bits + 1);
        }
    }
}
