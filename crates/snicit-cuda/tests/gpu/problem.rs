//! The random networks of the CPU engine's tests, and the engines that are to solve them.

#[path = "../../../snicit/tests/cpu/problem.rs"]
#[allow(dead_code, reason = "the CPU's tests use the rest")]
mod shared;

pub(crate) use crate::engines::engines;
pub(crate) use shared::{Problem, worst_excess};
