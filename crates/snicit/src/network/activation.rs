use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The activation function σ of a layer, applied to every neuron alike.
///
/// In files and on the command line it is `identity`, `relu`, or `relu:MAX` for a ReLU that is clipped:
///
/// ```
/// use snicit::Activation;
///
/// assert_eq!("relu:32".parse::<Activation>()?, Activation::SDGC);
/// assert_eq!(Activation::Relu { max: Some(0.5) }.to_string(), "relu:0.5");
/// # Ok::<(), snicit::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// `min(max(x, 0), max)`; without an upper bound the plain `max(x, 0)`.
    Relu {
        /// The upper bound, above 0.
        max: Option<f32>,
    },
    /// `x`.
    Identity,
}

impl Activation {
    /// The Sparse DNN Graph Challenge's `min(max(x, 0), 32)`.
    pub const SDGC: Activation = Activation::Relu { max: Some(32.0) };

    /// Every activation so far is a clamp; this is its interval (the ends may be infinite).
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Activation::Relu { max } => (0.0, max.unwrap_or(f32::INFINITY)),
            Activation::Identity => (f32::NEG_INFINITY, f32::INFINITY),
        }
    }

    /// `σ(x)`.
    pub fn apply(self, x: f32) -> f32 {
        let (low, high) = self.bounds();
        x.max(low).min(high)
    }

    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            // Also refuses NaN.
            Activation::Relu { max: Some(max) } if max.is_nan() || max <= 0.0 => {
                Err(Error::ActivationBound(max))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activation::Relu { max: Some(max) } if max.is_finite() => write!(f, "relu:{max}"),
            Activation::Relu { .. } => f.write_str("relu"),
            Activation::Identity => f.write_str("identity"),
        }
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bound = |number: &str| number.parse().ok().filter(|max: &f32| max.is_finite() && *max > 0.0);
        let clipped = |number| bound(number).map(|max| Activation::Relu { max: Some(max) });
        let activation = match text {
            "identity" => Some(Activation::Identity),
            "relu" => Some(Activation::Relu { max: None }),
            other => other.strip_prefix("relu:").and_then(clipped),
        };
        activation.ok_or_else(|| Error::InvalidOption {
            option: "the activation",
            expected: "identity, relu, or relu:MAX with a number above 0",
            found: format!("{text:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_read_back() {
        let relu = |max| Activation::Relu { max };
        for activation in
            [Activation::Identity, relu(None), relu(Some(1.0)), relu(Some(0.1)), relu(Some(3e-9))]
        {
            assert_eq!(activation.to_string().parse::<Activation>().unwrap(), activation);
        }
        assert_eq!(relu(Some(f32::INFINITY)).to_string(), "relu");
    }

    #[test]
    fn other_names_are_refused() {
        for text in ["", "ReLU", "tanh", "relu:", "relu:0", "relu:-1", "relu:nan", "relu:inf", "relu:1x"]
        {
            let error = text.parse::<Activation>().unwrap_err().to_string();
            let expected = "expected identity, relu, or relu:MAX with a number above 0";
            assert_eq!(error, format!("the activation is {text:?}, {expected}"));
        }
    }
}
