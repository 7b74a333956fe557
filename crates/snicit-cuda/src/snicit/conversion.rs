//! Stage 2, cluster-based conversion: `Y(t)` becomes centroid columns and residues `Ŷ(t)`.

use snicit::SnicitOptions;

use crate::CudaError;
use crate::arguments::arguments;
use crate::columns::Columns;
use crate::run::{LiveMarks, Run};
use crate::runtime::{Kernel, Pointer};
use crate::workspace::ConversionBuffers;

/// `ConversionColumns` of the kernels.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct ConversionColumns {
    values: Pointer,
    slots: Pointer,
    count: Pointer,
    neurons: u32,
}

arguments! {
    DownsampleArguments for Downsample {
        y: ConversionColumns,
        sampled: u32,
        segments: u32,
        sums: Pointer,
    }
    PruneSamplesArguments for PruneSamples {
        sums: Pointer,
        count: Pointer,
        sampled: u32,
        segments: u32,
        tolerance: f32,
        alike_below: u32,
        survives: Pointer,
        centroids: Pointer,
        centroid_count: Pointer,
    }
    AssignArguments for Assign {
        y: ConversionColumns,
        survives: Pointer,
        sampled: u32,
        centroids: Pointer,
        centroid_count: Pointer,
        prune: f32,
        center: Pointer,
        marks: LiveMarks,
    }
    PlaceColumnsArguments for PlaceColumns {
        slots: Pointer,
        centroids: Pointer,
        centroid_count: Pointer,
        residues: Pointer,
        residue_count: Pointer,
        center: Pointer,
        converted_count: Pointer,
        converted_slots: Pointer,
        converted_columns: Pointer,
        converted_centers: Pointer,
    }
}

/// How to convert; symbols as in the paper.
pub(crate) struct Conversion {
    /// `s`.
    sampled_columns: u32,
    /// `n`.
    segments: usize,
    /// η.
    sum_tolerance: f32,
    /// Samples with fewer differing sums are alike: `n·ε`, rounded up.
    alike_below: u32,
    /// Residues of at most this magnitude become zero.
    prune: f32,
}

/// The converted activations `Ŷ`: centroid columns first, then residues that are not empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Converted {
    pub(super) columns: Columns,
    /// The columns of `Y(t)`; only which inputs these are matters behind the conversion.
    pub(super) of_threshold_layer: Columns,
    /// Index of the count of centroids.
    pub(super) centroid_count: usize,
}

impl Conversion {
    /// For columns of `neurons` neurons.
    pub(super) fn new(options: &SnicitOptions, neurons: usize) -> Self {
        let segments = options.segments.unwrap_or(neurons).min(neurons);
        let allowed = segments as f64 * f64::from(options.differing_share);
        Conversion {
            sampled_columns: u32::try_from(options.sampled_columns).unwrap_or(u32::MAX),
            segments,
            sum_tolerance: options.sum_tolerance,
            alike_below: allowed.ceil() as u32,
            prune: options.prune_at_conversion,
        }
    }

    /// Sampled columns and segments, for the workspace.
    pub(crate) fn needs(&self) -> (usize, usize) {
        (self.sampled_columns as usize, self.segments)
    }

    /// Converts the columns of `Y(t)`.
    pub(super) fn convert(&self, run: &mut Run<'_>, columns: Columns) -> Result<Converted, CudaError> {
        let columns = run.to_input_major(columns)?;
        let buffers = conversion_buffers(run);
        let y = ConversionColumns {
            values: run.activations(columns.buffer),
            slots: columns.slots,
            count: run.count(columns.count),
            neurons: columns.neurons as u32,
        };
        let centroid_count = self.find_centroids(run, y)?;
        let residues = self.subtract_centroids(run, columns, y, centroid_count)?;

        let [slots, _] = &buffers.lists.slots;
        let [inputs, _] = &buffers.lists.inputs;
        let centers = buffers.lists.centers.as_ref().map_or(0, |[centers, _]| centers.pointer());
        let converted = Columns {
            slots: slots.pointer(),
            inputs: inputs.pointer(),
            centers,
            count: run.new_count(),
            ..columns
        };
        let arguments = PlaceColumnsArguments {
            slots: columns.slots,
            centroids: buffers.centroids.pointer(),
            centroid_count: run.count(centroid_count),
            residues: residues.slots,
            residue_count: run.count(residues.count),
            center: buffers.center.pointer(),
            converted_count: run.count(converted.count),
            converted_slots: converted.slots,
            converted_columns: converted.inputs,
            converted_centers: converted.centers,
        };
        run.launch(Kernel::PlaceColumns, 256, arguments)?;
        Ok(Converted { columns: converted, of_threshold_layer: columns, centroid_count })
    }

    /// Column sampling, sum downsampling and sample pruning; gives the index of the count of centroids.
    fn find_centroids(&self, run: &mut Run<'_>, y: ConversionColumns) -> Result<usize, CudaError> {
        let buffers = conversion_buffers(run);
        let (sampled, segments) = (self.sampled_columns, self.segments as u32);
        let sums = buffers.sums.pointer();
        run.launch(Kernel::Downsample, 256, DownsampleArguments { y, sampled, segments, sums })?;
        let centroid_count = run.new_count();
        let arguments = PruneSamplesArguments {
            sums,
            count: y.count,
            sampled,
            segments,
            tolerance: self.sum_tolerance,
            alike_below: self.alike_below,
            survives: buffers.survives.pointer(),
            centroids: buffers.centroids.pointer(),
            centroid_count: run.count(centroid_count),
        };
        run.launch_one_block(Kernel::PruneSamples, 1024, arguments)?;
        Ok(centroid_count)
    }

    /// Assignment; the columns become residues where they are. Gives those that are not empty, as slots
    /// among the columns of `Y(t)`.
    fn subtract_centroids(
        &self,
        run: &mut Run<'_>,
        columns: Columns,
        y: ConversionColumns,
        centroid_count: usize,
    ) -> Result<Columns, CudaError> {
        let buffers = conversion_buffers(run);
        let marks = run.new_marks()?;
        let arguments = AssignArguments {
            y,
            survives: buffers.survives.pointer(),
            sampled: self.sampled_columns,
            centroids: buffers.centroids.pointer(),
            centroid_count: run.count(centroid_count),
            prune: self.prune,
            center: buffers.center.pointer(),
            marks,
        };
        run.launch(Kernel::Assign, 256, arguments)?;
        // The first of the two lists is for the result of the conversion: leave it alone.
        let by_column = Columns { inputs: buffers.lists.inputs[0].pointer(), centers: 0, ..columns };
        run.compact(by_column, marks, &buffers.lists)
    }
}

/// The buffers that SNICIT asked for.
pub(super) fn conversion_buffers<'a>(run: &Run<'a>) -> &'a ConversionBuffers {
    run.workspace.conversion.as_ref().expect("SNICIT's workspace has them")
}
