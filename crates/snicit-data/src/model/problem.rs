/// What can be wrong with the file of a network or of what goes with it. Layers count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelProblem {
    /// The file is not in the format it should be in.
    #[error("the file is no {format}: {reason}")]
    Format {
        /// The format.
        format: &'static str,
        /// What its reader stumbled over.
        reason: String,
    },
    /// Something is not there.
    #[error("{what} is missing")]
    Missing {
        /// What there should be.
        what: String,
    },
    /// Something is there that belongs to nothing.
    #[error("{what} is unknown, expected {expected}")]
    Unknown {
        /// What is there.
        what: String,
        /// What there may be.
        expected: &'static str,
    },
    /// Something is not what it should be.
    #[error("{what} is {found}, expected {expected}")]
    Unexpected {
        /// The part of the file.
        what: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A layer cannot be made of what is there.
    #[error("layer {layer}: {problem}")]
    Layer {
        /// The layer, 1-based.
        layer: usize,
        /// What the library says.
        problem: snicit::Error,
    },
    /// The layers do not make a network, or a tensor no inputs.
    #[error(transparent)]
    Refused(#[from] snicit::Error),
}

impl ModelProblem {
    pub(crate) fn missing(what: impl Into<String>) -> Self {
        ModelProblem::Missing { what: what.into() }
    }

    pub(crate) fn unexpected(
        what: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        ModelProblem::Unexpected { what: what.into(), found: found.into(), expected: expected.into() }
    }

    pub(crate) fn layer(layer: usize, problem: impl Into<snicit::Error>) -> Self {
        ModelProblem::Layer { layer, problem: problem.into() }
    }
}
