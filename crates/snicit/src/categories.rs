//! The Graph Challenge's answer: which inputs survive the network.

use std::fmt;

/// The 1-based indices of the inputs whose last column is not all zero, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Categories(Vec<u32>);

impl Categories {
    /// Takes indices in any order; repeated ones count once.
    pub fn new(mut indices: Vec<u32>) -> Self {
        indices.sort_unstable();
        indices.dedup();
        Categories(indices)
    }

    /// Takes indices known to be strictly ascending.
    pub(crate) fn from_ascending(indices: Vec<u32>) -> Self {
        debug_assert!(indices.is_sorted_by(|a, b| a < b));
        Categories(indices)
    }

    /// The 1-based indices, ascending.
    pub fn indices(&self) -> &[u32] {
        &self.0
    }

    /// Number of surviving inputs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no input survives.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares with the truth, input by input.
    ///
    /// # Errors
    /// The inputs in which the two differ.
    pub fn check(&self, truth: &Categories) -> Result<(), Mismatch> {
        let without = |a: &[u32], b: &[u32]| -> Vec<u32> {
            a.iter().copied().filter(|index| b.binary_search(index).is_err()).collect()
        };
        let missing = without(&truth.0, &self.0);
        let unexpected = without(&self.0, &truth.0);
        if missing.is_empty() && unexpected.is_empty() {
            Ok(())
        } else {
            Err(Mismatch { missing, unexpected })
        }
    }
}

/// Where an answer differs from the truth; input indices are 1-based and ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Inputs that should survive and do not.
    pub missing: Vec<u32>,
    /// Inputs that survive and should not.
    pub unexpected: Vec<u32>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = |n: usize| if n == 1 { "1 input".to_owned() } else { format!("{n} inputs") };
        let listed = |indices: &[u32]| {
            const SHOWN: usize = 5;
            let shown: Vec<String> = indices.iter().take(SHOWN).map(u32::to_string).collect();
            let more = if indices.len() > SHOWN { ", …" } else { "" };
            format!("{} ({}{more})", inputs(indices.len()), shown.join(", "))
        };
        match (self.missing.is_empty(), self.unexpected.is_empty()) {
            (true, true) => write!(f, "no difference"),
            (false, true) => write!(f, "missing: {}", listed(&self.missing)),
            (true, false) => write!(f, "unexpected: {}", listed(&self.unexpected)),
            (false, false) => {
                write!(f, "missing: {}; unexpected: {}", listed(&self.missing), listed(&self.unexpected))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_counts_are_not_enough() {
        let truth = Categories::new(vec![9, 3, 5, 3]);
        assert_eq!(truth.indices(), &[3, 5, 9]);
        assert!(truth.check(&truth).is_ok());
        let mismatch = Categories::new(vec![3, 6, 9]).check(&truth).unwrap_err();
        assert_eq!(mismatch.to_string(), "missing: 1 input (5); unexpected: 1 input (6)");
    }

    #[test]
    fn only_the_first_differences_are_listed() {
        let mismatch = Categories::new((1..=20).collect()).check(&Categories::default()).unwrap_err();
        assert_eq!(mismatch.to_string(), "unexpected: 20 inputs (1, 2, 3, 4, 5, …)");
    }
}
