//! The CPU engine against the f64 reference and the papers' definitions.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod divided;
mod extra_cases;
mod extras;
mod methods;
mod problem;
mod refusals;
mod snicit_stages;
mod trained;
