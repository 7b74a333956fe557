//! What is measured: one point of a sweep.

use serde::{Deserialize, Serialize};

/// A network with inputs for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Workload {
    /// A benchmark of the Sparse DNN Graph Challenge: `neurons`-`layers`, and how many of its inputs.
    Sdgc {
        /// Neurons a layer, N.
        neurons: usize,
        /// Layers, l.
        layers: usize,
        /// The first so many inputs.
        inputs: usize,
    },
    /// A trained network of the paper's Table 4.
    MediumScale {
        /// `A`, `B`, `C` or `D`.
        network: String,
        /// The first so many inputs of the test set.
        inputs: usize,
    },
}

impl Workload {
    /// Inputs in all.
    pub fn inputs(&self) -> usize {
        match self {
            Workload::Sdgc { inputs, .. } | Workload::MediumScale { inputs, .. } => *inputs,
        }
    }

    /// `1024-120`, or `A`.
    pub fn name(&self) -> String {
        match self {
            Workload::Sdgc { neurons, layers, .. } => format!("{neurons}-{layers}"),
            Workload::MediumScale { network, .. } => network.clone(),
        }
    }
}

/// One point of a sweep: what is done once, and kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Task {
    /// All inputs of a workload through its network, timed.
    Inference {
        /// The network and its inputs.
        workload: Workload,
        /// The method's name; a string, so that results can hold methods this version does not know.
        method: String,
        /// The threshold layer t; of medium-scale networks counted from the first sparse layer.
        threshold_layer: usize,
        /// Inputs that go through together, B.
        batch: usize,
    },
    /// Counts of a network and its inputs.
    Statistics {
        /// The network and its inputs.
        workload: Workload,
    },
    /// The activations after some layer, in two dimensions (t-SNE).
    Embedding {
        /// The network and its inputs.
        workload: Workload,
        /// After how many layers.
        layer: usize,
    },
}

impl Task {
    /// The network and its inputs.
    pub fn workload(&self) -> &Workload {
        match self {
            Task::Inference { workload, .. }
            | Task::Statistics { workload }
            | Task::Embedding { workload, .. } => workload,
        }
    }

    /// A name for files: the same for equal tasks, different for different ones.
    pub fn key(&self) -> String {
        let workload = match self.workload() {
            Workload::Sdgc { neurons, layers, inputs } => {
                format!("sdgc-n{neurons}-l{layers}-i{inputs}")
            }
            Workload::MediumScale { network, inputs } => format!("medium-{network}-i{inputs}"),
        };
        match self {
            Task::Inference { method, threshold_layer, batch, .. } => {
                let method = method.to_lowercase();
                format!("{workload}-{method}-t{threshold_layer}-b{batch}")
            }
            Task::Statistics { .. } => format!("{workload}-statistics"),
            Task::Embedding { layer, .. } => format!("{workload}-embedding-{layer}"),
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        let name = self.workload().name();
        match self {
            Task::Inference { workload, method, threshold_layer, batch } => {
                let batch = if *batch < workload.inputs() {
                    format!(", B = {}", crate::numbers::count(*batch as u64))
                } else {
                    String::new()
                };
                let inputs = crate::numbers::count(workload.inputs() as u64);
                format!("{method} on {name}, t = {threshold_layer}{batch}, {inputs} inputs")
            }
            Task::Statistics { .. } => format!("statistics of {name}"),
            Task::Embedding { layer, .. } => format!("t-SNE of {name} after layer {layer}"),
        }
    }
}
