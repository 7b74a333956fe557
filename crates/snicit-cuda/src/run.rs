//! One batch on its way through the layers: what is sent to the device, who watches, what is counted.

use std::collections::VecDeque;

use cudarc::driver::{CudaEvent, CudaStream};
use snicit::{BitActivations, Error, Inputs, Observer};

use crate::CudaError;
use crate::arguments::{
    BitInputs, COMPACTION_CHUNK, CompactionArguments, ExpandBitsArguments, LiveMarks,
    MarkBitInputsArguments, MarkColumnsArguments, TransposeArguments, TransposeBitsArguments,
};
use crate::clock::{Clock, Stage};
use crate::columns::{Columns, Layout};
use crate::engine::Gpu;
use crate::error::DriverContext;
use crate::recording::Recorder;
use crate::runtime::{Kernel, KernelArguments, Launch, Pointer};
use crate::workspace::{ColumnLists, Workspace, bit_words_per_row, count_slots, mark_rows};

/// The host sends work ahead of the device, but only so many layers: the observer is to see progress and
/// to be able to stop.
const LAYERS_BETWEEN_EVENTS: usize = 32;
const EVENTS_AHEAD: usize = 4;

/// What the stages of one inference share. All work goes to one stream, in order.
pub(crate) struct Run<'a> {
    pub(crate) gpu: &'a Gpu,
    pub(crate) stream: &'a CudaStream,
    pub(crate) workspace: &'a Workspace,
    /// Inputs of the batch.
    pub(crate) batch: usize,
    /// From this layer (0-based) on, an empty column stays empty and may be dropped.
    drop_from: usize,
    /// Layers of the network.
    pub(crate) layers: usize,
    ends_with_the_last_layer: bool,
    sending: Sending<'a>,
    next_count: usize,
    next_marks: usize,
    /// Index of the count that is zero if the layers behind the threshold layer were skipped.
    exit_count: Option<usize>,
    /// For each layer, the index of the count of columns that entered it.
    entered: Vec<usize>,
    /// Layers sent since the last event.
    unmarked_layers: usize,
    /// Events behind layers that were sent, with the number of layers before each.
    pending: VecDeque<(CudaEvent, usize)>,
}

/// What becomes of the work.
pub(crate) enum Sending<'a> {
    /// It is done at once.
    Direct { clock: &'a Clock, observer: &'a dyn Observer },
    /// It is recorded.
    Recorded(Recorder),
    /// It is done at once and no one asks for times.
    Quiet,
}

/// Where the answer is when all work is done.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) columns: Columns,
    /// For each layer, the index of the count of columns that entered it.
    pub(crate) entered: Vec<usize>,
    /// Index of the count of centroids, for SNICIT.
    pub(crate) centroid_count: Option<usize>,
    /// Index of the count that is zero if the layers behind the threshold layer were skipped.
    pub(crate) exit_count: Option<usize>,
}

impl<'a> Run<'a> {
    /// A run of `batch` inputs.
    pub(crate) fn new(
        gpu: &'a Gpu,
        stream: &'a CudaStream,
        workspace: &'a Workspace,
        batch: usize,
        layers: usize,
        drop_from: usize,
        sending: Sending<'a>,
    ) -> Self {
        Run {
            gpu,
            stream,
            workspace,
            batch,
            drop_from,
            layers,
            ends_with_the_last_layer: false,
            sending,
            next_count: Self::work_counter(layers, layers),
            next_marks: 0,
            exit_count: None,
            entered: Vec::with_capacity(layers),
            unmarked_layers: 0,
            pending: VecDeque::new(),
        }
    }

    /// Index of the count of the batch.
    pub(crate) const BATCH: usize = 0;

    /// Index of the count of the columns that SNIG-2020 computes in layer `layer`.
    pub(crate) fn flagged_count(layer: usize) -> usize {
        1 + layer
    }

    /// Index of the counter from which blocks of SNIG-2020 fetch their work in layer `layer`, of `layers`
    /// in all.
    pub(crate) fn work_counter(layers: usize, layer: usize) -> usize {
        1 + layers + layer
    }

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

    /// The index of a count not used before.
    pub(crate) fn new_count(&mut self) -> usize {
        self.next_count += 1;
        assert!(self.next_count <= self.workspace.counts.bytes() / size_of::<u32>(), "too few counts");
        self.next_count - 1
    }

    /// A new count, which is to be zero if the layers behind the threshold layer are skipped.
    pub(crate) fn new_exit_count(&mut self) -> usize {
        let count = self.new_count();
        self.exit_count = Some(count);
        count
    }

    /// Where count `index` is.
    pub(crate) fn count(&self, index: usize) -> Pointer {
        self.workspace.count(index)
    }

