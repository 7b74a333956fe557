//! What a classifier's outputs mean: the class of each input, and how many are right.

use crate::Output;

/// The index of the largest score, the first of several; 0 if there is none.
pub fn argmax(scores: &[f32]) -> u32 {
    let mut largest = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[largest] {
            largest = class;
        }
    }
    largest as u32
}

/// Scores as probabilities, `exp(x) / Σ exp(x)`, in place. Scores that are large are no trouble: only
/// differences to the largest matter.
pub fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// How many of `classes` are the labels at the same places.
///
/// # Panics
/// If there are not as many labels as classes.
pub fn right(classes: &[u32], labels: &[u32]) -> usize {
    assert_eq!(classes.len(), labels.len(), "a label an input");
    classes.iter().zip(labels).filter(|(class, label)| class == label).count()
}

impl Output {
    /// The class of each input: its neuron with the largest score, the first of several.
    pub fn classes(&self) -> Vec<u32> {
        // A column that is not stored is all zero.
        let mut classes = vec![0; self.inputs()];
        for column in self.columns() {
            classes[column.input as usize] = argmax(&column.values);
        }
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    #[test]
    fn the_first_of_the_largest_scores_is_the_class() {
        let column = |input, values: &[f32]| Column { input, values: values.into() };
        let columns = vec![column(1, &[-2.0, -1.0, -1.0]), column(2, &[0.0, 1.0, 2.0])];
        assert_eq!(Output::new(4, 3, columns).classes(), [0, 1, 2, 0]);
        assert_eq!(argmax(&[]), 0);
        assert_eq!(right(&[0, 1, 2, 0], &[0, 2, 2, 1]), 2);
    }

    #[test]
    fn softmax_is_a_distribution_whatever_the_scores() {
        let mut scores = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        softmax(&mut scores);
        for (found, expected) in scores.iter().zip([0.125, 0.25, 0.625]) {
            assert!((found - expected).abs() < 1e-6, "{scores:?}");
        }
        let mut scores = [1e30, -1e30, 1e30];
        softmax(&mut scores);
        assert_eq!(scores, [0.5, 0.0, 0.5]);
        softmax(&mut []);
    }
}
