//! What answers are compared with.

use std::collections::HashMap;
use std::path::PathBuf;

use snicit::{Categories, Engine, Method, Plan, reference};

use crate::measure::Failed;
use crate::record::Answer;
use crate::task::Workload;
use crate::workloads::{Loaded, reference_cost};

/// The categories of workloads: those of a file beside network and inputs, or the float64 reference's, or, where that would take too long,
/// XY-2021's.
pub(crate) struct Truths {
    /// The most multiply-adds that the reference may take.
    limit: f64,
    known: HashMap<Workload, Truth>,
}

struct Truth {
    against: String,
    categories: Categories,
}

impl Truths {
    /// None yet; the reference gives those that cost no more than `limit` multiply-adds.
    pub(crate) fn new(limit: f64) -> Self {
        Truths { limit, known: HashMap::new() }
    }

    /// Whether the truth of a workload was found.
    pub(crate) fn knows(&self, workload: &Workload) -> bool {
        self.known.contains_key(workload)
    }

    /// Finds the truth of a workload: that of the file `beside` its own, if there is one. `categories` are those of `method`.
    pub(crate) fn find(
        &mut self,
        workload: &Workload,
        loaded: &Loaded,
        beside: Option<(PathBuf, Categories)>,
        engine: &dyn Engine,
        method: &str,
        categories: &Categories,
    ) -> Result<(), Failed> {
        let xy_2021 = Method::Xy2021.name();
        let (against, categories) = if let Some((file, categories)) = beside {
            (format!("the categories in {}", file.display()), categories)
        } else if reference_cost(&loaded.network, loaded.inputs.len()) <= self.limit {
            ("the float64 reference".to_owned(), reference::categories(&loaded.network, &loaded.inputs))
        } else if method == xy_2021 {
            (xy_2021.to_owned(), categories.clone())
        } else {
            let plan = Plan::new(Method::Xy2021);
            let prepared = engine.prepare(&loaded.network, &plan).map_err(Failed::engine)?;
            let outcome = prepared.infer(&loaded.inputs).map_err(Failed::engine)?;
            (xy_2021.to_owned(), outcome.output.categories())
        };
        let truth = Truth { against, categories };
        self.known.insert(workload.clone(), truth);
        Ok(())
    }

    /// Compares the categories of `method` with the truth, unless it is its own.
    pub(crate) fn check(
        &self,
        workload: &Workload,
        method: &str,
        categories: &Categories,
    ) -> Option<Answer> {
        let truth = self.known.get(workload).filter(|truth| truth.against != method)?;
        let difference = categories.check(&truth.categories).err().map(|mismatch| mismatch.to_string());
        Some(Answer { against: truth.against.clone(), difference })
    }
}
