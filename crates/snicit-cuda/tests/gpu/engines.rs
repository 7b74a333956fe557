//! The engines under test, or none.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use snicit::{Engine, Error, Network, Plan, Prepared};
use snicit_cuda::{CudaEngine, CudaError, CudaOptions, MiniBlockUse, WeightPlacement};

/// An engine with what is special about it.
#[derive(Clone)]
pub(crate) struct TestEngine {
    pub(crate) engine: CudaEngine,
    name: &'static str,
}

impl TestEngine {
    /// What is special about it; the name that the CPU's tests know.
    pub(crate) fn instruction_set(&self) -> &'static str {
        self.name
    }
}

impl Engine for TestEngine {
    fn device(&self) -> String {
        self.engine.device()
    }

    fn prepare(&self, network: &Network, plan: &Plan) -> Result<Box<dyn Prepared>, Error> {
        self.engine.prepare(network, plan)
    }
}

/// An engine with the usual options, and one that streams the weights and cuts the layers into small
/// slabs. None, with a line that says so, if there is no GPU.
pub(crate) fn engines() -> Vec<TestEngine> {
    static ENGINES: OnceLock<Vec<TestEngine>> = OnceLock::new();
    let engines = ENGINES.get_or_init(|| match make() {
        Ok(engines) => engines,
        Err(error @ (CudaError::NoDriver | CudaError::NoDevice { .. }))
            if std::env::var_os("SNICIT_REQUIRE_GPU").is_none() =>
        {
            skipped(&format!("all tests on a GPU; {error}"));
            Vec::new()
        }
        Err(error) => panic!("{error}"),
    });
    engines.clone()
}

/// Says what was skipped, past the capture of the test harness: it must be seen.
pub(crate) fn skipped(what: &str) {
    writeln!(std::io::stderr(), "skipped: {what}").ok();
}

fn make() -> Result<Vec<TestEngine>, CudaError> {
    let usual = CudaOptions::default();
    let mut small = CudaOptions::default();
    small.weights = WeightPlacement::Streamed;
    small.mini_blocks = MiniBlockUse::Never;
    small.max_slab = NonZeroUsize::new(100);
    Ok(vec![
        TestEngine { engine: CudaEngine::with_options(&usual)?, name: "the usual options" },
        TestEngine { engine: CudaEngine::with_options(&small)?, name: "streamed weights, small slabs" },
    ])
}

/// Engines that take mini-blocks on the matrix units wherever they can, with resident and with streamed
/// weights. None if there is no GPU.
pub(crate) fn mini_block_engines() -> Vec<TestEngine> {
    static ENGINES: OnceLock<Vec<TestEngine>> = OnceLock::new();
    let make = |weights, name| {
        let mut options = CudaOptions::default();
        options.mini_blocks = MiniBlockUse::Always;
        options.weights = weights;
        TestEngine { engine: CudaEngine::with_options(&options).unwrap(), name }
    };
    let engines = ENGINES.get_or_init(|| match &engines()[..] {
        [] => Vec::new(),
        _ => vec![
            make(WeightPlacement::Auto, "mini-blocks"),
            make(WeightPlacement::Streamed, "mini-blocks, streamed weights"),
        ],
    });
    engines.clone()
}
