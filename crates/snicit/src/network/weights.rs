/// A single connection of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connection {
    /// Input neuron, 0-based.
    pub input: u32,
    /// Output neuron, 0-based.
    pub output: u32,
    /// Weight; finite.
    pub weight: f32,
}

/// The sparse matrix `W` of a layer: `outputs × inputs`, compressed by output neuron.
///
/// A layer of three inputs and two outputs,
///
/// ```text
///              input 0   input 1   input 2
/// output 0        .        0.5      -1.0
/// output 1       2.0        .         .
/// ```
///
/// is stored as
///
/// ```text
/// row_offsets    0          2     3     connections of output j: row_offsets[j] .. row_offsets[j + 1]
/// input_indices  1    2     0           ascending within an output
/// values        0.5 -1.0   2.0
/// ```
///
/// A neuron may have any number of connections, also none. A stored weight may be 0.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseWeights {
    inputs: usize,
    row_offsets: Vec<usize>,
    input_indices: Vec<u32>,
    values: Vec<f32>,
}

/// Why a matrix of weights was refused. Neurons are 1-based in the messages.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidWeights {
    /// More neurons than an index can address.
    #[error("{0} neurons are more than the supported {max}", max = u32::MAX)]
    TooWide(usize),
    /// The three arrays do not belong together.
    #[error("the row offsets do not describe {connections} connections: {found}")]
    Offsets {
        /// Length of the index and value arrays.
        connections: usize,
        /// What is wrong with the offsets.
        found: String,
    },
    /// An input neuron that does not exist.
    #[error("output neuron {output} is connected to input neuron {input} of {inputs}")]
    InputOutOfRange {
        /// Output neuron, 1-based.
        output: usize,
        /// Input neuron, 1-based.
        input: usize,
        /// Input neurons of the layer.
        inputs: usize,
    },
    /// An output neuron that does not exist.
    #[error("input neuron {input} is connected to output neuron {output} of {outputs}")]
    OutputOutOfRange {
        /// Input neuron, 1-based.
        input: usize,
        /// Output neuron, 1-based.
        output: usize,
        /// Output neurons of the layer.
        outputs: usize,
    },
    /// The input neurons of an output are not in ascending order.
    #[error("the input neurons of output neuron {output} are not ascending: {input} follows {before}")]
    NotAscending {
        /// Output neuron, 1-based.
        output: usize,
        /// Input neuron, 1-based.
        input: usize,
        /// The input neuron stored before it, 1-based.
        before: usize,
    },
    /// The same pair of neurons is connected twice.
    #[error("the connection from input neuron {input} to output neuron {output} is given twice")]
    Duplicate {
        /// Input neuron, 1-based.
        input: usize,
        /// Output neuron, 1-based.
        output: usize,
    },
    /// A weight is NaN or infinite.
    #[error(
        "the weight from input neuron {input} to output neuron {output} is {value}, expected a finite number"
    )]
    NotFinite {
        /// Input neuron, 1-based.
        input: usize,
        /// Output neuron, 1-based.
        output: usize,
        /// The value found.
        value: f32,
    },
}

impl SparseWeights {
    /// Takes a matrix compressed by output neuron; see the type's documentation for the arrays.
    ///
    /// `row_offsets` has one entry more than there are output neurons.
    ///
    /// # Errors
    /// The first violation found, with its neurons.
    pub fn from_rows(
        inputs: usize,
        row_offsets: Vec<usize>,
        input_indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, InvalidWeights> {
        let connections = input_indices.len();
        let malformed = |found: String| InvalidWeights::Offsets { connections, found };
        check_width(inputs)?;
        check_width(row_offsets.len().saturating_sub(1))?;
        if values.len() != connections {
            return Err(malformed(format!("there are {} values", values.len())));
        }
        if row_offsets.first() != Some(&0) || row_offsets.last() != Some(&connections) {
            return Err(malformed("they must begin with 0 and end with that number".to_owned()));
        }
        if let Some(j) = row_offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(malformed(format!("they descend after output neuron {}", j + 1)));
        }
        let weights = SparseWeights { inputs, row_offsets, input_indices, values };
        for output in 0..weights.outputs() {
            weights.validate_row(output)?;
        }
        Ok(weights)
    }

    /// Takes connections in any order. Fast when they are ordered by output, then input.
    ///
    /// # Errors
    /// The first violation found, with its neurons.
    pub fn from_connections(
        inputs: usize,
        outputs: usize,
        mut connections: Vec<Connection>,
    ) -> Result<Self, InvalidWeights> {
        check_width(inputs)?;
        check_width(outputs)?;
        let key = |c: &Connection| (c.output, c.input);
        if !connections.is_sorted_by_key(key) {
            connections.sort_unstable_by_key(key);
        }
        if let Some(c) = connections.last().filter(|c| c.output as usize >= outputs) {
            return Err(InvalidWeights::OutputOutOfRange {
                input: c.input as usize + 1,
                output: c.output as usize + 1,
                outputs,
            });
        }
        let mut row_offsets = vec![0; outputs + 1];
        for c in &connections {
            row_offsets[c.output as usize + 1] += 1;
        }
        for j in 0..outputs {
            row_offsets[j + 1] += row_offsets[j];
        }
        let input_indices = connections.iter().map(|c| c.input).collect();
        let values = connections.iter().map(|c| c.weight).collect();
        Self::from_rows(inputs, row_offsets, input_indices, values)
    }

