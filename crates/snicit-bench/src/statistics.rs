//! Medians, and how sure a ratio of two is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Resamples of a bootstrap.
const RESAMPLES: usize = 10_000;
/// The share of resamples inside the interval.
const CONFIDENCE: f64 = 0.95;
/// Fewer repetitions do not tell how much they scatter.
pub const FEWEST_REPETITIONS: usize = 5;
/// Repetitions of one process do not show how processes differ from each other, which on quiet machines is
/// about so much; a smaller difference is called none.
pub const SMALLEST_DIFFERENCE: f64 = 0.02;

/// The median; of an even number of values the mean of the middle two. NaN of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    middle(&sorted)
}

fn middle(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        n => sorted[n / 2],
    }
}

/// The smallest and the largest value.
pub fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| {
        (low.min(value), high.max(value))
    })
}

/// `median(a) / median(b)` and its bootstrap percentile interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The ratio of the medians.
    pub ratio: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What a ratio of times lets one say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The second is faster.
    Faster,
    /// The second is slower.
    Slower,
    /// The interval contains, or comes too near to, equality.
    NoDifference,
    /// Too few repetitions to know the noise.
    TooFewRepetitions,
}

impl Verdict {
    /// For people, of the second beside the first.
    pub fn text(self) -> &'static str {
        match self {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::NoDifference => "no difference shown",
            Verdict::TooFewRepetitions => "too few repetitions to tell",
        }
    }
}

/// The ratio of the medians of two samples of times, with an interval from resampling both (Efron's
/// percentile bootstrap). Always the same for the same samples.
pub fn ratio(a: &[f64], b: &[f64]) -> Ratio {
    let mut random = ChaCha8Rng::seed_from_u64(0x0073_6e69_6369_7400);
    let mut ratios: Vec<f64> =
        (0..RESAMPLES).map(|_| resampled(a, &mut random) / resampled(b, &mut random)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| ratios[((RESAMPLES - 1) as f64 * share).round() as usize];
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Ratio { ratio: median(a) / median(b), low: at(tail), high: at(1.0 - tail) }
}

/// The median of as many values, drawn with replacement.
fn resampled(values: &[f64], random: &mut ChaCha8Rng) -> f64 {
    let n = values.len() as u64;
    let mut drawn: Vec<f64> =
        values.iter().map(|_| values[((u64::from(random.next_u32()) * n) >> 32) as usize]).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    middle(&drawn)
}

/// What `before / after` says of the times `after`.
pub fn verdict(before: &[f64], after: &[f64], speed_up: &Ratio) -> Verdict {
    if before.len().min(after.len()) < FEWEST_REPETITIONS {
        Verdict::TooFewRepetitions
    } else if speed_up.low > 1.0 + SMALLEST_DIFFERENCE {
        Verdict::Faster
    } else if speed_up.high < 1.0 / (1.0 + SMALLEST_DIFFERENCE) {
        Verdict::Slower
    } else {
        Verdict::NoDifference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(range(&[2.0, -1.0, 5.0]), (-1.0, 5.0));
    }

    #[test]
    fn verdicts_need_repetitions_and_distance() {
        let quiet = [10.0, 10.1, 9.9, 10.05, 9.95, 10.0, 10.02];
        let fast = quiet.map(|time| time / 2.0);
        let noisy = [6.0, 14.0, 7.0, 15.0, 9.0, 12.0, 10.0];
        let of = |a: &[f64], b: &[f64]| verdict(a, b, &ratio(a, b));
        assert_eq!(of(&quiet, &fast), Verdict::Faster);
        assert_eq!(of(&fast, &quiet), Verdict::Slower);
        assert_eq!(of(&quiet, &quiet), Verdict::NoDifference);
        assert_eq!(of(&quiet, &noisy), Verdict::NoDifference);
        assert_eq!(of(&quiet[..4], &fast), Verdict::TooFewRepetitions);
        // One per cent, however sure, is within what processes differ by.
        assert_eq!(of(&[1.0; 9], &[0.99; 9]), Verdict::NoDifference);
    }

    #[test]
    fn the_interval_holds_the_ratio_and_widens_with_noise() {
        let quiet = [10.0, 10.1, 9.9, 10.05, 9.95];
        let noisy = [6.0, 14.0, 7.0, 15.0, 10.0];
        let (sure, unsure) = (ratio(&quiet, &quiet), ratio(&quiet, &noisy));
        for interval in [sure, unsure] {
            assert!(interval.low <= interval.ratio && interval.ratio <= interval.high, "{interval:?}");
        }
        assert!(sure.high - sure.low < 0.1 && unsure.high - unsure.low > 0.5, "{sure:?} {unsure:?}");
        assert_eq!(ratio(&quiet, &noisy), unsure);
        assert_eq!(ratio(&[4.0], &[2.0]), Ratio { ratio: 2.0, low: 2.0, high: 2.0 });
    }

    /// The interval should hold the true ratio (1) in about 95 of 100 pairs of samples.
    #[test]
    fn the_interval_covers() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut sample = || -> Vec<f64> {
            let time = |_| 10.0 + f64::from(random.next_u32()) / f64::from(u32::MAX);
            (0..15).map(time).collect()
        };
        let covers = |_| {
            let interval = ratio(&sample(), &sample());
            interval.low <= 1.0 && 1.0 <= interval.high
        };
        let covered = (0..100).map(covers).filter(|&covered| covered).count();
        assert!(covered >= 88, "{covered} of 100");
    }
}
