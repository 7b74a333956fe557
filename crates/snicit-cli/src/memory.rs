//! The memory of this process.

use crate::exit::Failure;
use crate::units::bytes;

/// The largest amount of memory this process ever occupied, in bytes; `None` where the system does not
/// tell.
pub(crate) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Refuses what the system would refuse later by ending the process: `needed` bytes for `what`.
pub(crate) fn check(needed: u128, what: &str) -> Result<(), Failure> {
    let reservable = |needed: usize| Vec::<u8>::new().try_reserve_exact(needed).is_ok();
    if usize::try_from(needed).is_ok_and(reservable) {
        return Ok(());
    }
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    Err(Failure::new(format!("{what} need {} of memory, more than there is", bytes(needed))))
}
