//! The CUDA engine against the f64 reference, SNICIT's definition and the CPU engine.
//!
//! Where there is no GPU the tests say that they are skipped; with `$SNICIT_REQUIRE_GPU` set they fail.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod dense;
mod engines;
// What must hold of the extras on any device.
#[path = "../../../snicit/tests/cpu/extra_cases.rs"]
mod extra_cases;
mod extras;
mod large;
mod methods;
mod mini_blocks;
mod peers;
mod post_convergence;
mod problem;
mod refusals;
// The same tests that the CPU engine must pass; they take their engines from `crate::problem`.
#[path = "../../../snicit/tests/cpu/snicit_stages.rs"]
mod snicit_stages;
mod wide;
