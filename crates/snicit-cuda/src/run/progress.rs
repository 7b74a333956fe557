//! What the observer sees of a run and the clock hears of it, and its end.

use snicit::Error;

use super::{Run, Sending, Sent};
use crate::CudaError;
use crate::clock::Stage;
use crate::columns::Columns;
use crate::error::DriverContext;
use crate::recording::Recorder;

/// The host sends work ahead of the device, but only so many layers: the observer is to see progress and
/// to be able to stop.
const LAYERS_BETWEEN_EVENTS: usize = 32;
const EVENTS_AHEAD: usize = 4;

impl Run<'_> {
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
