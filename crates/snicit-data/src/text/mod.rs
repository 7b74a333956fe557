//! Text files of tab-separated numbers, plain or gzip.

mod fields;
mod lines;
mod pipeline;
mod source;
mod triples;
mod write;

pub(crate) use fields::{Pair, Single, Triple, is_inexact, parse_index, parse_number};
pub(crate) use lines::{BLOCK_BYTES, LineCount, Located, for_each_block, for_each_line, split_line};
pub(crate) use pipeline::{Outlet, Stop, pipeline};
pub(crate) use source::Source;
pub(crate) use triples::{TripleReader, read_pairs};
pub(crate) use write::{push_decimal, push_scientific, write_file};
