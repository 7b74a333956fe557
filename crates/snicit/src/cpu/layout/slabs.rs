use std::ops::Range;

use super::Values;
use crate::SparseWeights;

/// Output neurons of a section, the unit in which the kernel says what is non-zero and by which slabs
/// are measured. Its rows of a tile take 32 KiB: they stay in the first-level cache while connections
/// are added up in them.
pub(in crate::cpu) const SECTION_NEURONS: usize = 512;

/// Connections that an input neuron should have in a slab on average, so that walking the active
/// inputs once for every slab costs little beside the connections themselves.
const CONNECTIONS_A_VISIT: usize = 8;

/// Sections of a layer with `neurons` outputs.
pub(in crate::cpu) fn sections_for(neurons: usize) -> usize {
    neurons.div_ceil(SECTION_NEURONS)
}

/// A layer's weights by input neuron, slab by slab: the layout of BF-2019 and SNIG-2020.
///
/// The output neurons are cut into slabs; within a slab the connections are compressed by input neuron,
/// so that a kernel can walk the non-zero activations and scatter. A slab is one section, or as many
/// sections as a sparse layer needs for [`CONNECTIONS_A_VISIT`].
#[derive(Debug)]
pub(in crate::cpu) struct Slabs {
    inputs: usize,
    outputs: usize,
    slab_outputs: usize,
    slabs: Vec<Slab>,
}

#[derive(Debug)]
pub(in crate::cpu) struct Slab {
    /// The output neurons of the slab.
    pub(in crate::cpu) outputs: Range<usize>,
    /// The connections of input neuron `i` are `offsets[i] .. offsets[i + 1]`.
    pub(in crate::cpu) offsets: Vec<usize>,
    /// Output neuron of each connection, counted from the slab's first; ascending for an input neuron.
    pub(in crate::cpu) targets: Vec<u16>,
    pub(in crate::cpu) values: Values,
}

impl Slabs {
    pub(in crate::cpu) fn new(weights: &SparseWeights) -> Self {
        let slab_outputs = slab_outputs(weights);
        let starts = (0..weights.outputs()).step_by(slab_outputs);
        let slabs = starts.map(|start| {
            let outputs = start..weights.outputs().min(start + slab_outputs);
            Slab::new(weights, outputs)
        });
        let (inputs, outputs) = (weights.inputs(), weights.outputs());
        Slabs { inputs, outputs, slab_outputs, slabs: slabs.collect() }
    }

    pub(in crate::cpu) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(in crate::cpu) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Outputs of a slab; the last may have fewer.
    pub(in crate::cpu) fn slab_outputs(&self) -> usize {
        self.slab_outputs
    }

    /// The slabs of `outputs`.
    ///
    /// # Panics
    /// If a slab lies across an end of them.
    pub(in crate::cpu) fn slabs_of(&self, outputs: &Range<usize>) -> &[Slab] {
        let slabs = outputs.start / self.slab_outputs..outputs.end.div_ceil(self.slab_outputs);
        let slabs = &self.slabs[slabs];
        let found = slabs.first().zip(slabs.last()).map(|(a, b)| a.outputs.start..b.outputs.end);
        assert!(outputs.is_empty() || found.as_ref() == Some(outputs), "whole slabs");
        slabs
    }
}

/// A whole number of sections whose neurons a `u16` can tell apart.
fn slab_outputs(weights: &SparseWeights) -> usize {
    let visits = weights.inputs().max(1) * CONNECTIONS_A_VISIT;
    let neurons = visits.saturating_mul(weights.outputs()) / weights.connections().max(1);
    let most = 1 << u16::BITS;
    (sections_for(neurons) * SECTION_NEURONS).clamp(SECTION_NEURONS, most)
}

impl Slab {
    fn new(weights: &SparseWeights, outputs: Range<usize>) -> Self {
        let mut offsets = vec![0; weights.inputs() + 1];
        for output in outputs.clone() {
            for &input in weights.row(output).0 {
                offsets[input as usize + 1] += 1;
            }
        }
        for input in 0..weights.inputs() {
            offsets[input + 1] += offsets[input];
        }
        let connections = offsets[weights.inputs()];
        let (mut targets, mut values) = (vec![0; connections], vec![0.0; connections]);
        let mut next = offsets.clone();
        for output in outputs.clone() {
            let (inputs, row) = weights.row(output);
            for (&input, &value) in inputs.iter().zip(row) {
                let at = &mut next[input as usize];
                targets[*at] = (output - outputs.start) as u16;
                values[*at] = value;
                *at += 1;
            }
        }
        Slab { outputs, offsets, targets, values: Values::new(values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;

    #[test]
    fn connections_are_found_by_slab_and_input() {
        let connection = |input, output, weight| Connection { input, output, weight };
        let mut connections = vec![
            connection(1, 0, 1.0),
            connection(0, 3, 2.0),
            connection(1, 3, 3.0),
            connection(1, 512, 4.0),
        ];
        // Enough connections that a slab is a single section.
        connections.extend((4..512).map(|output| connection(1, output, 0.5)));
        let slabs = Slabs::new(&SparseWeights::from_connections(2, 514, connections).unwrap());
        let [first, second] = slabs.slabs_of(&(0..514)) else { panic!("514 outputs make two slabs") };
        assert_eq!(first.offsets, [0, 1, 511]);
        assert_eq!(first.targets[..4], [3, 0, 3, 4]);
        let Values::Each(values) = &first.values else { panic!("the weights differ") };
        assert_eq!(values[..4], [2.0, 1.0, 3.0, 0.5]);
        assert_eq!(second.outputs, 512..514);
        assert_eq!(second.offsets, [0, 0, 1]);
        assert_eq!(second.targets, [0]);
        assert_eq!(second.values, Values::Equal(4.0));
    }

    #[test]
    fn sparse_layers_have_larger_slabs() {
        let slabs = |connections_a_neuron: u32| {
            let connections = (0..4096).flat_map(|output| {
                let inputs = (0..connections_a_neuron).map(move |k| (output + 7 * k) % 4096);
                inputs.map(move |input| Connection { input, output, weight: 1.0 })
            });
            let weights = SparseWeights::from_connections(4096, 4096, connections.collect());
            Slabs::new(&weights.unwrap()).slabs.len()
        };
        assert_eq!(slabs(64), 8);
        assert_eq!(slabs(32), 4);
        assert_eq!(slabs(1), 1);
    }
}
