//! Whether a workload fits the memory.

use crate::environment::available_memory;
use crate::task::Workload;

/// Why a workload would not fit the memory, before it is made: `given` bytes, or what the system has free.
pub(crate) fn lacks_memory(workload: &Workload, given: Option<u64>) -> Option<String> {
    let Workload::Sdgc { neurons, layers, inputs } = workload else { return None };
    let connections = (neurons * layers * snicit_data::sdgc::CONNECTIONS_PER_NEURON) as u64;
    // A weight and an index, as read and as laid out; half of the columns alive in a layer, as float32.
    let needed = connections * 16 + (*neurons * *inputs) as u64 * 2;
    let available = given.or_else(available_memory).filter(|&available| needed > available)?;
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let (needed, available) = (gib(needed), gib(available));
    let whose = if given.is_some() { "may be used" } else { "are free" };
    Some(format!("needs about {needed} of memory, {available} {whose}"))
}
