//! Finding and loading cuSPARSE and cuBLAS.

use std::path::{Path, PathBuf};

use super::PeerLibrary;
use super::cublas::CuBlas;
use super::cusparse::CuSparse;
use super::handle::Functions;
use crate::CudaError;
use crate::error::DriverContext;
use crate::runtime::locate::{Candidate, Wanted, candidates};
use crate::runtime::{Device, driver_version};

/// A loaded library with its functions.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) functions: LibraryFunctions,
    version: i32,
    path: PathBuf,
    /// Loaded for as long as its functions are in use.
    _library: libloading::Library,
}

#[derive(Debug)]
pub(super) enum LibraryFunctions {
    CuSparse(CuSparse),
    CuBlas(CuBlas),
}

impl Library {
    /// The first that is found, can be loaded and accepts the GPU.
    pub(super) fn open(device: &Device, kind: PeerLibrary) -> Result<Self, CudaError> {
        let (driver_major, _) = driver_version()?;
        device.context.bind_to_thread().to("switch to the GPU")?;
        let found = candidates(&wanted(kind, driver_major));
        found.into_iter().find_map(|candidate| Self::load(candidate, kind)).ok_or(
            CudaError::LibraryMissing {
                library: kind.name(),
                package: match (kind, driver_major) {
                    (PeerLibrary::CuSparse, 12) => "nvidia-cusparse-cu12",
                    (PeerLibrary::CuSparse, _) => "nvidia-cusparse",
                    (PeerLibrary::CuBlas, 12) => "nvidia-cublas-cu12",
                    (PeerLibrary::CuBlas, _) => "nvidia-cublas",
                },
            },
        )
    }

    fn load(candidate: Candidate, kind: PeerLibrary) -> Option<Self> {
        let (library, path) = match kind {
            PeerLibrary::CuSparse => candidate.load(&["libnvJitLink.so"], &["../../nvjitlink/lib"])?,
            PeerLibrary::CuBlas => candidate.load(&["libcublasLt.so"], &[])?,
        };
        // SAFETY: the library carries the name of the one whose functions are looked for; one that is
        // missing is an error.
        let functions = unsafe {
            match kind {
                PeerLibrary::CuSparse => LibraryFunctions::CuSparse(CuSparse::resolve(&library).ok()?),
                PeerLibrary::CuBlas => LibraryFunctions::CuBlas(CuBlas::resolve(&library).ok()?),
            }
        };
        // One for a newer driver fails here.
        let version = match &functions {
            LibraryFunctions::CuSparse(functions) => functions.version().ok()?,
            LibraryFunctions::CuBlas(functions) => functions.version().ok()?,
        };
        Some(Library { functions, version, path, _library: library })
    }

    pub(super) fn kind(&self) -> PeerLibrary {
        match self.functions {
            LibraryFunctions::CuSparse(_) => PeerLibrary::CuSparse,
            LibraryFunctions::CuBlas(_) => PeerLibrary::CuBlas,
        }
    }

    pub(super) fn version(&self) -> i32 {
        self.version
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn wanted(kind: PeerLibrary, driver_major: i32) -> Wanted {
    let thirteen = driver_major >= 13;
    let (names, folder): (&[&str], _) = match kind {
        // The same name for CUDA 12 and 13.
        PeerLibrary::CuSparse => (&["libcusparse.so.12"], "cusparse/lib"),
        PeerLibrary::CuBlas if thirteen => (&["libcublas.so.13", "libcublas.so.12"], "cublas/lib"),
        PeerLibrary::CuBlas => (&["libcublas.so.12"], "cublas/lib"),
    };
    Wanted {
        variable: None,
        names: names.iter().map(|&name| name.to_owned()).collect(),
        wheel_folders: if thirteen { vec!["cu13/lib", folder] } else { vec![folder] },
    }
}
