/// What was read, and how many of its numbers are not exactly those of the file.
///
/// Weights and activations are float32. Numbers of other types are often exactly such (integers up to 2²⁴,
/// float64 that once were float32); those that are not become the nearest float32 and are counted here, so
/// that whoever reads can say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded<T> {
    /// What was read.
    pub value: T,
    /// Numbers that are no float32 and were rounded.
    pub rounded: u64,
}

impl<T> Rounded<T> {
    /// Nothing was rounded.
    pub(crate) fn exact(value: T) -> Self {
        Rounded { value, rounded: 0 }
    }

    /// The same count beside something else.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Rounded<U> {
        Rounded { value: make(self.value), rounded: self.rounded }
    }

    /// As [`map`](Self::map), where making may fail.
    pub(crate) fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Rounded<U>, E> {
        Ok(Rounded { value: make(self.value)?, rounded: self.rounded })
    }

    /// One sentence if anything was rounded, without the name of the file.
    pub fn note(&self) -> Option<String> {
        match self.rounded {
            0 => None,
            1 => Some("1 number is no float32 and was rounded to the nearest".to_owned()),
            many => Some(format!("{many} numbers are no float32 and were rounded to the nearest")),
        }
    }
}
