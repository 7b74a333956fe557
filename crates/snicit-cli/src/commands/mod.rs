//! The subcommands, one each: their arguments, and what they call and print.

pub(crate) mod bench;
pub(crate) mod beyond;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod devices;
pub(crate) mod infer;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod report;
pub(crate) mod sdgc;
