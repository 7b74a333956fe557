//! How a library's product is asked for.

use crate::CudaError;
use crate::runtime::Pointer;

/// How the activations of a library lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The neurons of a column side by side.
    ByColumns,
    /// The columns of a neuron side by side.
    ByRows,
}

/// A way in which the library can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) order: Order,
    /// The library's number of the algorithm.
    pub(super) algorithm: i32,
    /// Its name, for people.
    pub(super) name: &'static str,
}

/// A network's products by one library.
pub(super) trait Product: Send + Sync {
    /// The ways to compute, to be compared.
    fn variants(&self) -> Vec<Variant>;

    /// Makes the product of `layer` (0-based) with `columns` columns at `from` ready, its result at `to`.
    fn plan(
        &self,
        variant: Variant,
        layer: usize,
        columns: usize,
        from: Pointer,
        to: Pointer,
    ) -> Result<Box<dyn Planned>, CudaError>;

    /// Where the biases of `layer` are.
    fn biases(&self, layer: usize) -> Pointer;
}

/// The product of a layer, ready to be sent to the stream of its network. It reads the weights of the
/// [`Product`] that it came from, which must outlive it.
pub(super) trait Planned: Send {
    fn enqueue(&self) -> Result<(), CudaError>;
}
