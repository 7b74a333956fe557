//! The method and SNICIT's parameters.

use clap::{Arg, Args};
use snicit::{FeedForward, Method, Plan, SnicitOptions};

use crate::args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Parameters of SNICIT")]
pub(crate) struct SnicitArgs {
    /// Columns sampled to find the centroids (s) [default: 32]
    #[arg(long, value_name = "COUNT", value_parser = args::count)]
    sampled_columns: Option<usize>,

    /// Segments that a sampled column is summed up in (n); none compares neuron by neuron [default: 16]
    #[arg(long, value_name = "COUNT|none", value_parser = segments)]
    segments: Option<Segments>,

    /// How far apart two segment sums may lie and still count as equal (η) [default: 0.03]
    #[arg(long, value_name = "NUMBER")]
    sum_tolerance: Option<f32>,

    /// Two samples are one centroid when a smaller share of their sums differs (ε) [default: 0.03]
    #[arg(long, value_name = "SHARE")]
    differing_share: Option<f32>,

    /// Residues up to this size become zero at conversion [default: 0, which loses nothing]
    #[arg(long, value_name = "NUMBER")]
    prune_at_conversion: Option<f32>,

    /// Residues up to this size become zero after each later layer [default: 0, which loses nothing]
    #[arg(long, value_name = "NUMBER")]
    prune_at_update: Option<f32>,

    /// Layers after which the list of non-empty columns is rebuilt [default: 200]
    #[arg(long, value_name = "LAYERS", value_parser = args::count)]
    rebuild_interval: Option<usize>,

    /// Method of the layers up to the threshold layer [default: XY]
    #[arg(long, value_name = "BF|SNIG|XY", value_parser = feed_forward)]
    pre_convergence: Option<FeedForward>,

    /// Method whose kernel multiplies the converted columns [default: XY]
    #[arg(long, value_name = "BF|SNIG|XY", value_parser = feed_forward)]
    post_convergence: Option<FeedForward>,
}

impl SnicitArgs {
    /// `defaults`, changed where an option was given.
    pub(crate) fn apply(&self, defaults: SnicitOptions) -> SnicitOptions {
        let mut options = defaults;
        set(&mut options.sampled_columns, self.sampled_columns);
        set(&mut options.segments, self.segments.map(|segments| segments.0));
        set(&mut options.sum_tolerance, self.sum_tolerance);
        set(&mut options.differing_share, self.differing_share);
        set(&mut options.prune_at_conversion, self.prune_at_conversion);
        set(&mut options.prune_at_update, self.prune_at_update);
        set(&mut options.rebuild_interval, self.rebuild_interval);
        set(&mut options.pre_convergence, self.pre_convergence);
        set(&mut options.post_convergence, self.post_convergence);
        options
    }
}

/// The help of an argument of [`SnicitArgs`] where the defaults are those of the paper's trained networks.
pub(crate) fn medium_scale_help(arg: Arg) -> Arg {
    let options = SnicitOptions::medium_scale();
    let default = match arg.get_id().as_str() {
        "sampled_columns" => options.sampled_columns.to_string(),
        "segments" => {
            options.segments.map_or_else(|| "none".to_owned(), |segments| segments.to_string())
        }
        "prune_at_conversion" => options.prune_at_conversion.to_string(),
        "prune_at_update" => options.prune_at_update.to_string(),
        "rebuild_interval" => options.rebuild_interval.to_string(),
        "pre_convergence" | "post_convergence" => "XY; the paper: BF".to_owned(),
        _ => return arg,
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let what = help.split(" [default").next().unwrap_or_default();
    let help = format!("{what} [default: {default}]");
    arg.help(help)
}

fn set<T: Copy>(option: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *option = given;
    }
}

/// The plan of `method`, with the threshold layer where one was given.
pub(crate) fn plan(method: Method, threshold_layer: Option<usize>) -> Plan {
    match threshold_layer {
        Some(t) => Plan::new(method).at_threshold_layer(t),
        None => Plan::new(method),
    }
}

/// A method by its name, `XY` or `XY-2021`, in any case.
pub(crate) fn method(name: &str) -> Result<Method, String> {
    name.parse().map_err(|_| "expected BF, SNIG, XY or SNICIT".to_owned())
}

fn feed_forward(name: &str) -> Result<FeedForward, String> {
    match method(name) {
        Ok(Method::Bf2019) => Ok(FeedForward::Bf2019),
        Ok(Method::Snig2020) => Ok(FeedForward::Snig2020),
        Ok(Method::Xy2021) => Ok(FeedForward::Xy2021),
        Ok(Method::Snicit) | Err(_) => Err("expected BF, SNIG or XY".to_owned()),
    }
}

/// A type of its own because clap takes an `Option` for an optional argument.
#[derive(Debug, Clone, Copy)]
struct Segments(Option<usize>);

fn segments(text: &str) -> Result<Segments, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Segments(None));
    }
    let segments = args::count(text).map_err(|expected| format!("{expected}, or none"))?;
    Ok(Segments(Some(segments)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        snicit: SnicitArgs,
    }

    fn options(arguments: &[&str]) -> SnicitOptions {
        let only = Only::try_parse_from([&["test"], arguments].concat()).unwrap();
        only.snicit.apply(SnicitOptions::sdgc())
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(options(&[]), SnicitOptions::sdgc());
    }

    #[test]
    fn every_parameter_can_be_set() {
        let mut expected = SnicitOptions::sdgc();
        expected.sampled_columns = 7;
        expected.segments = None;
        expected.sum_tolerance = 0.1;
        expected.differing_share = 0.2;
        expected.prune_at_conversion = 0.3;
        expected.prune_at_update = 0.4;
        expected.rebuild_interval = 5;
        expected.pre_convergence = FeedForward::Bf2019;
        expected.post_convergence = FeedForward::Snig2020;
        let line = "--sampled-columns 7 --segments none --sum-tolerance 0.1 --differing-share 0.2 \
            --prune-at-conversion 0.3 --prune-at-update 0.4 --rebuild-interval 5 \
            --pre-convergence bf --post-convergence SNIG-2020";
        assert_eq!(options(&line.split_whitespace().collect::<Vec<_>>()), expected);
    }
}
