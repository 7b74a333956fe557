//! Runs the built command as a user would, each test in a folder of its own.

// The helpers are test code too, but clippy knows only the test functions themselves.
#![allow(clippy::unwrap_used)]

mod bad_input;
#[cfg(unix)]
mod bench;
mod beyond;
mod cache;
mod convert;
mod data;
mod demo;
mod fetch;
mod infer;
mod inspect;
#[cfg(unix)]
mod kill;
mod networks;
mod official_subset;
mod output;
mod sdgc;
#[path = "../../../snicit-data/tests/common/server.rs"]
mod server;
mod support;
