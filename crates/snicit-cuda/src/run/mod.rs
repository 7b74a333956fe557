//! One batch on its way through the layers: what is sent to the device, who watches, what is counted.

mod compaction;
mod inputs;
mod layouts;
mod progress;

use std::collections::VecDeque;

use cudarc::driver::{CudaEvent, CudaStream};
use snicit::Observer;

use crate::CudaError;
use crate::clock::Clock;
use crate::columns::Columns;
use crate::engine::Gpu;
use crate::recording::Recorder;
use crate::runtime::{Kernel, KernelArguments, Launch, Pointer};
use crate::workspace::Workspace;
pub(crate) use compaction::{COMPACTION_CHUNK, LiveMarks};
pub(crate) use inputs::{BitInputs, upload, upload_bits};
pub(crate) use layouts::{ExpandBitsArguments, GatherColumnsArguments};

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
}
