//! All work of a batch, recorded once as CUDA graphs and then launched without sending it kernel by kernel:
//! a launch costs the host several microseconds, more than a layer behind the convergence takes.

use std::collections::VecDeque;
use std::sync::Arc;

use cudarc::driver::{CudaEvent, CudaStream};
use snicit::{Error, Observer};

use crate::CudaError;
use crate::clock::{Clock, Stage};
use crate::error::DriverContext;
use crate::run::Sent;
use crate::runtime::{Device, Graph};

/// Layers of a segment at most: between segments the observer may stop the inference.
const LAYERS_A_SEGMENT: usize = 128;

/// The same where a launch does many layers: they take less time.
const PERSISTENT_LAYERS_A_SEGMENT: usize = 2048;

/// Segments that are sent ahead of the device.
const SEGMENTS_AHEAD: usize = 2;

/// The recorded work of a batch of some size.
pub(crate) struct Recording {
    segments: Vec<Segment>,
    /// Where the answer will be.
    pub(crate) sent: Sent,
}

struct Segment {
    graph: Graph,
    layers: usize,
    /// What ends behind it.
    stages: Vec<Stage>,
}

impl Recording {
    pub(crate) fn new(recorder: Recorder, sent: Sent) -> Result<Self, CudaError> {
        Ok(Recording { segments: recorder.finish()?, sent })
    }

    /// Does the work again, for a batch of the same size in the same memory.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the driver says.
    pub(crate) fn replay(
        &self,
        device: &Device,
        stream: &CudaStream,
        batch: usize,
        clock: &Clock,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let mut pending: VecDeque<(CudaEvent, usize)> = VecDeque::new();
        let advanced = |layers: usize| observer.advanced((layers * batch) as u64);
        clock.start(stream)?;
        for segment in &self.segments {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            segment.graph.launch()?;
            for &stage in &segment.stages {
                clock.stage_done(stream, stage)?;
            }
            let event = device.event()?;
            event.record(stream).to("record an event")?;
            pending.push_back((event, segment.layers));
            if pending.len() > SEGMENTS_AHEAD
                && let Some((event, layers)) = pending.pop_front()
            {
                event.synchronize().to("compute")?;
                advanced(layers);
            }
        }
        clock.stop(stream)?;
        stream.synchronize().to("compute")?;
        pending.iter().for_each(|(_, layers)| advanced(*layers));
        Ok(())
    }
}

/// Records what is sent to a stream, segment by segment, from its making to [`Recorder::finish`].
pub(crate) struct Recorder {
    stream: Arc<CudaStream>,
    segments: Vec<Segment>,
    /// Layers sent in the present segment.
    layers: usize,
    recording: bool,
}

impl Recorder {
    pub(crate) fn new(stream: &Arc<CudaStream>) -> Result<Self, CudaError> {
        Graph::begin(stream)?;
        Ok(Recorder { stream: Arc::clone(stream), segments: Vec::new(), layers: 0, recording: true })
    }

    pub(crate) fn sent_layer(&mut self) -> Result<(), CudaError> {
        self.layers += 1;
        if self.layers >= LAYERS_A_SEGMENT { self.next_segment(&[]) } else { Ok(()) }
    }

    /// Layers of one launch.
    pub(crate) fn sent_layers(&mut self, layers: usize) -> Result<(), CudaError> {
        self.layers += layers;
        if self.layers >= PERSISTENT_LAYERS_A_SEGMENT { self.next_segment(&[]) } else { Ok(()) }
    }

    pub(crate) fn stages_done(&mut self, stages: &[Stage]) -> Result<(), CudaError> {
        self.next_segment(stages)
    }

    fn next_segment(&mut self, stages: &[Stage]) -> Result<(), CudaError> {
        self.end_segment(stages)?;
        Graph::begin(&self.stream)?;
        self.recording = true;
        Ok(())
    }

    fn end_segment(&mut self, stages: &[Stage]) -> Result<(), CudaError> {
        self.recording = false;
        let graph = Graph::end(&self.stream)?;
        let layers = std::mem::take(&mut self.layers);
        self.segments.push(Segment { graph, layers, stages: stages.to_vec() });
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Segment>, CudaError> {
        self.end_segment(&[])?;
        Ok(std::mem::take(&mut self.segments))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.recording {
            // An error broke the recording off; the stream must be usable again.
            let _ = Graph::end(&self.stream);
        }
    }
}
