//! What every engine, on whatever device, takes and gives.

mod early_exit;
mod outcome;
mod plan;

pub use early_exit::EarlyExit;
pub use outcome::{Outcome, Report, StageTimes};
pub use plan::{FeedForward, Method, Plan, SnicitOptions, Threshold};

use crate::{Error, InputBatch, Inputs, Network, Output};

/// A device that can infer.
pub trait Engine {
    /// The device in words, for people.
    fn device(&self) -> String;

    /// Does once what can be done once for `network`: choose kernels, find structure, lay out weights.
    ///
    /// # Errors
    /// If the plan does not fit the network.
    fn prepare(&self, network: &Network, plan: &Plan) -> Result<Box<dyn Prepared>, Error>;
}

/// A network made ready on a device; serves any number of batches.
pub trait Prepared: Send + Sync {
    /// Features an input must have.
    fn features(&self) -> usize;

    /// What was found while preparing, a sentence each; for people.
    fn notes(&self) -> Vec<String>;

    /// Sends one batch through the network. The output's inputs are counted from the batch's first.
    ///
    /// # Errors
    /// If the batch is empty or does not fit the network, or the observer cancels.
    fn infer_batch(&self, batch: &InputBatch<'_>, observer: &dyn Observer) -> Result<Outcome, Error>;

    /// Sends all inputs through the network as one batch.
    ///
    /// # Errors
    /// As [`Prepared::infer_batch`].
    fn infer(&self, inputs: &Inputs) -> Result<Outcome, Error> {
        self.infer_batch(&inputs.all(), &())
    }

    /// Sends the inputs through the network in batches of `size`; times and counts are added up.
    ///
    /// # Errors
    /// As [`Prepared::infer_batch`]; also if `size` is 0.
    fn infer_in_batches(
        &self,
        inputs: &Inputs,
        size: usize,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        if size == 0 {
            return Err(Error::InvalidOption {
                option: "the batch size",
                expected: "at least 1",
                found: size.to_string(),
            });
        }
        let mut batches = inputs.batches(size);
        let first = batches.next().ok_or(Error::NoInputs)?;
        let mut outcome = self.infer_batch(&first, observer)?;
        for batch in batches {
            outcome.append(self.infer_batch(&batch, observer)?);
        }
        Ok(outcome)
    }
}

/// Checks what every engine must check of a batch before it starts: that it has inputs, and that these
/// have `features` features.
///
/// # Errors
/// [`Error::NoInputs`] or [`Error::InputWidth`].
pub fn validate_batch(batch: &InputBatch<'_>, features: usize) -> Result<(), Error> {
    if batch.is_empty() {
        return Err(Error::NoInputs);
    }
    let found = batch.inputs().features();
    if found != features {
        return Err(Error::InputWidth { expected: features, found });
    }
    Ok(())
}

/// Watches an inference and may end it early. Called from worker threads.
pub trait Observer: Sync {
    /// `column_layers` more pairs of (input, layer) are done; a batch has `inputs × layers` of them.
    fn advanced(&self, column_layers: u64) {
        let _ = column_layers;
    }

    /// Whether to stop; asked once a layer or, where many layers are sent to a device at once, before each
    /// such run of layers.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
impl Observer for () {}

impl Outcome {
    /// Adds the outcome of the batch that follows: outputs are put together, times and counts added up.
    ///
    /// # Panics
    /// If the outputs have different numbers of neurons.
    pub fn append(&mut self, next: Outcome) {
        Output::append(&mut self.output, next.output);
        self.report.append(next.report);
    }
}
