//! Stage 4, recovery: `Y(l)_j = Ŷ(l)_j + Ŷ(l)_{M(j)}` for residue columns; centroids are what they are.

use super::conversion::{Converted, conversion_buffers};
use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::run::{LiveMarks, Run};
use crate::runtime::{Kernel, Pointer};

arguments! {
    LocateArguments for LocateColumns { columns: Pointer, count: Pointer, place: Pointer }
    RecoverArguments for Recover {
        converted: Pointer,
        slots: Pointer,
        place: Pointer,
        center: Pointer,
        count: Pointer,
        neurons: u32,
        y: Pointer,
        marks: LiveMarks,
    }
}

/// `Y(l)`, without its empty columns.
pub(super) fn recover(run: &mut Run<'_>, converted: &Converted) -> Result<Columns, CudaError> {
    let columns = run.to_input_major(converted.columns)?;
    let buffers = conversion_buffers(run);
    // NONE of the kernels: all bits set.
    buffers.place.fill(run.stream, 0xff, run.batch * size_of::<u32>())?;
    let place = buffers.place.pointer();
    let locate = LocateArguments { columns: columns.inputs, count: run.count(columns.count), place };
    run.launch(Kernel::LocateColumns, 256, locate)?;

    let all = converted.of_threshold_layer;
    let to = columns.other_buffer();
    let marks = run.new_marks()?;
    let arguments = RecoverArguments {
        converted: run.activations(columns.buffer),
        slots: columns.slots,
        place,
        center: buffers.center.pointer(),
        count: run.count(all.count),
        neurons: columns.neurons as u32,
        y: run.activations(to),
        marks,
    };
    run.launch(Kernel::Recover, 256, arguments)?;
    let recovered = all.written(Layout::InputMajor, to, columns.neurons);
    run.compact(recovered, marks, &run.workspace.lists)
}
