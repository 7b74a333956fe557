//! The inputs of a batch: sent to the device, and there without the empty ones.

use snicit::{BitActivations, Inputs};

use super::{LiveMarks, Run};
use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::runtime::{Kernel, Pointer};
use crate::workspace::{Workspace, count_slots};

/// `BitInputs` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct BitInputs {
    pub(crate) words: Pointer,
    pub(crate) words_per_input: u64,
}

arguments! {
    MarkBitInputsArguments for MarkBitInputs { bits: BitInputs, inputs: u32, marks: LiveMarks }
    MarkColumnsArguments for MarkColumns {
        values: Pointer,
        neurons: u32,
        columns: u32,
        marks: LiveMarks,
    }
}

/// Sends the inputs `range` of a batch to the workspace, and clears the counts.
///
/// # Errors
/// What the driver says.
pub(crate) fn upload(
    workspace: &mut Workspace,
    inputs: &Inputs,
    range: std::ops::Range<usize>,
    layers: usize,
) -> Result<(), CudaError> {
    let mut counts = vec![0_u32; count_slots(layers)];
    counts[Run::BATCH] = range.len() as u32;
    workspace.counts.upload(0, &counts)?;
    match inputs {
        Inputs::Values(values) => {
            let features = values.features();
            let values = &values.values()[range.start * features..range.end * features];
            workspace.activations[0].upload(0, values)
        }
        Inputs::Bits(bits) => {
            let Some(buffer) = &mut workspace.bits else { return Ok(()) };
            upload_bits(buffer, bits, range)
        }
    }
}

/// Inputs are copied together in pieces; one by one would be slow.
pub(crate) fn upload_bits(
    buffer: &mut crate::runtime::DeviceBuffer,
    bits: &BitActivations,
    range: std::ops::Range<usize>,
) -> Result<(), CudaError> {
    const PIECE_BYTES: usize = 64 << 20;
    let bytes_per_input = bits.features().div_ceil(64) * size_of::<u64>();
    let inputs_a_piece = (PIECE_BYTES / bytes_per_input.max(1)).max(1);
    for start in range.clone().step_by(inputs_a_piece) {
        let end = range.end.min(start + inputs_a_piece);
        // 64-bit words of a little-endian host are pairs of the kernels' 32-bit words, the lower first.
        let words: Vec<u64> = (start..end).flat_map(|input| bits.words_of(input)).copied().collect();
        buffer.upload((start - range.start) * bytes_per_input, &words)?;
    }
    Ok(())
}

impl Run<'_> {
    /// The columns of the batch as they were uploaded; without the empty ones if `drop_empty` and where that
    /// is allowed.
    pub(crate) fn source(&mut self, inputs: &Inputs, drop_empty: bool) -> Result<Columns, CudaError> {
        let layout = match inputs {
            Inputs::Bits(_) => Layout::Bits,
            Inputs::Values(_) => Layout::InputMajor,
        };
        let neurons = inputs.features();
        let count = Self::BATCH;
        let columns = Columns {
            layout,
            buffer: 0,
            neurons,
            slots: 0,
            inputs: 0,
            centers: 0,
            count,
            members: None,
        };
        if !drop_empty || !self.may_drop_before(0) {
            return Ok(columns);
        }
        let marks = self.new_marks()?;
        if layout == Layout::Bits {
            let bits = self.bits(neurons);
            let arguments = MarkBitInputsArguments { bits, inputs: self.batch as u32, marks };
            self.launch(Kernel::MarkBitInputs, 256, arguments)?;
        } else {
            let (values, columns) = (self.activations(0), self.batch as u32);
            let arguments = MarkColumnsArguments { values, neurons: neurons as u32, columns, marks };
            self.launch(Kernel::MarkColumns, 256, arguments)?;
        }
        self.compact(columns, marks, &self.workspace.lists)
    }

    /// The inputs as they were uploaded, if they are bits.
    pub(crate) fn bits(&self, features: usize) -> BitInputs {
        let words = self.workspace.bits.as_ref().map_or(0, |bits| bits.pointer());
        BitInputs { words, words_per_input: (features.div_ceil(64) * 2) as u64 }
    }
}
