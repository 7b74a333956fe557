use std::time::Duration;

use crate::Output;
use crate::network::Reduction;

/// The answer of an inference and how it came about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The activations after the last layer.
    pub output: Output,
    /// Times and counts.
    pub report: Report,
}

impl Outcome {
    /// Puts an outcome together; for engines.
    pub fn new(output: Output, report: Report) -> Self {
        Outcome { output, report }
    }
}

/// Times and counts of an inference, over all its batches.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The threshold layer `t` that was used.
    pub threshold_layer: usize,
    /// Wall-clock time of each stage.
    pub times: StageTimes,
    /// Copying the inputs to the memory of the device, before the clock of `times` starts; zero on a CPU.
    pub upload: Duration,
    /// Non-empty columns that entered each layer, summed over batches. Index 0 is the first layer; the
    /// last entry, one behind the last layer, counts the columns of the output. After conversion,
    /// centroids and non-empty residue columns are counted. No column enters the layers that an early exit
    /// skips.
    pub live_columns: Vec<u64>,
    /// Centroid columns, summed over batches; `None` for methods that have none. A batch that exits early
    /// before the conversion has none.
    pub centroids: Option<u64>,
    /// What merging equal neurons left of the network, where the plan asks for it.
    pub reduction: Option<Reduction>,
    /// After how many layers the others were skipped because every column was saturated or zero, where the
    /// plan asks for it ([`EarlyExit`](super::EarlyExit)); the most of all batches. `None` if a batch went
    /// through all layers.
    pub early_exit: Option<usize>,
}

impl Report {
    /// Adds the report of another batch.
    pub(super) fn append(&mut self, next: Report) {
        self.times.add(&next.times);
        self.upload += next.upload;
        self.centroids = self.centroids.zip(next.centroids).map(|(a, b)| a + b);
        self.early_exit = self.early_exit.zip(next.early_exit).map(|(a, b)| a.max(b));
        for (mine, next) in self.live_columns.iter_mut().zip(next.live_columns) {
            *mine += next;
        }
    }
}

/// Wall-clock time of SNICIT's stages. For a plain feed-forward method the layers up to the threshold
/// layer count as `pre_convergence`, those behind it as `post_convergence`, and the others are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Layers up to the threshold layer.
    pub pre_convergence: Duration,
    /// Sampling, pruning, assignment and residues.
    pub conversion: Duration,
    /// Layers behind the threshold layer.
    pub post_convergence: Duration,
    /// Putting centroids and residues together again.
    pub recovery: Duration,
}

impl StageTimes {
    /// All stages together.
    pub fn total(&self) -> Duration {
        self.pre_convergence + self.conversion + self.post_convergence + self.recovery
    }

    fn add(&mut self, other: &StageTimes) {
        self.pre_convergence += other.pre_convergence;
        self.conversion += other.conversion;
        self.post_convergence += other.post_convergence;
        self.recovery += other.recovery;
    }
}
