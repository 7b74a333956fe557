//! Early exit at the threshold layer (`kernels/early_exit.cu`), an extra: see [`snicit::engine::EarlyExit`].
//!
//! Nothing is asked of the device. If all columns are saturated, their number is zero for all kernels behind,
//! and the answer is filled in at the end.

use snicit::engine::EarlyExit;

use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::run::Run;
use crate::runtime::{Kernel, Pointer};

arguments! {
    CheckSaturationArguments for CheckSaturation {
        values: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        neuron_major: u32,
        bound: f32,
        left: Pointer,
    }
    FillSaturatedArguments for FillSaturated {
        left: Pointer,
        count: Pointer,
        inputs: Pointer,
        neurons: u32,
        neuron_major: u32,
        bound: f32,
        values: Pointer,
        live_slots: Pointer,
        live_inputs: Pointer,
        live_count: Pointer,
    }
}

/// The values of saturated columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThresholdExit {
    /// Before the layers that may be skipped.
    bound: f32,
    /// Behind the last layer.
    output: f32,
}

/// Columns of which the device knows whether they are saturated.
pub(crate) struct Checked {
    columns: Columns,
    /// Index of the count of columns that go on: all or none.
    left: usize,
    output: f32,
}

impl ThresholdExit {
    /// `None` if the layers behind the first `threshold_layer` must not be skipped.
    pub(crate) fn new(exit: &EarlyExit, threshold_layer: usize) -> Option<Self> {
        let bound = exit.bound_before(threshold_layer)?;
        Some(ThresholdExit { bound, output: exit.output() })
    }

    /// Gives the columns that go on: none, if all `columns` are saturated. `None` where kernels do not ask how
    /// many columns there are (SNIG-2020).
    pub(crate) fn check(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
    ) -> Result<Option<(Columns, Checked)>, CudaError> {
        let neuron_major = match columns.layout {
            Layout::InputMajor => 0,
            Layout::NeuronMajor => 1,
            _ => return Ok(None),
        };
        let left = run.new_exit_count();
        let arguments = CheckSaturationArguments {
            values: run.activations(columns.buffer),
            slots: columns.slots,
            count: run.count(columns.count),
            neurons: columns.neurons as u32,
            neuron_major,
            bound: self.bound,
            left: run.count(left),
        };
        run.launch(Kernel::CheckSaturation, 256, arguments)?;
        let checked = Checked { columns, left, output: self.output };
        Ok(Some((Columns { count: left, ..columns }, checked)))
    }
}

impl Checked {
    /// Puts the columns among `answer`, of the last layer, if they were saturated. Else `answer` stays.
    pub(crate) fn fill(&self, run: &Run<'_>, answer: Columns) -> Result<(), CudaError> {
        assert!(answer.slots != 0 && answer.inputs != 0, "empty columns were left out");
        let arguments = FillSaturatedArguments {
            left: run.count(self.left),
            count: run.count(self.columns.count),
            inputs: self.columns.inputs,
            neurons: answer.neurons as u32,
            neuron_major: u32::from(answer.layout == Layout::NeuronMajor),
            bound: self.output,
            values: run.activations(answer.buffer),
            live_slots: answer.slots,
            live_inputs: answer.inputs,
            live_count: run.count(answer.count),
        };
        run.launch(Kernel::FillSaturated, 256, arguments)
    }
}
