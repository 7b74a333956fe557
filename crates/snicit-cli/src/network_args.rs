//! Which network and which inputs: the arguments that several subcommands share.

use std::path::PathBuf;

use clap::Args;

use crate::args;

#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// Neurons a layer (N)
    #[arg(short, long, value_name = "N", default_value = "1024", value_parser = args::count)]
    pub(crate) neurons: usize,

    /// Bias of every neuron; needed when N is not 1024, 4096, 16384 or 65536
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) bias: Option<f32>,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// Folder of the layer files, n1024-l1.tsv …, or a tar archive of it; instead of --data
    #[arg(long, value_name = "DIR|FILE", conflicts_with = "data")]
    pub(crate) weights: Option<PathBuf>,

    /// Read the files themselves; neither load from the cache nor write to it
    #[arg(long)]
    pub(crate) no_cache: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Data folder in the official layout [default: $SNICIT_DATA, else snicit in the XDG data folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// File of the inputs; together with --weights
    #[arg(long, value_name = "FILE", requires = "weights", conflicts_with = "data")]
    pub(crate) inputs: Option<PathBuf>,

    /// Number of inputs in the file, where the last ones have no feature [default: the last one listed]
    #[arg(long, value_name = "COUNT", value_parser = args::inputs)]
    pub(crate) input_count: Option<usize>,
}
