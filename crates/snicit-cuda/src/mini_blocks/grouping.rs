//! Which neurons of a layer make up a group.

use std::collections::HashMap;

use snicit::Layer;
use snicit::network::MiniBlocks;

/// Neurons of a group; GROUP of the kernels.
pub(crate) const GROUP: usize = 16;

/// No neuron, or no place; NONE of the kernels.
pub(crate) const NONE: u32 = u32::MAX;

/// The neurons of a layer, sixteen by sixteen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grouping {
    /// The neurons of each group; groups may have fewer than [`GROUP`], never none.
    pub(crate) groups: Vec<Vec<u32>>,
    /// Of each neuron: `group * GROUP + place`, or [`NONE`] if it is in no group.
    pub(crate) places: Vec<u32>,
}

impl Grouping {
    fn new(neurons: usize, groups: Vec<Vec<u32>>) -> Self {
        let mut places = vec![NONE; neurons];
        for (group, members) in groups.iter().enumerate() {
            for (place, &neuron) in members.iter().enumerate() {
                places[neuron as usize] = (group * GROUP + place) as u32;
            }
        }
        Grouping { groups, places }
    }

    /// The outputs of a layer: those with the same inputs together. Outputs without inputs are in no
    /// group; in a layer that preserves zero they stay zero.
    pub(crate) fn of_outputs(layer: &Layer) -> Self {
        let blocks = MiniBlocks::find(layer.weights()).blocks;
        let groups = blocks.iter().flat_map(|block| block.outputs.chunks(GROUP).map(<[u32]>::to_vec));
        Self::new(layer.outputs(), groups.collect())
    }

    /// The inputs of a layer whose outputs are grouped as `outputs` says: those that are read by the same
    /// groups together. Inputs that nobody reads are in no group.
    pub(crate) fn of_inputs(layer: &Layer, outputs: &Grouping) -> Self {
        // Which groups read an input, as a number that grows with each of them.
        let mut readers = vec![None; layer.inputs()];
        let mut known: HashMap<(Option<u32>, usize), u32> = HashMap::new();
        for (group, members) in outputs.groups.iter().enumerate() {
            for &input in layer.weights().row(members[0] as usize).0 {
                let next = known.len() as u32;
                let readers = &mut readers[input as usize];
                *readers = Some(*known.entry((*readers, group)).or_insert(next));
            }
        }
        let mut classes: Vec<Vec<u32>> = Vec::new();
        let mut class_of: HashMap<u32, usize> = HashMap::new();
        for (input, readers) in readers.into_iter().enumerate() {
            let Some(readers) = readers else { continue };
            let class = *class_of.entry(readers).or_insert_with(|| {
                classes.push(Vec::new());
                classes.len() - 1
            });
            classes[class].push(input as u32);
        }
        // Where few inputs have the same readers, groups of neighbours are as good and fewer.
        let by_readers = classes.iter().map(|class| class.len().div_ceil(GROUP)).sum::<usize>();
        let used: usize = classes.iter().map(Vec::len).sum();
        let groups = if by_readers > 2 * used.div_ceil(GROUP) {
            let mut inputs: Vec<u32> = classes.into_iter().flatten().collect();
            inputs.sort_unstable();
            inputs.chunks(GROUP).map(<[u32]>::to_vec).collect()
        } else {
            classes.iter().flat_map(|class| class.chunks(GROUP).map(<[u32]>::to_vec)).collect()
        };
        Self::new(layer.inputs(), groups)
    }

    /// The neurons, [`GROUP`] for each group, [`NONE`] where it has fewer.
    pub(crate) fn padded(&self) -> Vec<u32> {
        let mut padded = Vec::with_capacity(self.groups.len() * GROUP);
        for group in &self.groups {
            padded.extend_from_slice(group);
            padded.resize(padded.len().next_multiple_of(GROUP), NONE);
        }
        padded
    }
}

#[cfg(test)]
mod tests {
    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;

    fn layer(inputs: usize, outputs: usize, pairs: impl Iterator<Item = (u32, u32)>) -> Layer {
        let connections = pairs.map(|(input, output)| Connection { input, output, weight: 1.0 });
        let weights = SparseWeights::from_connections(inputs, outputs, connections.collect()).unwrap();
        Layer::new(weights, Bias::Uniform(-0.5), Activation::SDGC).unwrap()
    }

    #[test]
    fn outputs_with_the_same_inputs_are_grouped() {
        // 18 outputs read inputs 0 and 2, one reads input 1, one reads nothing.
        let pairs = (0..18).flat_map(|output| [(0, output), (2, output)]).chain([(1, 18)]);
        let layer = layer(4, 20, pairs);
        let outputs = Grouping::of_outputs(&layer);
        let sizes: Vec<usize> = outputs.groups.iter().map(Vec::len).collect();
        assert_eq!(sizes, [16, 2, 1]);
        assert_eq!(outputs.places[17], 17);
        assert_eq!(outputs.places[18], 32);
        assert_eq!(outputs.places[19], NONE);
        assert_eq!(outputs.padded()[16..19], [16, 17, NONE]);

        let inputs = Grouping::of_inputs(&layer, &outputs);
        assert_eq!(inputs.groups, [vec![0, 2], vec![1]]);
        assert_eq!(inputs.places, [0, 16, 1, NONE]);
    }

    #[test]
    fn inputs_without_common_readers_are_taken_as_they_come() {
        // A band: no two inputs have the same readers.
        let pairs = (0..64_u32).flat_map(|output| (0..3).map(move |k| (output + k, output)));
        let layer = layer(66, 64, pairs);
        let outputs = Grouping::of_outputs(&layer);
        let inputs = Grouping::of_inputs(&layer, &outputs);
        assert_eq!(inputs.groups.len(), 5);
        assert_eq!(inputs.groups[0], (0..16).collect::<Vec<u32>>());
    }
}
