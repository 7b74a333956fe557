//! From one layout of activations to another.

use super::{BitInputs, Run};
use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::runtime::{Kernel, Pointer};
use crate::workspace::bit_words_per_row;

arguments! {
    pub(crate) ExpandBitsArguments for ExpandBits {
        bits: BitInputs,
        inputs: u32,
        features: u32,
        values: Pointer,
    }
    TransposeBitsArguments for TransposeBits {
        bits: BitInputs,
        inputs: u32,
        features: u32,
        rows: Pointer,
        words_per_row: u64,
    }
    TransposeArguments for ToNeuronMajor, ToInputMajor {
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        to: Pointer,
    }
    pub(crate) GatherColumnsArguments for GatherColumns {
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        to: Pointer,
    }
}

impl Run<'_> {
    /// The columns in input-major float32.
    pub(crate) fn to_input_major(&self, columns: Columns) -> Result<Columns, CudaError> {
        match columns.layout {
            Layout::InputMajor | Layout::Flagged | Layout::Chunks => Ok(columns),
            Layout::Bits | Layout::BitRows => {
                let arguments = ExpandBitsArguments {
                    bits: self.bits(columns.neurons),
                    inputs: self.batch as u32,
                    features: columns.neurons as u32,
                    values: self.activations(0),
                };
                self.launch(Kernel::ExpandBits, 256, arguments)?;
                Ok(Columns { layout: Layout::InputMajor, buffer: 0, ..columns })
            }
            Layout::NeuronMajor => self.transpose(columns, Layout::InputMajor),
        }
    }

    /// The columns in neuron-major bits, if they are bits, or else float32.
    pub(crate) fn to_rows(&self, columns: Columns) -> Result<Columns, CudaError> {
        match columns.layout {
            Layout::NeuronMajor | Layout::BitRows | Layout::Chunks => Ok(columns),
            Layout::Bits => {
                let arguments = TransposeBitsArguments {
                    bits: self.bits(columns.neurons),
                    inputs: self.batch as u32,
                    features: columns.neurons as u32,
                    rows: self.bit_rows(),
                    words_per_row: bit_words_per_row(self.batch) as u64,
                };
                self.launch(Kernel::TransposeBits, 256, arguments)?;
                Ok(Columns { layout: Layout::BitRows, buffer: 1, ..columns })
            }
            Layout::InputMajor | Layout::Flagged => self.transpose(columns, Layout::NeuronMajor),
        }
    }

    fn transpose(&self, columns: Columns, layout: Layout) -> Result<Columns, CudaError> {
        let kernel = match layout {
            Layout::InputMajor => Kernel::ToInputMajor,
            _ => Kernel::ToNeuronMajor,
        };
        let written = columns.written(layout, columns.other_buffer(), columns.neurons);
        let arguments = TransposeArguments {
            from: self.activations(columns.buffer),
            slots: columns.slots,
            count: self.count(columns.count),
            neurons: columns.neurons as u32,
            to: self.activations(written.buffer),
        };
        self.launch_shaped(kernel, (32, 8), 0, arguments)?;
        Ok(written)
    }

    /// The neuron-major bits.
    pub(crate) fn bit_rows(&self) -> Pointer {
        self.workspace.bit_rows.as_ref().map_or(0, |rows| rows.pointer())
    }
}
