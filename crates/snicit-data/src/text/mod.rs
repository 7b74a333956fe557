//! Text files of tab-separated numbers, plain or gzip.

mod fields;
mod lines;
mod source;
mod write;

pub(crate) use fields::{NumberCache, Single, Triple};
pub(crate) use lines::for_each_line;
pub(crate) use source::Source;
pub(crate) use write::{push_decimal, push_scientific};
