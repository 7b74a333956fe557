//! NVRTC, CUDA's run-time compiler: where it is, and the few of its functions that are needed.

mod library;

pub use library::Nvrtc;

use super::locate::{Wanted, candidates};
use crate::CudaError;

/// Finds and loads NVRTC. A compiler newer than the driver makes code that the driver cannot load, so
/// with `driver_major` only versions up to that major version of CUDA are taken.
///
/// # Errors
/// [`CudaError::NvrtcMissing`].
pub fn load(driver_major: Option<i32>) -> Result<Nvrtc, CudaError> {
    let fits = |nvrtc: &Nvrtc| driver_major.is_none_or(|driver| nvrtc.version().0 <= driver);
    let majors = match driver_major {
        Some(12) => &[12][..],
        _ => &[13, 12],
    };
    candidates(&wanted(majors)).into_iter().filter_map(Nvrtc::open).find(fits).ok_or_else(|| {
        let wanted = match driver_major {
            Some(major) => major.to_string(),
            None => "12 or 13".to_owned(),
        };
        CudaError::NvrtcMissing { wanted, package: package_for(driver_major) }
    })
}

/// What to look for, for these major versions, best first.
pub(crate) fn wanted(majors: &[i32]) -> Wanted {
    Wanted {
        variable: Some("SNICIT_NVRTC"),
        names: majors.iter().map(|major| format!("libnvrtc.so.{major}")).collect(),
        // Those of CUDA 13 and 12.
        wheel_folders: vec!["cu13/lib", "cuda_nvrtc/lib"],
    }
}

/// The PyPI package with NVRTC for a major version of CUDA.
pub(crate) fn package_for(driver_major: Option<i32>) -> &'static str {
    if driver_major == Some(12) { "nvidia-cuda-nvrtc-cu12" } else { "nvidia-cuda-nvrtc" }
}
