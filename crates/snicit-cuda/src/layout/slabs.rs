//! Connections by input neuron, slab by slab of outputs: BF-2019 and SNIG-2020.

use snicit::Layer;

use super::Blob;

/// How outputs are cut into slabs and sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlabShape {
    /// Outputs that fit a block's shared memory; a whole number of sections.
    max_slab: usize,
    /// Neurons with one flag (SNIG-2020).
    pub(crate) section: usize,
}

impl SlabShape {
    const SECTION: usize = 1024;

    /// Slabs of at most `max_slab` outputs.
    ///
    /// # Panics
    /// If that is 0.
    pub(crate) fn new(max_slab: usize) -> Self {
        assert!(max_slab > 0, "a slab has outputs");
        // Outputs are counted from the slab's first in 16 bits.
        let max_slab = max_slab.min(1 << 16);
        let section = max_slab.min(Self::SECTION);
        SlabShape { max_slab: max_slab / section * section, section }
    }

    /// Outputs of a slab when there are `outputs`: slabs of about equal size.
    fn slab_for(self, outputs: usize) -> usize {
        let slabs = outputs.div_ceil(self.max_slab).max(1);
        outputs.div_ceil(slabs).max(1).next_multiple_of(self.section).min(self.max_slab)
    }

    /// Shared memory that a slab of `outputs` takes, in bytes.
    pub(crate) fn shared_memory(outputs: usize) -> usize {
        outputs.next_multiple_of(SWIZZLED_GROUP) * size_of::<f32>()
    }

    /// Outputs of a slab that fit into so many bytes of shared memory.
    pub(crate) fn fitting(bytes: usize) -> usize {
        bytes / size_of::<f32>() / SWIZZLED_GROUP * SWIZZLED_GROUP
    }

    /// Sections that `neurons` need.
    pub(crate) fn sections(self, neurons: usize) -> usize {
        neurons.div_ceil(self.section)
    }
}

/// Outputs that are swizzled among themselves: as many as shared memory has banks.
const SWIZZLED_GROUP: usize = 32;

/// Where the sum of an output is in its slab; `swizzled` of the kernel says why.
fn swizzled(output: usize) -> usize {
    output ^ ((output >> 5 ^ output >> 10) % SWIZZLED_GROUP)
}

/// Where the parts of the form lie, in bytes from its beginning.
///
/// For slab `s` and input `i`, `offsets[s·(inputs + 1) + i]` is the first connection; its output, counted
/// from the slab's first and swizzled, and its weight follow in two arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlabsForm {
    pub(crate) offsets: u64,
    pub(crate) outputs: u64,
    pub(crate) weights: u64,
    pub(crate) bias: u64,
    pub(crate) slab: usize,
    pub(crate) slabs: usize,
    /// Lanes that should share the connections of an input: 4 to 32.
    pub(crate) lanes: u32,
}

impl SlabsForm {
    /// Brings a layer of less than 2³² connections into the form.
    pub(crate) fn build(layer: &Layer, shape: SlabShape) -> (Self, Vec<u8>) {
        let weights = layer.weights();
        let (inputs, neurons) = (layer.inputs(), layer.outputs());
        let slab = shape.slab_for(neurons);
        let slabs = neurons.div_ceil(slab).max(1);
        let place =
            |c: &snicit::Connection| (c.output as usize / slab) * (inputs + 1) + c.input as usize;
        // Counting sort by slab and input; outputs stay ascending.
        let mut offsets = vec![0_u32; slabs * (inputs + 1) + 1];
        for connection in weights.iter() {
            offsets[place(&connection) + 1] += 1;
        }
        let used = offsets.iter().filter(|&&connections| connections > 0).count();
        for i in 1..offsets.len() {
            offsets[i] += offsets[i - 1];
        }
        let mut next = offsets.clone();
        let mut outputs = vec![0_u16; weights.connections()];
        let mut values = vec![0.0_f32; weights.connections()];
        for connection in weights.iter() {
            let next = &mut next[place(&connection)];
            outputs[*next as usize] = swizzled(connection.output as usize % slab) as u16;
            values[*next as usize] = connection.weight;
            *next += 1;
        }
        let mut blob = Blob::default();
        let form = SlabsForm {
            offsets: blob.push(&offsets),
            outputs: blob.push(&outputs),
            weights: blob.push(&values),
            bias: blob.push(&layer.bias().to_vec(neurons)),
            slab,
            slabs,
            lanes: lanes_for(weights.connections() as f64 / used.max(1) as f64),
        };
        (form, blob.into_bytes())
    }
}

/// Few connections would leave most lanes idle.
fn lanes_for(mean_connections: f64) -> u32 {
    match mean_connections {
        mean if mean > 16.0 => 32,
        mean if mean > 8.0 => 16,
        mean if mean > 4.0 => 8,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;

    #[test]
    fn slabs_are_even_and_made_of_sections() {
        let shape = SlabShape::new(28_000);
        assert_eq!((shape.section, shape.max_slab), (1024, 27 * 1024));
        assert_eq!(shape.slab_for(1), 1024);
        assert_eq!(shape.slab_for(65_536), 22 * 1024);
        assert_eq!(SlabShape::new(100).slab_for(250), 100);
        assert_eq!(SlabShape::new(1 << 20).slab_for(1 << 20), 1 << 16);
        assert_eq!(SlabShape::new(100).sections(101), 2);
    }

    #[test]
    fn outputs_a_power_of_two_apart_are_in_different_banks() {
        for stride in [1, 2, 32, 64, 256, 1024, 4096] {
            let mut banks: Vec<usize> = (0..16).map(|k| swizzled(k * stride + 7) % 32).collect();
            banks.sort_unstable();
            banks.dedup();
            assert_eq!(banks.len(), if stride == 4096 { 8 } else { 16 }, "{stride}");
        }
        let mut all: Vec<usize> = (0..4096).map(swizzled).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..4096));
    }

    #[test]
    fn connections_are_ordered_by_slab_then_input_then_output() {
        let pairs = [(0, 0), (1, 0), (1, 2), (0, 3), (1, 3)];
        let connections = pairs.iter().enumerate();
        let connections = connections
            .map(|(k, &(input, output))| Connection { input, output, weight: k as f32 })
            .collect();
        let weights = SparseWeights::from_connections(2, 4, connections).unwrap();
        let layer = Layer::new(weights, Bias::Uniform(-1.0), Activation::SDGC).unwrap();
        let (form, bytes) = SlabsForm::build(&layer, SlabShape::new(2));
        let words = |at: u64, count: usize| -> Vec<u32> {
            let bytes = bytes[at as usize..][..count * 4].chunks_exact(4);
            bytes.map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
        };
        assert_eq!((form.slab, form.slabs), (2, 2));
        // Slab 0: input 0 one connection, input 1 one; slab 1: input 0 one, input 1 two.
        assert_eq!(words(form.offsets, 6), [0, 1, 2, 2, 3, 5]);
        let values: Vec<f32> = words(form.weights, 5).into_iter().map(f32::from_bits).collect();
        assert_eq!(values, [0.0, 1.0, 3.0, 2.0, 4.0]);
        let outputs: Vec<u8> = bytes[form.outputs as usize..][..10].iter().step_by(2).copied().collect();
        assert_eq!(outputs, [0, 0, 1, 0, 1]);
    }
}
