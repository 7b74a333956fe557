use std::str::FromStr;

use crate::{Error, Network};

/// How to infer: the method and its options.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The method.
    pub method: Method,
    /// Where SNICIT converts. The other methods convert nothing; for them the threshold layer only
    /// divides the reported time into the layers up to it and the layers behind it.
    pub threshold: Threshold,
    /// Options of SNICIT; the other methods ignore them.
    pub snicit: SnicitOptions,
    /// Compute equal columns once (lossless; not part of any of the papers' methods, and off by
    /// default). Needs a method that moves columns: BF-2019, XY-2021, or SNICIT with one of these up
    /// to the threshold layer; SNIG-2020 ignores it.
    pub merge_equal_columns: bool,
    /// Compute equal neurons once, in the network that [`MergedNeurons`](crate::network::MergedNeurons)
    /// makes (lossless but for the rounding of added weights; not part of any of the papers' methods, and
    /// off by default).
    pub merge_equal_neurons: bool,
    /// Skip the remaining layers when they provably change nothing any more, see
    /// [`EarlyExit`](crate::engine::EarlyExit) (lossless; not part of any of the papers' methods, and off by
    /// default). On a GPU this is decided at the threshold layer only, and SNIG-2020 skips nothing there.
    pub early_exit: bool,
}

impl Plan {
    /// The method with the Graph Challenge's defaults: threshold layer 30, or the last layer of a
    /// network with fewer.
    pub fn new(method: Method) -> Self {
        let snicit = SnicitOptions::sdgc();
        Plan {
            method,
            threshold: Threshold::Default,
            snicit,
            merge_equal_columns: false,
            merge_equal_neurons: false,
            early_exit: false,
        }
    }

    /// The same plan with threshold layer `t`.
    pub fn at_threshold_layer(mut self, t: usize) -> Self {
        self.threshold = Threshold::Layer(t);
        self
    }

    /// The same plan with other SNICIT options.
    pub fn with_snicit(mut self, options: SnicitOptions) -> Self {
        self.snicit = options;
        self
    }

    /// The same plan, but equal columns are computed once.
    pub fn merging_equal_columns(mut self) -> Self {
        self.merge_equal_columns = true;
        self
    }

    /// The same plan, but equal neurons are computed once.
    pub fn merging_equal_neurons(mut self) -> Self {
        self.merge_equal_neurons = true;
        self
    }

    /// The same plan, but layers that provably change nothing any more are skipped.
    pub fn exiting_early(mut self) -> Self {
        self.early_exit = true;
        self
    }

    /// The threshold layer for `network`, after checking every option.
    ///
    /// # Errors
    /// [`Error::ThresholdBeyondLayers`] or [`Error::InvalidOption`].
    pub fn threshold_layer(&self, network: &Network) -> Result<usize, Error> {
        self.snicit.validate()?;
        let layers = network.layers().len();
        match self.threshold {
            Threshold::Default => Ok(Threshold::SDGC.min(layers)),
            Threshold::Layer(threshold) if threshold > layers => {
                Err(Error::ThresholdBeyondLayers { threshold, layers })
            }
            Threshold::Layer(threshold) => Ok(threshold),
        }
    }
}

/// The method of inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Bisson and Fatica, HPEC 2019.
    Bf2019,
    /// Lin and Huang, HPEC 2020.
    Snig2020,
    /// Xin et al., HPEC 2021.
    Xy2021,
    /// Jiang et al., ICPP 2023.
    Snicit,
}

impl Method {
    /// All methods, oldest first.
    pub const ALL: [Method; 4] = [Method::Bf2019, Method::Snig2020, Method::Xy2021, Method::Snicit];

    /// The name as the field writes it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Bf2019 => "BF-2019",
            Method::Snig2020 => "SNIG-2020",
            Method::Xy2021 => "XY-2021",
            Method::Snicit => "SNICIT",
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    /// Takes the full name or the part before the dash, in any case.
    fn from_str(name: &str) -> Result<Self, Error> {
        let is = |method: &Method| {
            let full = method.name();
            let short = full.split('-').next().unwrap_or(full);
            name.eq_ignore_ascii_case(full) || name.eq_ignore_ascii_case(short)
        };
        Method::ALL.into_iter().find(is).ok_or_else(|| Error::InvalidOption {
            option: "the method",
            expected: "BF, SNIG, XY or SNICIT",
            found: name.to_owned(),
        })
    }
}

/// A plain feed-forward method, one that computes every layer in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedForward {
    /// BF-2019.
    Bf2019,
    /// SNIG-2020.
    Snig2020,
    /// XY-2021.
    Xy2021,
}

impl From<FeedForward> for Method {
    fn from(method: FeedForward) -> Self {
        match method {
            FeedForward::Bf2019 => Method::Bf2019,
            FeedForward::Snig2020 => Method::Snig2020,
            FeedForward::Xy2021 => Method::Xy2021,
        }
    }
}

