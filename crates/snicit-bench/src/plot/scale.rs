//! Scales: from values to places between 0 and 1, and their ticks.

/// The scale of an axis of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From 0.
    Linear { high: f64, step: f64 },
    /// Whole decades, or from 1, 2 or 5 times a power of ten where that is too wide.
    Log { low: f64, high: f64 },
}

impl Scale {
    /// From 0 to a little more than `largest`.
    pub(super) fn linear(largest: f64) -> Self {
        let largest = if largest > 0.0 { largest } else { 1.0 };
        let rough = largest / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|&step| step >= rough).unwrap_or(10.0 * power);
        Scale::Linear { high: largest * 1.12, step }
    }

    /// From below `smallest` to above `largest`, with `headroom` of the axis (0 to 1) left above.
    pub(super) fn log(smallest: f64, largest: f64, headroom: f64) -> Self {
        let low = 10_f64.powf((smallest * 0.8).log10().floor());
        let range = (largest / low).log10().max(0.5);
        Scale::Log { low, high: low * 10_f64.powf(range / (1.0 - headroom)) }
    }

    /// Where a value lies, 0 at the bottom and 1 at the top.
    pub(super) fn place(&self, value: f64) -> f64 {
        match *self {
            Scale::Linear { high, .. } => value / high,
            Scale::Log { low, high } => (value.max(low) / low).log10() / (high / low).log10(),
        }
        .clamp(0.0, 1.0)
    }

    /// The values to be marked and labelled.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match *self {
            Scale::Linear { high, step } => {
                (0..).map(|i| f64::from(i) * step).take_while(|&value| value <= high).collect()
            }
            Scale::Log { low, high } => {
                let decades = (high / low).log10();
                let factors: &[f64] = if decades < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let every = if decades > 7.0 { 2 } else { 1 };
                let first = low.log10().round() as i32;
                let powers = (first..).step_by(every).map(|power| 10_f64.powi(power));
                powers
                    .take_while(|&power| power <= high)
                    .flat_map(|power| factors.iter().map(move |factor| factor * power))
                    .filter(|&value| value <= high * 1.0001)
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_begin_at_zero_and_hold_everything() {
        for largest in [0.003, 1.0, 7.3, 99.0, 12_345.0] {
            let scale = Scale::linear(largest);
            let ticks = scale.ticks();
            assert_eq!((ticks[0], scale.place(0.0)), (0.0, 0.0));
            assert!((3..=7).contains(&ticks.len()), "{largest}: {ticks:?}");
            assert!(scale.place(largest) < 1.0);
        }
        assert!(Scale::linear(0.0).ticks().len() > 1);
    }

    #[test]
    fn logarithmic_axes_begin_at_a_decade_and_leave_headroom() {
        let scale = Scale::log(3.0, 4000.0, 0.25);
        assert_eq!(scale.ticks()[..4], [1.0, 10.0, 100.0, 1000.0]);
        assert!((scale.place(4000.0) - 0.75).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
        assert!(Scale::log(2.0, 2.0, 0.0).ticks().len() >= 2);
    }
}
