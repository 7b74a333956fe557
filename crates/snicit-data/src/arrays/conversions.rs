//! Between arrays and what networks work on.

use snicit::{Activations, BitActivations, Inputs};

use super::element::Element;
use super::values::with_vector;
use super::{Array, Values, shown_shape};
use crate::{DataError, Rounded};

impl Array {
    /// The elements as float32, in C order; integers and float64 that are no float32 are rounded.
    ///
    /// # Errors
    /// The first element that is not finite, or too large for a float32.
    pub fn to_f32(&self) -> Result<Rounded<Vec<f32>>, DataError> {
        let mut rounded = 0;
        let mut floats = Vec::with_capacity(self.len());
        with_vector!(&self.values, elements => {
            for element in elements {
                let (float, exact) = element.nearest_f32();
                if !float.is_finite() {
                    let what = format!("element {}", self.shown_index(floats.len()));
                    return Err(self.unexpected(what, element.to_string(), "a finite float32"));
                }
                rounded += u64::from(!exact);
                floats.push(float);
            }
        });
        Ok(Rounded { value: floats, rounded })
    }

    /// The elements as inputs: the first dimension counts inputs, all others together are features.
    ///
    /// `bool` becomes [`Inputs::Bits`], everything else [`Inputs::Values`] as [`to_f32`](Self::to_f32).
    ///
    /// # Errors
    /// If there are fewer than two dimensions; also those of `to_f32`.
    pub fn to_inputs(&self) -> Result<Rounded<Inputs>, DataError> {
        let [inputs, rest @ ..] = &self.shape[..] else {
            return Err(self.not_inputs());
        };
        if rest.is_empty() {
            return Err(self.not_inputs());
        }
        // Where there are inputs, the number of elements bounds that of features.
        let features = super::elements_of(rest).unwrap_or(0);
        if let Values::Bool(elements) = &self.values {
            return self.to_bits(*inputs, features, elements).map(|bits| Rounded::exact(bits.into()));
        }
        let activations = |values| Activations::new(*inputs, features, values);
        Ok(self.to_f32()?.try_map(activations)?.map(Inputs::Values))
    }

    fn to_bits(
        &self,
        inputs: usize,
        features: usize,
        elements: &[bool],
    ) -> Result<BitActivations, DataError> {
        let mut words = Vec::new();
        if features > 0 {
            for input in elements.chunks(features) {
                words.extend(
                    input.chunks(64).map(|bits| {
                        bits.iter().rev().fold(0_u64, |word, &bit| word << 1 | u64::from(bit))
                    }),
                );
            }
        }
        Ok(BitActivations::from_words(inputs, features, words)?)
    }

    fn not_inputs(&self) -> DataError {
        self.unexpected(
            "the shape",
            shown_shape(&self.shape),
            "inputs × features, two dimensions or more",
        )
    }

    /// The elements as labels, one an input: integers from 0 in one dimension (or `n × 1`).
    ///
    /// # Errors
    /// If the shape is another, elements are no integers, or one is below 0 or above 2³² − 1.
    pub fn to_labels(&self) -> Result<Vec<u32>, DataError> {
        if !matches!(self.shape[..], [_] | [_, 1]) {
            return Err(self.unexpected(
                "the shape",
                shown_shape(&self.shape),
                "one dimension (labels)",
            ));
        }
        let label = |index| {
            let integer = self.values.integer(index).ok_or_else(|| {
                let found = self.values.type_name();
                self.unexpected("the type of the elements", found, "integers (labels)")
            })?;
            u32::try_from(integer).map_err(|_| {
                let what = format!("element {}", self.shown_index(index));
                self.unexpected(what, integer.to_string(), format!("a label, 0 to {}", u32::MAX))
            })
        };
        (0..self.len()).map(label).collect()
    }

    /// The elements as integers of at least 0, in C order.
    ///
    /// # Errors
    /// If they are no integers, or the first one that is negative or too large.
    pub(crate) fn to_indices(&self) -> Result<Vec<usize>, DataError> {
        let negative = |at: usize| {
            let what = format!("element {}", self.shown_index(at));
            let found = self.values.integer(at).unwrap_or_default().to_string();
            self.unexpected(what, found, "an index, at least 0")
        };
        macro_rules! convert {
            ($vector:expr) => {
                $vector
                    .iter()
                    .enumerate()
                    .map(|(at, &index)| usize::try_from(index).map_err(|_| negative(at)))
                    .collect()
            };
        }
        match &self.values {
            Values::I32(vector) => convert!(vector),
            Values::I64(vector) => convert!(vector),
            Values::U32(vector) => convert!(vector),
            Values::U64(vector) => convert!(vector),
            Values::I8(vector) => convert!(vector),
            Values::I16(vector) => convert!(vector),
            Values::U8(vector) => convert!(vector),
            Values::U16(vector) => convert!(vector),
            other => {
                let found = other.type_name();
                Err(self.unexpected("the type of the elements", found, "integers (indices)"))
            }
        }
    }

    /// The index of the element that is number `flat` in C order, as Python writes it.
    fn shown_index(&self, flat: usize) -> String {
        let mut rest = flat;
        let mut indices: Vec<String> = Vec::new();
        for &length in self.shape.iter().rev() {
            indices.push((rest % length.max(1)).to_string());
            rest /= length.max(1);
        }
        indices.reverse();
        format!("[{}]", indices.join(", "))
    }
}

/// Inputs × features: `bool` for bits, else `float32`.
impl From<&Inputs> for Array {
    fn from(inputs: &Inputs) -> Self {
        let shape = vec![inputs.len(), inputs.features()];
        let values = match inputs {
            Inputs::Bits(bits) => {
                let mut elements = vec![false; bits.inputs() * bits.features()];
                for input in 0..bits.inputs() {
                    for feature in bits.ones_of(input) {
                        elements[input * bits.features() + feature] = true;
                    }
                }
                Values::Bool(elements)
            }
            Inputs::Values(values) => Values::F32(values.values().to_vec()),
        };
        Array { shape, values, place: "the inputs".to_owned() }
    }
}

/// Inputs × features.
impl From<&Activations> for Array {
    fn from(activations: &Activations) -> Self {
        let shape = vec![activations.inputs(), activations.features()];
        let values = Values::F32(activations.values().to_vec());
        Array { shape, values, place: "the activations".to_owned() }
    }
}

/// One dimension.
impl From<Vec<f32>> for Array {
    fn from(values: Vec<f32>) -> Self {
        Array { shape: vec![values.len()], values: Values::F32(values), place: "the array".to_owned() }
    }
}

/// One dimension: labels, indices.
impl From<Vec<u32>> for Array {
    fn from(values: Vec<u32>) -> Self {
        Array { shape: vec![values.len()], values: Values::U32(values), place: "the array".to_owned() }
    }
}
