//! Columns that have become empty are left out: kernels mark those that have not, a list is made of them.

use super::Run;
use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::Columns;
use crate::runtime::{Kernel, Launch, Pointer};
use crate::workspace::{ColumnLists, Workspace, mark_rows};

/// Columns of which one block of the compaction takes care; COMPACTION_CHUNK.
pub(crate) const COMPACTION_CHUNK: usize = 1024;

/// `LiveMarks`: null flags make no marks.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LiveMarks {
    pub(crate) flags: Pointer,
    pub(crate) chunk_counts: Pointer,
}

arguments! {
    CompactionArguments for Compact {
        marks: LiveMarks,
        count: Pointer,
        live_count: Pointer,
        live_slots: Pointer,
        inputs: Pointer,
        live_inputs: Pointer,
        centers: Pointer,
        live_centers: Pointer,
    }
}

impl Run<'_> {
    /// Whether a column that is empty when it enters layer `layer` (0-based) may be dropped.
    pub(crate) fn may_drop_before(&self, layer: usize) -> bool {
        layer >= self.drop_from
    }

    /// Says that nothing follows the last layer: SNICIT may convert there.
    pub(crate) fn ends_with_the_last_layer(&mut self) {
        self.ends_with_the_last_layer = true;
    }

    /// Whether dropping columns that are empty when they enter layer `layer` (0-based) saves anything: not if
    /// only the answer is left, and no column could be dropped before.
    pub(crate) fn should_drop_before(&self, layer: usize) -> bool {
        let is_answer = self.ends_with_the_last_layer && layer == self.layers;
        self.may_drop_before(layer) && !(is_answer && self.drop_from == layer)
    }

    /// Marks for a kernel to set, to be followed by [`Run::compact`].
    pub(crate) fn new_marks(&mut self) -> Result<LiveMarks, CudaError> {
        let Workspace { chunk_counts, flags, .. } = self.workspace;
        let row = self.batch.div_ceil(COMPACTION_CHUNK) * size_of::<u32>();
        if self.next_marks == 0 {
            chunk_counts.fill(self.stream, 0, mark_rows(self.layers) * row)?;
            flags.fill(self.stream, 0, self.batch * size_of::<u32>())?;
        }
        let row = self.next_marks * row;
        self.next_marks += 1;
        assert!(row < chunk_counts.bytes(), "too few rows of marks");
        let chunk_counts = chunk_counts.pointer() + row as u64;
        Ok(LiveMarks { flags: flags.pointer(), chunk_counts })
    }

    /// Leaves out the columns without mark. `lists` are those that `columns` use, if any.
    pub(crate) fn compact(
        &mut self,
        columns: Columns,
        marks: LiveMarks,
        lists: &ColumnLists,
    ) -> Result<Columns, CudaError> {
        let list = usize::from(columns.inputs == lists.inputs[0].pointer());
        let count = self.new_count();
        let centers = lists.centers.as_ref().filter(|_| columns.centers != 0);
        let compacted = Columns {
            slots: lists.slots[list].pointer(),
            inputs: lists.inputs[list].pointer(),
            centers: centers.map_or(0, |centers| centers[list].pointer()),
            count,
            ..columns
        };
        let arguments = CompactionArguments {
            marks,
            count: self.count(columns.count),
            live_count: self.count(count),
            live_slots: compacted.slots,
            inputs: columns.inputs,
            live_inputs: compacted.inputs,
            centers: columns.centers,
            live_centers: compacted.centers,
        };
        let blocks = self.batch.div_ceil(COMPACTION_CHUNK) as u32;
        let threads = (COMPACTION_CHUNK as u32, 1);
        let launch = Launch { kernel: Kernel::Compact, blocks, threads, shared_memory: 0 };
        launch.enqueue(&self.gpu.kernels, self.stream, arguments)?;
        Ok(compacted)
    }
}
