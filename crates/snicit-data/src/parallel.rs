use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::{DataError, Progress};

/// `make(0), make(1), …, make(count − 1)` in parallel, `done(1)` after each.
///
/// # Errors
/// That of the lowest index that fails, however the threads run. What lies behind it is skipped.
pub(crate) fn try_map<T: Send>(
    count: usize,
    done: Progress<'_>,
    make: impl Fn(usize) -> Result<T, DataError> + Sync,
) -> Result<Vec<T>, DataError> {
    let lowest_failed = AtomicUsize::new(usize::MAX);
    let made: Vec<Option<Result<T, DataError>>> = (0..count)
        .into_par_iter()
        .map(|i| {
            if i > lowest_failed.load(Ordering::Relaxed) {
                return None;
            }
            let made = make(i);
            match &made {
                Ok(_) => done(1),
                Err(_) => _ = lowest_failed.fetch_min(i, Ordering::Relaxed),
            }
            Some(made)
        })
        .collect();
    // Only indices behind a failure are missing, and collecting stops at the first failure.
    made.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_lowest_failure_is_reported() {
        for _ in 0..50 {
            let made = try_map(1000, &|_| (), |i| match i {
                300 | 301 | 900 => {
                    Err(DataError::read(Path::new(&i.to_string()), std::io::ErrorKind::Other.into()))
                }
                _ => Ok(i),
            });
            assert_eq!(made.unwrap_err().to_string(), "300: could not be read: other error");
        }
    }

    #[test]
    fn results_are_in_order_and_counted() {
        let count = AtomicUsize::new(0);
        let done = |n| _ = count.fetch_add(n as usize, Ordering::Relaxed);
        assert_eq!(try_map(100, &done, Ok).unwrap(), (0..100).collect::<Vec<_>>());
        assert_eq!(count.into_inner(), 100);
    }
}
