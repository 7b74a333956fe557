/// The weights of a layer in the order in which a kernel reads them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) enum Values {
    /// All are this one. Kernels then read no weights at all, which matters where these would have to
    /// come from memory.
    Equal(f32),
    /// One for each connection.
    Each(Vec<f32>),
}

impl Values {
    /// Looks whether all are equal, to the bit.
    pub(in crate::cpu) fn new(values: Vec<f32>) -> Self {
        match values.first() {
            Some(&first) if values.iter().all(|value| value.to_bits() == first.to_bits()) => {
                Values::Equal(first)
            }
            _ => Values::Each(values),
        }
    }
}
