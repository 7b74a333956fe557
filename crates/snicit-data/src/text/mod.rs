//! Text files of tab-separated numbers, plain or gzip.

mod fields;
mod lines;
mod pipeline;
mod source;
mod triples;
mod write;

pub(crate) use fields::{Single, Triple, parse_index, parse_number};
pub(crate) use lines::{LineCount, Located, for_each_block, for_each_line};
pub(crate) use pipeline::{Outlet, Stop, pipeline};
pub(crate) use source::Source;
pub(crate) use triples::TripleReader;
pub(crate) use write::{push_decimal, push_scientific};
