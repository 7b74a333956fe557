//! The clock of an inference: events on the device between the stages.

use std::time::Duration;

use cudarc::driver::{CudaEvent, CudaStream};
use snicit::StageTimes;

use crate::CudaError;
use crate::error::DriverContext;
use crate::runtime::Device;

/// What ends at a mark of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    PreConvergence,
    Conversion,
    PostConvergence,
}

/// An event before the first stage, one behind each, and one when the answer is on the host.
pub(crate) struct Clock {
    start: CudaEvent,
    stages: [CudaEvent; 3],
    stop: CudaEvent,
}

impl Clock {
    pub(crate) fn new(device: &Device) -> Result<Self, CudaError> {
        let event = || device.timed_event();
        Ok(Clock { start: event()?, stages: [event()?, event()?, event()?], stop: event()? })
    }

    pub(crate) fn start(&self, stream: &CudaStream) -> Result<(), CudaError> {
        self.start.record(stream).to("record an event")
    }

    pub(crate) fn stage_done(&self, stream: &CudaStream, stage: Stage) -> Result<(), CudaError> {
        self.stages[stage as usize].record(stream).to("record an event")
    }

    pub(crate) fn stop(&self, stream: &CudaStream) -> Result<(), CudaError> {
        self.stop.record(stream).to("record an event")
    }

    /// The time of each stage; waits for the last event.
    pub(crate) fn times(&self) -> Result<StageTimes, CudaError> {
        let between = |a: &CudaEvent, b: &CudaEvent| {
            let milliseconds = a.elapsed_ms(b).to("read the clock")?;
            Ok(Duration::from_secs_f64(f64::from(milliseconds) / 1e3))
        };
        let [pre_convergence, conversion, post_convergence] = &self.stages;
        Ok(StageTimes {
            pre_convergence: between(&self.start, pre_convergence)?,
            conversion: between(pre_convergence, conversion)?,
            post_convergence: between(conversion, post_convergence)?,
            recovery: between(post_convergence, &self.stop)?,
        })
    }
}
