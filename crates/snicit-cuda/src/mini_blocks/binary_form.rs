//! Where the words of binary inputs are, for a first layer that adds them up: `kernels/binary_sums.cu`.

use super::grouping::{GROUP, Grouping, NONE};
use super::panels::Panels;

/// Groups whose neurons of one number share a word.
const SPAN: usize = 32;

/// OCTET of the kernel.
const OCTET: usize = 8;

/// Spans of groups that a thread block has work for: its warps take one each.
const SPANS_OF_A_BLOCK: usize = 16;

/// Groups of inputs that lie side by side: neuron `k` of the groups of a span are the bits of one word, in their
/// order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BinaryForm {
    /// Of each span, the words with neurons 0, 1, … of its groups; [`NONE`] where they have fewer.
    pub(super) places: Vec<u32>,
}

impl BinaryForm {
    /// `None` if the groups do not lie so.
    pub(super) fn find(inputs: &Grouping) -> Option<Self> {
        let (spans, rest) = inputs.groups.as_chunks::<SPAN>();
        if spans.is_empty() || !rest.is_empty() {
            return None;
        }
        let mut places = Vec::with_capacity(spans.len() * GROUP);
        for span in spans {
            let words = words_of(span)?;
            places.extend_from_slice(&words);
        }
        Some(BinaryForm { places })
    }

    pub(super) fn spans(&self) -> usize {
        self.places.len() / GROUP
    }

    /// Octets of inputs that a thread block takes at a time.
    pub(super) fn octets(&self, panels: Panels) -> usize {
        (SPANS_OF_A_BLOCK / self.spans()).next_power_of_two().clamp(1, panels.width / OCTET)
    }

    /// Shared memory of a thread block, in bytes: a byte for each group and input, and the space between spans.
    pub(super) fn shared_memory(&self, octets: usize) -> usize {
        octets * OCTET * self.spans() * (SPAN + 1)
    }
}

/// The words of a span's neurons, if its groups lie side by side.
fn words_of(span: &[Vec<u32>; SPAN]) -> Option<[u32; GROUP]> {
    let mut words = [NONE; GROUP];
    for (k, word) in words.iter_mut().enumerate() {
        let Some(&first) = span[0].get(k) else { continue };
        *word = first / SPAN as u32;
        let mut places = span.iter().zip(first..);
        if !first.is_multiple_of(SPAN as u32) || !places.all(|(group, at)| group.get(k) == Some(&at)) {
            return None;
        }
    }
    span.iter().all(|group| group.len() == span[0].len()).then_some(words)
}

#[cfg(test)]
mod tests {
    use snicit_data::radixnet;

    use super::*;

    fn grouping(groups: Vec<Vec<u32>>) -> Grouping {
        Grouping { groups, places: Vec::new() }
    }

    fn side_by_side(first_of: impl Fn(u32) -> Vec<u32>) -> Vec<Vec<u32>> {
        (0..32).map(first_of).collect()
    }

    #[test]
    fn groups_of_a_graph_challenge_network_lie_side_by_side() {
        let network = radixnet::generate(1024, 1, -0.3, 1, &|_| ()).unwrap();
        let layer = &network.layers()[0];
        let inputs = Grouping::of_inputs(layer, &Grouping::of_outputs(layer));
        let form = BinaryForm::find(&inputs).unwrap();
        assert_eq!(form.spans(), 2);
        // Neuron k of group g is neuron g + 64 k.
        assert_eq!(form.places[..3], [0, 2, 4]);
        assert_eq!(form.places[16..19], [1, 3, 5]);
    }

    #[test]
    fn short_groups_and_strangers_are_told_apart() {
        let form = BinaryForm::find(&grouping(side_by_side(|g| vec![g, 64 + g]))).unwrap();
        assert_eq!(form.places[..3], [0, 2, NONE]);
        // The second neurons are one further, one group is shorter, the last group is missing.
        assert_eq!(BinaryForm::find(&grouping(side_by_side(|g| vec![g, 65 + g]))), None);
        let shorter = side_by_side(|g| if g == 9 { vec![g] } else { vec![g, 64 + g] });
        assert_eq!(BinaryForm::find(&grouping(shorter)), None);
        let longer = side_by_side(|g| if g == 9 { vec![g, 64 + g] } else { vec![g] });
        assert_eq!(BinaryForm::find(&grouping(longer)), None);
        assert_eq!(BinaryForm::find(&grouping(side_by_side(|g| vec![g])[..31].to_vec())), None);
    }
}
