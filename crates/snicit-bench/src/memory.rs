//! Whether a workload fits the memory.

use crate::environment::available_memory;
use crate::task::Workload;

/// Why a workload would not fit the memory that is free, before it is made.
pub(crate) fn lacks_memory(workload: &Workload) -> Option<String> {
    let Workload::Sdgc { neurons, layers, inputs } = workload else { return None };
    let connections = (neurons * layers * snicit_data::sdgc::CONNECTIONS_PER_NEURON) as u64;
    // A weight and an index, as read and as laid out; half of the columns alive in a layer, as float32.
    let needed = connections * 16 + (*neurons * *inputs) as u64 * 2;
    let available = available_memory().filter(|&available| needed > available)?;
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let (needed, available) = (gib(needed), gib(available));
    Some(format!("needs about {needed} of memory, {available} are free"))
}
