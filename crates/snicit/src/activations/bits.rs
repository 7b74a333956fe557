use super::Activations;
use crate::Error;

/// Binary activations, one bit a feature; each input starts at a new 64-bit word.
///
/// Feature `f` is bit `f % 64` of word `f / 64` of its input. Bits beyond the last feature are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitActivations {
    inputs: usize,
    features: usize,
    words: Vec<u64>,
}

impl BitActivations {
    /// `inputs × features` zeros.
    pub fn zeros(inputs: usize, features: usize) -> Self {
        BitActivations { inputs, features, words: vec![0; inputs * features.div_ceil(64)] }
    }

    /// Takes the words of all inputs, input by input; see the type's documentation.
    ///
    /// # Errors
    /// If their number is not `inputs · ⌈features / 64⌉`, or a bit beyond the last feature is 1.
    pub fn from_words(inputs: usize, features: usize, words: Vec<u64>) -> Result<Self, Error> {
        let bits = BitActivations { inputs, features, words };
        let expected = inputs.saturating_mul(bits.words_per_input());
        if bits.words.len() != expected {
            return Err(Error::BitWords { inputs, features, expected, found: bits.words.len() });
        }
        if !features.is_multiple_of(64) {
            let beyond = u64::MAX << (features % 64);
            let stray = |words: &[u64]| words.last().is_some_and(|last| last & beyond != 0);
            if let Some(i) = bits.words.chunks(bits.words_per_input()).position(stray) {
                return Err(Error::BitBeyondFeatures { input: i + 1, features });
            }
        }
        Ok(bits)
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Features of an input.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Appends inputs without any set feature until there are `inputs`.
    pub fn grow(&mut self, inputs: usize) {
        if inputs > self.inputs {
            self.inputs = inputs;
            self.words.resize(inputs * self.words_per_input(), 0);
        }
    }

    /// Sets feature `feature` of input `input` (0-based) to 1 and says whether it was 0 before.
    ///
    /// # Panics
    /// If either index is out of range.
    pub fn set(&mut self, input: usize, feature: usize) -> bool {
        assert!(feature < self.features, "feature {feature} of {}", self.features);
        let word = input * self.words_per_input() + feature / 64;
        let bit = 1 << (feature % 64);
        let before = self.words[word];
        self.words[word] |= bit;
        before & bit == 0
    }

    /// Whether feature `feature` of input `input` is 1.
    ///
    /// # Panics
    /// If either index is out of range.
    pub fn get(&self, input: usize, feature: usize) -> bool {
        assert!(feature < self.features, "feature {feature} of {}", self.features);
        self.words_of(input)[feature / 64] >> (feature % 64) & 1 == 1
    }

    /// The words of input `input`.
    pub fn words_of(&self, input: usize) -> &[u64] {
        let words = self.words_per_input();
        &self.words[input * words..][..words]
    }

    /// The features of input `input` that are 1, ascending.
    pub fn ones_of(&self, input: usize) -> impl Iterator<Item = usize> + '_ {
        self.words_of(input).iter().enumerate().flat_map(|(w, &word)| {
            let rest = std::iter::successors((word != 0).then_some(word), |rest| {
                let rest = rest & (rest - 1);
                (rest != 0).then_some(rest)
            });
            rest.map(move |rest| w * 64 + rest.trailing_zeros() as usize)
        })
    }

    /// Number of ones of all inputs together.
    pub fn count_ones(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The same activations as float32.
    pub fn to_activations(&self) -> Activations {
        let mut activations = Activations::zeros(self.inputs, self.features);
        for input in 0..self.inputs {
            let column = activations.column_mut(input);
            for feature in self.ones_of(input) {
                column[feature] = 1.0;
            }
        }
        activations
    }

    fn words_per_input(&self) -> usize {
        self.features.div_ceil(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_they_were_set() {
        let mut bits = BitActivations::zeros(2, 130);
        for feature in [0, 63, 64, 129] {
            assert!(bits.set(1, feature));
        }
        assert!(!bits.set(1, 64), "already set");
        assert_eq!(bits.ones_of(1).collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!(bits.ones_of(0).count(), 0);
        assert_eq!(bits.count_ones(), 4);
        assert!(bits.get(1, 129) && !bits.get(1, 128));
        bits.grow(5);
        assert_eq!((bits.inputs(), bits.count_ones()), (5, 4));
        let values = bits.to_activations();
        assert_eq!(values.column(1).iter().sum::<f32>(), 4.0);
        assert_eq!(values.column(1)[63], 1.0);
    }

    #[test]
    fn words_are_taken_as_they_are() {
        let words = vec![1, 1 << 5, 0, 0];
        let bits = BitActivations::from_words(2, 70, words).unwrap();
        assert_eq!(bits.ones_of(0).collect::<Vec<_>>(), [0, 69]);
        assert_eq!(bits.ones_of(1).count(), 0);
        let refuse =
            |features, words| BitActivations::from_words(2, features, words).unwrap_err().to_string();
        assert_eq!(refuse(70, vec![0; 3]), "2 inputs of 70 features need 4 words of 64 bits, found 3");
        assert_eq!(refuse(70, vec![0, 0, 0, 1 << 6]), "input 2 has a bit beyond its 70 features");
        assert!(BitActivations::from_words(2, 64, vec![u64::MAX; 2]).is_ok());
        assert!(BitActivations::from_words(0, 70, vec![]).is_ok());
        assert!(BitActivations::from_words(5, 0, vec![]).is_ok());
    }

    #[test]
    #[should_panic = "feature 130 of 130"]
    fn a_feature_out_of_range_panics() {
        BitActivations::zeros(1, 130).set(0, 130);
    }
}