    /// The activations of a buffer.
    pub(crate) fn activations(&self, buffer: usize) -> Pointer {
        self.workspace.activations[buffer].pointer()
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

    /// Sends a kernel that strides over whatever there is.
    pub(crate) fn launch<A: KernelArguments>(
        &self,
        kernel: Kernel,
        threads: u32,
        arguments: A,
    ) -> Result<(), CudaError> {
        self.launch_shaped(kernel, (threads, 1), 0, arguments)
    }

    /// As [`Run::launch`], with `waves` times as many blocks as fit: more are balanced better when there is
    /// much to do, and cost time when there is little.
    pub(crate) fn launch_waves<A: KernelArguments>(
        &self,
        kernel: Kernel,
        threads: u32,
        waves: u32,
        arguments: A,
    ) -> Result<(), CudaError> {
        let blocks = self.gpu.blocks_of(threads) * waves;
        let launch = Launch { kernel, blocks, threads: (threads, 1), shared_memory: 0 };
        launch.enqueue(&self.gpu.kernels, self.stream, arguments)
    }

    /// As [`Run::launch`], with so many blocks and dynamic shared memory.
    pub(crate) fn launch_blocks<A: KernelArguments>(
        &self,
        kernel: Kernel,
        (blocks, threads): (u32, u32),
        shared_memory: usize,
        arguments: A,
    ) -> Result<(), CudaError> {
        let launch = Launch { kernel, blocks, threads: (threads, 1), shared_memory };
        launch.enqueue(&self.gpu.kernels, self.stream, arguments)
    }

    /// Sends a kernel that is one block.
    pub(crate) fn launch_one_block<A: KernelArguments>(
        &self,
        kernel: Kernel,
        threads: u32,
        arguments: A,
    ) -> Result<(), CudaError> {
        self.launch_blocks(kernel, (1, threads), 0, arguments)
    }

    /// As [`Run::launch`], with a block of two dimensions and dynamic shared memory.
    pub(crate) fn launch_shaped<A: KernelArguments>(
        &self,
        kernel: Kernel,
        threads: (u32, u32),
        shared_memory: usize,
        arguments: A,
    ) -> Result<(), CudaError> {
        let blocks = self.gpu.blocks_of(threads.0 * threads.1);
        Launch { kernel, blocks, threads, shared_memory }.enqueue(
            &self.gpu.kernels,
            self.stream,
            arguments,
        )
    }

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

    /// The inputs as they were uploaded, if they are bits.
    pub(crate) fn bits(&self, features: usize) -> BitInputs {
        let words = self.workspace.bits.as_ref().map_or(0, |bits| bits.pointer());
        BitInputs { words, words_per_input: (features.div_ceil(64) * 2) as u64 }
    }

    /// The neuron-major bits.
    pub(crate) fn bit_rows(&self) -> Pointer {
        self.workspace.bit_rows.as_ref().map_or(0, |rows| rows.pointer())
    }

    /// Notes which columns enter the next layer.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the observer wants it.
    pub(crate) fn enter_layer(&mut self, count: usize) -> Result<(), Error> {
        self.entered.push(count);
        match self.sending {
            Sending::Direct { observer, .. } if observer.cancelled() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Says that the work of a layer has been sent; waits for earlier layers if too many are under way.
    pub(crate) fn sent_layer(&mut self) -> Result<(), CudaError> {
        self.sent_layers(1)
    }

    /// Says that the work of `layers` layers has been sent.
    pub(crate) fn sent_layers(&mut self, layers: usize) -> Result<(), CudaError> {
        let observer = match &mut self.sending {
            Sending::Direct { observer, .. } => *observer,
            Sending::Recorded(recorder) if layers == 1 => return recorder.sent_layer(),
            Sending::Recorded(recorder) => return recorder.sent_layers(layers),
            Sending::Quiet => return Ok(()),
        };
        self.unmarked_layers += layers;
        if self.unmarked_layers >= LAYERS_BETWEEN_EVENTS {
            let event = self.gpu.device.event()?;
            event.record(self.stream).to("record an event")?;
            self.pending.push_back((event, self.unmarked_layers));
            self.unmarked_layers = 0;
        }
        if self.pending.len() > EVENTS_AHEAD
            && let Some((event, layers)) = self.pending.pop_front()
        {
            event.synchronize().to("wait for the GPU")?;
            observer.advanced((layers * self.batch) as u64);
        }
        Ok(())
    }

    /// Says that all work of a stage has been sent.
    pub(crate) fn stage_done(&mut self, stage: Stage) -> Result<(), CudaError> {
        self.stages_done(&[stage])
    }

    /// As [`Run::stage_done`], for stages of which only the first had work.
    pub(crate) fn stages_done(&mut self, stages: &[Stage]) -> Result<(), CudaError> {
        match &mut self.sending {
            Sending::Direct { clock, .. } => {
                stages.iter().try_for_each(|&stage| clock.stage_done(self.stream, stage))
            }
            Sending::Recorded(recorder) => recorder.stages_done(stages),
            Sending::Quiet => Ok(()),
        }
    }

    /// Ends the run: `columns` are its answer. Waits for the work unless it was recorded; then the
    /// recorder is given back, too.
    pub(crate) fn finish(
        self,
        columns: Columns,
        centroid_count: Option<usize>,
    ) -> Result<(Sent, Option<Recorder>), CudaError> {
        let Run { entered, exit_count, .. } = self;
        let sent = Sent { columns, entered, centroid_count, exit_count };
        match self.sending {
            Sending::Recorded(recorder) => return Ok((sent, Some(recorder))),
            Sending::Quiet => {}
            Sending::Direct { clock, observer } => {
                clock.stop(self.stream)?;
                self.stream.synchronize().to("compute")?;
                let pending: usize = self.pending.iter().map(|(_, layers)| layers).sum();
                observer.advanced(((pending + self.unmarked_layers) * self.batch) as u64);
            }
        }
        Ok((sent, None))
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
