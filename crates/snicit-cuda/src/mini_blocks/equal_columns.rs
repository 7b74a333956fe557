//! Columns that have become equal stay equal: from then on one is computed for all (`kernels/equal_columns.cu`).

use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::{Columns, Layout};
use crate::run::Run;
use crate::runtime::{Device, DeviceBuffer, Kernel, Pointer};

/// Layers of which the first merging comes after; each later one after twice as many.
const FIRST_INTERVAL: usize = 4;

arguments! {
    FingerprintArguments for Fingerprint { values: Pointer, count: Pointer, neurons: u32, prints: Pointer }
    MatchColumnsArguments for MatchColumns {
        prints: Pointer,
        live: Pointer,
        count: Pointer,
        first_equal: Pointer,
    }
    MergeColumnsArguments for MergeColumns {
        first_equal: Pointer,
        count: Pointer,
        inputs: Pointer,
        is_first: u32,
        places: Pointer,
        kept: Pointer,
        kept_count: Pointer,
        numbers: Pointer,
        member_inputs: Pointer,
        members: Pointer,
        member_count: Pointer,
    }
    MoveColumnsArguments for MoveColumns {
        from: Pointer,
        slots: Pointer,
        count: Pointer,
        neurons: u32,
        to: Pointer,
    }
    ExpandMembersArguments for ExpandMembers {
        slots: Pointer,
        columns: Pointer,
        count: Pointer,
        members: Pointer,
        member_inputs: Pointer,
        member_count: Pointer,
        places: Pointer,
        member_slots: Pointer,
        live_inputs: Pointer,
        live_count: Pointer,
    }
}

/// What merging needs of a workspace.
pub(crate) struct MergeBuffers {
    prints: DeviceBuffer,
    first_equal: DeviceBuffer,
    places: DeviceBuffer,
    /// Of each member, a column at the time of the first merging: its input.
    member_inputs: DeviceBuffer,
    /// Of each member: the column that stands for it.
    members: DeviceBuffer,
}

impl MergeBuffers {
    /// For up to `columns` columns.
    pub(crate) fn new(device: &Device, columns: usize) -> Result<Self, CudaError> {
        let buffer = |bytes| DeviceBuffer::new(device, columns * bytes, "lists of equal columns");
        let numbers = || buffer(size_of::<u32>());
        Ok(MergeBuffers {
            prints: buffer(2 * size_of::<u64>())?,
            first_equal: numbers()?,
            places: numbers()?,
            member_inputs: numbers()?,
            members: numbers()?,
        })
    }
}

/// Before which layers of `first..end`, and whether behind the last, equal columns are merged.
pub(super) fn merges_before(layer: usize, first: usize, end: usize) -> bool {
    let since = layer - first;
    let regular = since.is_multiple_of(FIRST_INTERVAL) && (since / FIRST_INTERVAL).is_power_of_two();
    let last = last_interval(first, end);
    regular || (layer == end && end - last >= FIRST_INTERVAL)
}

/// The layer of the last regular merging before `end`, or `first`.
fn last_interval(first: usize, end: usize) -> usize {
    let mut interval = FIRST_INTERVAL;
    let mut last = first;
    while first + interval < end {
        last = first + interval;
        interval *= 2;
    }
    last
}

/// Merges the neuron-major `columns`; `live` are the words of those that are not empty.
pub(super) fn merge(
    run: &mut Run<'_>,
    buffers: &MergeBuffers,
    columns: Columns,
    live: Pointer,
) -> Result<Columns, CudaError> {
    let count = run.count(columns.count);
    buffers.prints.fill(run.stream, 0, run.batch * 2 * size_of::<u64>())?;
    let arguments = FingerprintArguments {
        values: run.activations(columns.buffer),
        count,
        neurons: columns.neurons as u32,
        prints: buffers.prints.pointer(),
    };
    run.launch(Kernel::Fingerprint, 256, arguments)?;
    let first_equal = buffers.first_equal.pointer();
    let arguments = MatchColumnsArguments { prints: buffers.prints.pointer(), live, count, first_equal };
    run.launch(Kernel::MatchColumns, 256, arguments)?;

    let lists = &run.workspace.lists;
    let list = usize::from(columns.inputs == lists.inputs[0].pointer());
    let kept = Columns {
        slots: lists.slots[list].pointer(),
        inputs: lists.inputs[list].pointer(),
        count: run.new_count(),
        ..columns
    };
    let members = columns.members;
    let member_count = members.unwrap_or_else(|| run.new_count());
    let arguments = MergeColumnsArguments {
        first_equal,
        count,
        inputs: columns.inputs,
        is_first: u32::from(members.is_none()),
        places: buffers.places.pointer(),
        kept: kept.slots,
        kept_count: run.count(kept.count),
        numbers: kept.inputs,
        member_inputs: buffers.member_inputs.pointer(),
        members: buffers.members.pointer(),
        member_count: run.count(member_count),
    };
    run.launch_one_block(Kernel::MergeColumns, 1024, arguments)?;

    let moved = kept.written(Layout::NeuronMajor, kept.other_buffer(), kept.neurons);
    let arguments = MoveColumnsArguments {
        from: run.activations(kept.buffer),
        slots: kept.slots,
        count: run.count(kept.count),
        neurons: kept.neurons as u32,
        to: run.activations(moved.buffer),
    };
    run.launch(Kernel::MoveColumns, 256, arguments)?;
    Ok(Columns { members: Some(member_count), ..moved })
}

/// A column for each member whose column is among `columns`: several may be in one slot.
pub(super) fn expand(
    run: &mut Run<'_>,
    buffers: &MergeBuffers,
    columns: Columns,
    members: usize,
) -> Result<Columns, CudaError> {
    let lists = &run.workspace.lists;
    let list = usize::from(columns.inputs == lists.inputs[0].pointer());
    let expanded = Columns {
        slots: lists.slots[list].pointer(),
        inputs: lists.inputs[list].pointer(),
        count: run.new_count(),
        ..columns
    };
    let arguments = ExpandMembersArguments {
        slots: columns.slots,
        columns: columns.inputs,
        count: run.count(columns.count),
        members: buffers.members.pointer(),
        member_inputs: buffers.member_inputs.pointer(),
        member_count: run.count(members),
        places: buffers.places.pointer(),
        member_slots: expanded.slots,
        live_inputs: expanded.inputs,
        live_count: run.count(expanded.count),
    };
    run.launch_one_block(Kernel::ExpandMembers, 1024, arguments)?;
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double() {
        let merges = |first: usize, end: usize| -> Vec<usize> {
            (first + 1..=end).filter(|&layer| merges_before(layer, first, end)).collect()
        };
        assert_eq!(merges(6, 30), [10, 14, 22, 30]);
        assert_eq!(merges(10, 30), [14, 18, 26, 30]);
        assert_eq!(merges(12, 30), [16, 20, 28]);
        assert!(merges(28, 30).is_empty());
    }
}
