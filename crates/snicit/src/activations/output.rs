use super::Activations;
use crate::Categories;

/// The activations of one input after some layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Which input, 0-based.
    pub input: u32,
    /// One value a neuron.
    pub values: Box<[f32]>,
}

/// The activations after the last layer; only columns that may be non-zero are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    inputs: usize,
    neurons: usize,
    columns: Vec<Column>,
}

impl Output {
    /// `columns` of `neurons` values each, ascending by input; all other of the `inputs` are zero.
    ///
    /// # Panics
    /// If the columns are not ascending, not of that length, or of an input beyond `inputs`.
    pub fn new(inputs: usize, neurons: usize, columns: Vec<Column>) -> Self {
        assert!(columns.is_sorted_by(|a, b| a.input < b.input), "columns ascend by input");
        assert!(columns.iter().all(|column| column.values.len() == neurons), "{neurons} values each");
        assert!(columns.last().is_none_or(|column| (column.input as usize) < inputs), "of {inputs}");
        Output { inputs, neurons, columns }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Neurons of the last layer.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// The stored columns, ascending by input; an input without one has an all-zero column.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The inputs whose column has a non-zero entry.
    pub fn categories(&self) -> Categories {
        let live = self.columns.iter().filter(|column| column.values.iter().any(|&y| y != 0.0));
        Categories::from_ascending(live.map(|column| column.input + 1).collect())
    }

    /// All columns, also the zero ones.
    pub fn to_activations(&self) -> Activations {
        let mut activations = Activations::zeros(self.inputs, self.neurons);
        for column in &self.columns {
            activations.column_mut(column.input as usize).copy_from_slice(&column.values);
        }
        activations
    }

    /// Appends the output of the inputs that follow.
    ///
    /// # Panics
    /// If the number of neurons differs.
    pub fn append(&mut self, next: Output) {
        assert_eq!(self.neurons, next.neurons, "outputs of one network");
        let before = self.inputs as u32;
        self.inputs += next.inputs;
        let shifted = next.columns.into_iter().map(|mut column| {
            column.input += before;
            column
        });
        self.columns.extend(shifted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(input: u32, values: &[f32]) -> Column {
        Column { input, values: values.into() }
    }

    #[test]
    fn zero_columns_are_no_category() {
        let columns = vec![column(0, &[0.0, 1.0]), column(2, &[0.0, 0.0]), column(3, &[-1.0, 0.0])];
        let mut output = Output::new(5, 2, columns);
        assert_eq!(output.categories().indices(), &[1, 4]);
        output.append(Output::new(1, 2, vec![column(0, &[2.0, 0.0])]));
        assert_eq!(output.categories().indices(), &[1, 4, 6]);
        assert_eq!(output.to_activations().column(5), &[2.0, 0.0]);
    }
}
