//! Work recorded once and sent to the device as a whole.

use std::sync::Arc;

use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaGraph, CudaStream};

use crate::CudaError;
use crate::error::DriverContext;

/// A CUDA graph: copies and kernels with their dependencies.
pub(crate) struct Graph(CudaGraph);

// SAFETY: a graph may be used by any thread, by one at a time: it is kept in a workspace, behind a lock.
unsafe impl Send for Graph {}

impl Graph {
    /// Records what `enqueue` sends to `stream`, and to streams that wait for it and are waited for again,
    /// without running it.
    ///
    /// # Errors
    /// Those of `enqueue`, or what the driver says.
    pub(crate) fn record(
        stream: &Arc<CudaStream>,
        enqueue: impl FnOnce() -> Result<(), CudaError>,
    ) -> Result<Self, CudaError> {
        Self::begin(stream)?;
        let enqueued = enqueue();
        // Recording must end in any case, or the stream could not be used again.
        let graph = Self::end(stream);
        enqueued?;
        graph
    }

    /// Begins to record what this thread sends to `stream`.
    pub(crate) fn begin(stream: &Arc<CudaStream>) -> Result<(), CudaError> {
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        stream.begin_capture(mode).to("begin recording a graph")
    }

    /// Ends the recording; nothing of it has run.
    pub(crate) fn end(stream: &Arc<CudaStream>) -> Result<Self, CudaError> {
        let graph = stream.end_capture(CUgraphInstantiate_flags(0));
        let graph = graph.to("record a graph")?.ok_or(CudaError::Driver {
            action: "record a graph",
            reason: "the recording was broken off".to_owned(),
        })?;
        graph.upload().to("upload a graph")?;
        Ok(Graph(graph))
    }

    /// Starts it, in the order of the stream it was recorded on.
    pub(crate) fn launch(&self) -> Result<(), CudaError> {
        self.0.launch().to("launch a graph")
    }
}
