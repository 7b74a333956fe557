//! Mini-blocks: sets of output neurons that read exactly the same input neurons (XY-2021).

use std::collections::HashMap;

use super::SparseWeights;

/// Output neurons with one common set of input neurons: a dense `inputs × outputs` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiniBlock {
    /// The output neurons, ascending, 0-based; never empty.
    pub outputs: Vec<u32>,
}

/// The partition of a layer's outputs into mini-blocks, ordered by their first output neuron.
///
/// Outputs without connections belong to no block. An output whose input set nobody shares is a block
/// of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MiniBlocks {
    /// The blocks.
    pub blocks: Vec<MiniBlock>,
    /// The outputs without connections, ascending, 0-based.
    pub unconnected: Vec<u32>,
}

impl MiniBlocks {
    /// Groups the outputs of `weights` by their input sets. Takes time linear in the connections.
    pub fn find(weights: &SparseWeights) -> Self {
        let mut block_of_inputs: HashMap<&[u32], usize> = HashMap::new();
        let mut found = MiniBlocks::default();
        let blocks = &mut found.blocks;
        for output in 0..weights.outputs() {
            let (inputs, _) = weights.row(output);
            if inputs.is_empty() {
                found.unconnected.push(output as u32);
                continue;
            }
            let block = *block_of_inputs.entry(inputs).or_insert_with(|| {
                blocks.push(MiniBlock { outputs: Vec::new() });
                blocks.len() - 1
            });
            blocks[block].outputs.push(output as u32);
        }
        found
    }

    /// Outputs that share their input set with at least one other output.
    pub fn shared_outputs(&self) -> usize {
        self.blocks.iter().map(|block| block.outputs.len()).filter(|&outputs| outputs > 1).sum()
    }

    /// Whether no two outputs have the same input set.
    pub fn none_shared(&self) -> bool {
        self.shared_outputs() == 0
    }

    /// Outputs a block has on average; 0 when there are no blocks.
    pub fn mean_outputs(&self) -> f64 {
        let outputs: usize = self.blocks.iter().map(|block| block.outputs.len()).sum();
        if self.blocks.is_empty() { 0.0 } else { outputs as f64 / self.blocks.len() as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;

    fn weights(pairs: &[(u32, u32)]) -> SparseWeights {
        let connections =
            pairs.iter().map(|&(input, output)| Connection { input, output, weight: 1.0 }).collect();
        SparseWeights::from_connections(4, 4, connections).unwrap()
    }

    #[test]
    fn equal_input_sets_form_a_block() {
        // Outputs 0 and 3 read {0, 2}; output 1 reads {0}; output 2 reads nothing.
        let blocks = MiniBlocks::find(&weights(&[(0, 0), (2, 0), (0, 1), (0, 3), (2, 3)]));
        let expected = vec![MiniBlock { outputs: vec![0, 3] }, MiniBlock { outputs: vec![1] }];
        assert_eq!(blocks.blocks, expected);
        assert_eq!(blocks.unconnected, [2]);
        assert_eq!(blocks.shared_outputs(), 2);
        assert_eq!(blocks.mean_outputs(), 1.5);
    }

    #[test]
    fn different_input_sets_share_nothing() {
        let blocks = MiniBlocks::find(&weights(&[(0, 0), (1, 0), (0, 1), (2, 1)]));
        assert!(blocks.none_shared());
        assert!(MiniBlocks::find(&weights(&[])).none_shared());
    }
}
