use std::fmt;
use std::str::FromStr;

/// One of the paper's medium-scale benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Letter {
    /// 128 neurons, 18 sparse layers, MNIST.
    A,
    /// 256 neurons, 18 sparse layers, MNIST.
    B,
    /// 256 neurons, 12 sparse layers, MNIST.
    C,
    /// 256 neurons, 12 sparse layers, CIFAR-10.
    D,
}

/// What a benchmark classifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataSet {
    /// Handwritten digits, 28 × 28 grey pixels.
    Mnist,
    /// Photographs, 32 × 32 pixels in three colours.
    Cifar10,
}

impl Letter {
    /// All benchmarks.
    pub const ALL: [Letter; 4] = [Letter::A, Letter::B, Letter::C, Letter::D];

    /// Neurons a sparse layer (N).
    pub fn neurons(self) -> usize {
        if self == Letter::A { 128 } else { 256 }
    }

    /// Sparse layers (l).
    pub fn sparse_layers(self) -> usize {
        match self {
            Letter::A | Letter::B => 18,
            Letter::C | Letter::D => 12,
        }
    }

    /// Connections of a sparse layer over possible connections.
    pub fn density(self) -> f64 {
        match self {
            Letter::A | Letter::B => 0.6,
            Letter::C | Letter::D => 0.5,
        }
    }

    /// The accuracy of the paper's network, in percent.
    pub fn paper_accuracy(self) -> f64 {
        match self {
            Letter::A => 94.94,
            Letter::B => 96.88,
            Letter::C => 95.61,
            Letter::D => 75.86,
        }
    }

    /// What it classifies.
    pub fn data_set(self) -> DataSet {
        if self == Letter::D { DataSet::Cifar10 } else { DataSet::Mnist }
    }

    /// Dense layers before the first sparse one.
    pub fn dense_layers_before(self) -> usize {
        match self.data_set() {
            DataSet::Mnist => 1,
            DataSet::Cifar10 => 0,
        }
    }

    /// All layers, the dense ones and the last included.
    pub fn layers(self) -> usize {
        self.dense_layers_before() + self.sparse_layers() + 1
    }

    /// Features of an input of the network.
    pub fn features(self) -> usize {
        match self.data_set() {
            DataSet::Mnist => 28 * 28,
            DataSet::Cifar10 => self.neurons(),
        }
    }

    /// The network's threshold layer for the threshold layer `t` of the sparse layers: SNICIT converts after
    /// `t` sparse layers, whatever comes before them.
    pub fn network_threshold_layer(self, t: usize) -> usize {
        self.dense_layers_before() + t
    }
}

impl DataSet {
    /// The name as the field writes it.
    pub fn name(self) -> &'static str {
        match self {
            DataSet::Mnist => "MNIST",
            DataSet::Cifar10 => "CIFAR-10",
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Letter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Letter::ALL.into_iter().find(|letter| letter.to_string().eq_ignore_ascii_case(text));
        found.ok_or_else(|| "expected A, B, C or D".to_owned())
    }
}