    /// Input neurons (columns of `W`).
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output neurons (rows of `W`).
    pub fn outputs(&self) -> usize {
        self.row_offsets.len() - 1
    }

    /// Stored connections.
    pub fn connections(&self) -> usize {
        self.values.len()
    }

    /// The input neurons of `output`, ascending, and the weights of these connections.
    pub fn row(&self, output: usize) -> (&[u32], &[f32]) {
        let range = self.row_offsets[output]..self.row_offsets[output + 1];
        (&self.input_indices[range.clone()], &self.values[range])
    }

    /// All weights, ordered by output neuron, then input neuron.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All connections, ordered by output neuron, then input neuron.
    pub fn iter(&self) -> impl Iterator<Item = Connection> + '_ {
        (0..self.outputs()).flat_map(move |output| {
            let (inputs, weights) = self.row(output);
            inputs.iter().zip(weights).map(move |(&input, &weight)| Connection {
                input,
                output: output as u32,
                weight,
            })
        })
    }

    /// The one value that all weights have, if they are all equal.
    pub fn equal_weight(&self) -> Option<f32> {
        let first = *self.values.first()?;
        self.values.iter().all(|&value| value == first).then_some(first)
    }

    /// Stored connections over possible connections; 0 for an empty matrix.
    pub fn density(&self) -> f64 {
        let possible = self.inputs as f64 * self.outputs() as f64;
        if possible == 0.0 { 0.0 } else { self.connections() as f64 / possible }
    }

    fn validate_row(&self, output: usize) -> Result<(), InvalidWeights> {
        let (indices, values) = self.row(output);
        let one_based = output + 1;
        for (k, (&input, &value)) in indices.iter().zip(values).enumerate() {
            let input = input as usize + 1;
            if input > self.inputs {
                return Err(InvalidWeights::InputOutOfRange {
                    output: one_based,
                    input,
                    inputs: self.inputs,
                });
            }
            if k > 0 {
                let before = indices[k - 1] as usize + 1;
                if input == before {
                    return Err(InvalidWeights::Duplicate { input, output: one_based });
                }
                if input < before {
                    return Err(InvalidWeights::NotAscending { output: one_based, input, before });
                }
            }
            if !value.is_finite() {
                return Err(InvalidWeights::NotFinite { input, output: one_based, value });
            }
        }
        Ok(())
    }
}

/// Neuron indices are stored as `u32`.
fn check_width(neurons: usize) -> Result<(), InvalidWeights> {
    if neurons > u32::MAX as usize { Err(InvalidWeights::TooWide(neurons)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(input: u32, output: u32, weight: f32) -> Connection {
        Connection { input, output, weight }
    }

    #[test]
    fn connections_in_any_order_give_the_documented_arrays() {
        let connections = vec![connection(0, 1, 2.0), connection(2, 0, -1.0), connection(1, 0, 0.5)];
        let weights = SparseWeights::from_connections(3, 2, connections).unwrap();
        assert_eq!(weights.row_offsets, [0, 2, 3]);
        assert_eq!(weights.input_indices, [1, 2, 0]);
        assert_eq!(weights.values, [0.5, -1.0, 2.0]);
        assert_eq!(weights.iter().count(), 3);
        assert_eq!(weights.density(), 0.5);
        assert_eq!(weights.equal_weight(), None);
    }

    #[test]
    fn violations_are_named() {
        let refuse = |connections: Vec<Connection>| {
            SparseWeights::from_connections(3, 2, connections).unwrap_err().to_string()
        };
        assert_eq!(
            refuse(vec![connection(3, 1, 1.0)]),
            "output neuron 2 is connected to input neuron 4 of 3"
        );
        assert_eq!(
            refuse(vec![connection(0, 2, 1.0)]),
            "input neuron 1 is connected to output neuron 3 of 2"
        );
        assert_eq!(
            refuse(vec![connection(1, 1, 1.0), connection(0, 0, 1.0), connection(1, 1, 3.0)]),
            "the connection from input neuron 2 to output neuron 2 is given twice"
        );
        assert_eq!(
            refuse(vec![connection(2, 0, f32::NAN)]),
            "the weight from input neuron 3 to output neuron 1 is NaN, expected a finite number"
        );
    }

    #[test]
    fn malformed_rows_are_refused() {
        let rows = |offsets: &[usize], indices: &[u32]| {
            let values = vec![1.0; indices.len()];
            SparseWeights::from_rows(3, offsets.to_vec(), indices.to_vec(), values)
        };
        assert!(rows(&[0, 2, 3], &[0, 2, 1]).is_ok());
        assert!(matches!(rows(&[], &[]), Err(InvalidWeights::Offsets { .. })));
        assert!(matches!(rows(&[0, 2], &[0, 1, 2]), Err(InvalidWeights::Offsets { .. })));
        assert!(matches!(rows(&[0, 3, 2, 3], &[0, 1, 2]), Err(InvalidWeights::Offsets { .. })));
        assert!(matches!(rows(&[0, 2], &[1, 0]), Err(InvalidWeights::NotAscending { .. })));
        assert!(matches!(rows(&[0, 2], &[1, 1]), Err(InvalidWeights::Duplicate { .. })));
    }
}