/// The threshold layer `t`: SNICIT converts after this many layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Threshold {
    /// [`Threshold::SDGC`], or the last layer of a network with fewer.
    Default,
    /// After this many layers: 0 (the inputs themselves are clustered) to the number of layers.
    Layer(usize),
}

impl Threshold {
    /// The paper's threshold layer for the Graph Challenge.
    pub const SDGC: usize = 30;
}

/// SNICIT's parameters, with the paper's symbols.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SnicitOptions {
    /// `s`: how many columns are sampled to find the centroids; at least 1.
    pub sampled_columns: usize,
    /// `n`: into how many segments a sampled column is cut, each summed up; `None` compares the
    /// columns neuron by neuron (`n = N`). More segments than neurons count as `None`.
    pub segments: Option<usize>,
    /// η: two segment sums differ when they are further apart than this; at least 0.
    pub sum_tolerance: f32,
    /// ε: a sample merges into another when fewer than `n·ε` of its sums differ; 0 to 1.
    pub differing_share: f32,
    /// Residues of at most this size become zero when they are formed; 0 prunes nothing.
    pub prune_at_conversion: f32,
    /// Residues of at most this size become zero after each further layer; 0 prunes nothing.
    pub prune_at_update: f32,
    /// After how many layers the list of non-empty columns (`ne_idx`) is rebuilt; at least 1.
    pub rebuild_interval: usize,
    /// The method of the layers up to the threshold layer.
    pub pre_convergence: FeedForward,
    /// The method whose kernel multiplies the converted columns.
    pub post_convergence: FeedForward,
}

impl SnicitOptions {
    /// The paper's parameters for the Graph Challenge; nothing is pruned, so the answer is exact up to
    /// rounding.
    pub fn sdgc() -> Self {
        SnicitOptions {
            sampled_columns: 32,
            segments: Some(16),
            sum_tolerance: 0.03,
            differing_share: 0.03,
            prune_at_conversion: 0.0,
            prune_at_update: 0.0,
            rebuild_interval: 200,
            pre_convergence: FeedForward::Xy2021,
            post_convergence: FeedForward::Xy2021,
        }
    }

    /// The paper's parameters for the medium-scale trained networks; residues are pruned.
    pub fn medium_scale() -> Self {
        SnicitOptions {
            sampled_columns: 128,
            segments: None,
            prune_at_conversion: 0.04,
            prune_at_update: 0.05,
            rebuild_interval: 1,
            pre_convergence: FeedForward::Bf2019,
            post_convergence: FeedForward::Bf2019,
            ..Self::sdgc()
        }
    }

    /// Checks that every option is in its range. [`Engine::prepare`](crate::Engine::prepare) does so too.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for the first that is not.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |option, expected, found: String, valid: bool| {
            if valid { Ok(()) } else { Err(Error::InvalidOption { option, expected, found }) }
        };
        let counts = [
            ("the number of sampled columns", self.sampled_columns),
            ("the number of segments", self.segments.unwrap_or(1)),
            ("the rebuild interval", self.rebuild_interval),
        ];
        for (option, found) in counts {
            check(option, "at least 1", found.to_string(), found >= 1)?;
        }
        let sizes = [
            ("the tolerance of segment sums", self.sum_tolerance),
            ("the pruning at conversion", self.prune_at_conversion),
            ("the pruning at update", self.prune_at_update),
        ];
        for (option, found) in sizes {
            let valid = found.is_finite() && found >= 0.0;
            check(option, "a finite number, at least 0", found.to_string(), valid)?;
        }
        let share = self.differing_share;
        check(
            "the share of differing sums",
            "from 0 to 1",
            share.to_string(),
            (0.0..=1.0).contains(&share),
        )
    }
}

impl Default for SnicitOptions {
    fn default() -> Self {
        Self::sdgc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_both_names() {
        for method in Method::ALL {
            assert_eq!(method.name().to_lowercase().parse::<Method>().unwrap(), method);
        }
        assert_eq!("bf".parse::<Method>().unwrap(), Method::Bf2019);
        assert_eq!("SNICIT".parse::<Method>().unwrap(), Method::Snicit);
        let error = "SN".parse::<Method>().unwrap_err();
        assert_eq!(error.to_string(), "the method is SN, expected BF, SNIG, XY or SNICIT");
    }

    #[test]
    fn options_out_of_range_are_named() {
        let refuse = |change: fn(&mut SnicitOptions)| {
            let mut options = SnicitOptions::sdgc();
            change(&mut options);
            options.validate().unwrap_err().to_string()
        };
        assert_eq!(
            refuse(|o| o.sampled_columns = 0),
            "the number of sampled columns is 0, expected at least 1"
        );
        assert_eq!(
            refuse(|o| o.prune_at_update = f32::NAN),
            "the pruning at update is NaN, expected a finite number, at least 0"
        );
        assert_eq!(
            refuse(|o| o.differing_share = 1.5),
            "the share of differing sums is 1.5, expected from 0 to 1"
        );
        assert!(SnicitOptions::medium_scale().validate().is_ok());
    }
}
