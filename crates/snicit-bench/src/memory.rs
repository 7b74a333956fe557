//! Whether a workload fits the memory.

use crate::environment::available_memory;
use crate::numbers::bytes;
use crate::task::Workload;

/// Why a workload would not fit the memory that is free, before it is made.
pub(crate) fn lacks_memory(workload: &Workload) -> Option<String> {
    let Workload::Sdgc { neurons, layers, inputs } = workload else { return None };
    let connections = (neurons * layers * snicit_data::sdgc::CONNECTIONS_PER_NEURON) as u64;
    // A weight and an index, as read and as laid out; half of the columns alive in a layer, as float32.
    let needed = connections * 16 + (*neurons * *inputs) as u64 * 2;
    let available = available_memory().filter(|&available| needed > available)?;
    let (needed, available) = (bytes(needed), bytes(available));
    Some(format!("needs about {needed} of memory, {available} are free"))
}
