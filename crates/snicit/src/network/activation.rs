use crate::Error;

/// The activation function σ of a layer, applied to every neuron alike.
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
