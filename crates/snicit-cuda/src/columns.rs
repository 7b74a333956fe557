//! Where the columns of a batch are on their way through the layers.

use snicit::Column;

use crate::CudaError;
use crate::runtime::{DeviceBuffer, Pointer};

/// Columns of a panel; PANEL of the kernels.
pub(crate) const PANEL: usize = 64;

/// How activations lie; see `kernels/common.cuh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The inputs as they were uploaded, one bit a feature, input-major.
    Bits,
    /// Bits, neuron-major.
    BitRows,
    /// float32, input-major.
    InputMajor,
    /// float32, neuron-major, in panels of [`PANEL`] columns.
    NeuronMajor,
    /// float32 in chunks of sixteen neurons; see `kernels/chunks.cuh`.
    Chunks,
    /// float32, input-major, all columns of the batch, with flags for sections (SNIG-2020).
    Flagged,
}

/// The columns that are left of a batch. How many these are is known on the device only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) layout: Layout,
    /// Which of the workspace's two buffers of activations; without meaning for bits.
    pub(crate) buffer: usize,
    /// Neurons of a column.
    pub(crate) neurons: usize,
    /// The slot of each column; 0 if column `j` is in slot `j`.
    pub(crate) slots: Pointer,
    /// The input of each column; 0 if column `j` belongs to input `j`.
    pub(crate) inputs: Pointer,
    /// The centroid of each column behind SNICIT's conversion; else 0.
    pub(crate) centers: Pointer,
    /// Index of the count of columns.
    pub(crate) count: usize,
    /// If equal columns were merged, index of the count of those that they stand for.
    pub(crate) members: Option<usize>,
}

impl Columns {
    /// What becomes of them when a kernel has written each column `j` to slot `j` of `buffer`.
    pub(crate) fn written(self, layout: Layout, buffer: usize, neurons: usize) -> Self {
        Columns { layout, buffer, neurons, slots: 0, ..self }
    }

    /// The buffer that is free to be written.
    pub(crate) fn other_buffer(&self) -> usize {
        1 - self.buffer
    }
}

/// Brings columns to the host that lie in `buffer` one behind the other; `inputs` says whose they are.
pub(crate) fn download(
    buffer: &DeviceBuffer,
    neurons: usize,
    inputs: &[u32],
) -> Result<Vec<Column>, CudaError> {
    /// Columns are copied together in pieces; one by one would be slow.
    const PIECE_BYTES: usize = 64 << 20;
    let column_bytes = neurons * size_of::<f32>();
    let columns_a_piece = (PIECE_BYTES / column_bytes.max(1)).max(1);
    let mut columns = Vec::with_capacity(inputs.len());
    for (piece, inputs) in inputs.chunks(columns_a_piece).enumerate() {
        let offset = piece * columns_a_piece * column_bytes;
        let values: Vec<f32> = buffer.download(offset, inputs.len() * neurons)?;
        for (k, &input) in inputs.iter().enumerate() {
            columns.push(Column { input, values: values[k * neurons..][..neurons].into() });
        }
    }
    Ok(columns)
}
