//! Scales: from values to places between 0 and 1, and their ticks.

/// A logarithmic axis of more decades marks whole decades only.
const FEW_DECADES: f64 = 2.0;
/// One of still more marks every second decade.
const MANY_DECADES: f64 = 7.0;

/// The scale of an axis of numbers. Both ends are ticks, so that every value lies between two that are labelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From 0.
    Linear { high: f64, step: f64 },
    /// From a whole decade; to one, or where there are few to 2 or 5 times a power of ten.
    Log { low: f64, high: f64 },
}

impl Scale {
    /// From 0 to the first tick that is not below `largest`.
    pub(super) fn linear(largest: f64) -> Self {
        let largest = if largest > 0.0 { largest } else { 1.0 };
        let rough = largest / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|&step| step >= rough).unwrap_or(10.0 * power);
        // Rounding must not add a step to a value that is a tick itself.
        Scale::Linear { high: (largest / step - 1e-9).ceil() * step, step }
    }

    /// From below `smallest` to the first tick that is not below `largest`.
    pub(super) fn log(smallest: f64, largest: f64) -> Self {
        let low = 10_f64.powf((smallest * 0.8).log10().floor());
        // Half a decade at least: the steps of less could not be told apart.
        let span = (largest / low).log10().max(0.5) - 1e-9;
        let high = if span <= FEW_DECADES {
            let power = low * 10_f64.powf(span.floor());
            let factor =
                [1.0, 2.0, 5.0].into_iter().find(|factor| span <= (factor * power / low).log10());
            factor.unwrap_or(10.0) * power
        } else {
            let decades = span.ceil();
            let decades = if decades > MANY_DECADES { (decades / 2.0).ceil() * 2.0 } else { decades };
            low * 10_f64.powf(decades)
        };
        Scale::Log { low, high }
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
                (0..=(high / step).round() as u32).map(|i| f64::from(i) * step).collect()
            }
            Scale::Log { low, high } => {
                let decades = (high / low).log10() - 1e-9;
                let factors: &[f64] = if decades <= FEW_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let every = if decades > MANY_DECADES { 2 } else { 1 };
                let first = low.log10().round() as i32;
                let powers = (first..).step_by(every).map(|power| 10_f64.powi(power));
                powers
                    .take_while(|&power| power <= high * 1.0001)
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
    fn linear_axes_begin_at_zero_and_end_at_a_tick_above_everything() {
        for largest in [0.003, 1.0, 5.2, 7.3, 10.0, 99.0, 12_345.0] {
            let scale = Scale::linear(largest);
            let ticks = scale.ticks();
            let last = ticks[ticks.len() - 1];
            assert_eq!((ticks[0], scale.place(0.0)), (0.0, 0.0));
            assert!((3..=6).contains(&ticks.len()), "{largest}: {ticks:?}");
            assert!(last >= largest * (1.0 - 1e-9), "{largest}: {ticks:?}");
            assert!((scale.place(last) - 1.0).abs() < 1e-9, "{largest}: {ticks:?}");
        }
        assert!(Scale::linear(0.0).ticks().len() > 1);
    }

    #[test]
    fn logarithmic_axes_begin_at_a_decade_and_end_at_a_tick() {
        for (smallest, largest, ticks) in [
            (3.0, 4000.0, &[1.0, 10.0, 100.0, 1000.0, 10_000.0][..]),
            (3.0, 1000.0, &[1.0, 10.0, 100.0, 1000.0]),
            (2.0, 2.0, &[1.0, 2.0, 5.0]),
            (2.0, 14.0, &[1.0, 2.0, 5.0, 10.0, 20.0]),
            (2.0, 70.0, &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
            (2.0, 3e7, &[1.0, 1e2, 1e4, 1e6, 1e8]),
        ] {
            let scale = Scale::log(smallest, largest);
            assert_eq!(scale.ticks(), ticks, "{smallest} to {largest}");
            assert!((scale.place(ticks[ticks.len() - 1]) - 1.0).abs() < 1e-9, "{largest}");
        }
        assert_eq!(Scale::log(3.0, 4000.0).place(0.0), 0.0);
    }
}
