use crate::SparseWeights;
use crate::cpu::tile::{LANES, LaneRow};

/// A layer's weights with every possible connection, zeros where there is none: the layout of the dense
/// product.
///
/// Sixteen outputs are a panel. A row of a panel holds the weights of one input to these outputs: one
/// cache line, one AVX-512 register. Behind the last output, weights are zero.
///
/// A product with a zero weight changes no sum unless an activation has overflowed to infinity.
#[derive(Debug)]
pub(in crate::cpu) struct DenseWeights {
    inputs: usize,
    outputs: usize,
    rows: Vec<LaneRow>,
}

impl DenseWeights {
    pub(in crate::cpu) fn new(weights: &SparseWeights) -> Self {
        let (inputs, outputs) = (weights.inputs(), weights.outputs());
        let mut rows = vec![LaneRow::ZERO; panels_for(outputs) * inputs];
        for output in 0..outputs {
            let panel = &mut rows[output / LANES * inputs..][..inputs];
            let (connected, values) = weights.row(output);
            for (&input, &value) in connected.iter().zip(values) {
                panel[input as usize].0[output % LANES] = value;
            }
        }
        DenseWeights { inputs, outputs, rows }
    }

    pub(in crate::cpu) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(in crate::cpu) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The rows of a panel, one an input neuron.
    pub(in crate::cpu) fn panel(&self, panel: usize) -> &[LaneRow] {
        &self.rows[panel * self.inputs..][..self.inputs]
    }
}

/// Panels of a layer with `outputs` outputs.
pub(in crate::cpu) fn panels_for(outputs: usize) -> usize {
    outputs.div_ceil(LANES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;

    #[test]
    fn weights_lie_input_by_input_in_panels_of_sixteen_outputs() {
        let connection = |input, output, weight| Connection { input, output, weight };
        let connections = vec![connection(0, 0, 1.0), connection(2, 1, 2.0), connection(1, 17, 3.0)];
        let weights = SparseWeights::from_connections(3, 18, connections).unwrap();
        let dense = DenseWeights::new(&weights);
        assert_eq!((dense.inputs(), dense.outputs(), panels_for(18)), (3, 18, 2));
        let mut expected = [[LaneRow::ZERO; 3]; 2];
        expected[0][0].0[0] = 1.0;
        expected[0][2].0[1] = 2.0;
        expected[1][1].0[1] = 3.0;
        assert_eq!([dense.panel(0), dense.panel(1)], expected);
    }
}
