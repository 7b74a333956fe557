//! The CPU engine: all four methods on threads and SIMD.
//!
//! The way of a batch: `run` cuts it, `chunk` turns columns into `tile`s, a method (`feed_forward` with
//! the products of `bf2019` or `xy2021`; `snig2020`; `snicit`) takes them through the layers with the
//! `kernels`.

mod bf2019;
mod chunk;
mod dense;
mod divided;
mod either;
mod feed_forward;
mod instruction_set;
mod kernels;
mod layout;
mod merge;
mod prepared;
mod run;
mod simd;
mod snicit;
mod snig2020;
mod spmm;
mod tile;
mod xy2021;

pub use instruction_set::InstructionSet;

use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::engine::{Engine, Plan, Prepared};
use crate::{Error, Network};
use kernels::Kernels;
use prepared::CpuPrepared;

/// What the CPU engine may use.
#[derive(Debug, Clone, Default)]
pub struct CpuOptions {
    /// Threads; `None` for `$RAYON_NUM_THREADS` or, where that is not set, as many as there are cores.
    pub threads: Option<NonZeroUsize>,
    /// Vector instructions; `None` for the best that the processor has.
    pub instruction_set: Option<InstructionSet>,
}

/// Infers on the cores of this machine. Results do not depend on the number of threads.
#[derive(Debug, Clone)]
pub struct CpuEngine {
    pool: Arc<ThreadPool>,
    kernels: Kernels,
}

impl CpuEngine {
    /// An engine on all cores with the best instructions that the processor has.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub fn new() -> Result<Self, Error> {
        Self::with_options(&CpuOptions::default())
    }

    /// An engine with the given limits.
    ///
    /// # Errors
    /// If the processor does not have the instruction set, or threads cannot be started.
    pub fn with_options(options: &CpuOptions) -> Result<Self, Error> {
        let set = options.instruction_set.unwrap_or_else(InstructionSet::best);
        let kernels = Kernels::new(set).ok_or(Error::InstructionSetMissing(set.name()))?;
        let threads = options.threads.map_or(0, NonZeroUsize::get);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("snicit-{i}"))
            .build()
            .map_err(|error| Error::Threads { threads, reason: error.to_string() })?;
        Ok(CpuEngine { pool: Arc::new(pool), kernels })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The vector instructions in use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.kernels.instruction_set()
    }
}

impl Engine for CpuEngine {
    fn device(&self) -> String {
        let threads = self.threads();
        let plural = if threads == 1 { "" } else { "s" };
        format!("CPU, {threads} thread{plural}, {}", self.instruction_set())
    }

    fn prepare(&self, network: &Network, plan: &Plan) -> Result<Box<dyn Prepared>, Error> {
        let pool = Arc::clone(&self.pool);
        let prepared = self.pool.install(|| CpuPrepared::new(pool, self.kernels, network, plan))?;
        Ok(Box::new(prepared))
    }
}
