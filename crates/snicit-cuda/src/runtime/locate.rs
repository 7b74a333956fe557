//! Where CUDA's libraries may be: the order is that of NVIDIA's own Python packages.

use std::env;
use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};

use libloading::Library;

/// A library to look for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The environment variable that may name it or its folder.
    pub(crate) variable: Option<&'static str>,
    /// Its file names, best first.
    pub(crate) names: Vec<String>,
    /// Where Python's packages put it, below `nvidia` in a `site-packages`.
    pub(crate) wheel_folders: Vec<&'static str>,
}

/// A place to load a library from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// The library if this process has loaded it already, by its bare name.
    Loaded(String),
    /// The library by its bare name, wherever the system's loader finds it.
    System(String),
    /// A file.
    File(PathBuf),
}

impl Candidate {
    /// Loads the library; `None` if it is not there or cannot be loaded. `companions` are beginnings of the
    /// names of libraries that it needs and might not find by itself; they are loaded before it, from its
    /// folder or `folders` beside it, and stay.
    pub(crate) fn load(self, companions: &[&str], folders: &[&str]) -> Option<(Library, PathBuf)> {
        match self {
            Candidate::Loaded(name) => Some((open_loaded(&name)?, PathBuf::from(name))),
            // SAFETY: the initialisers of CUDA's libraries have no preconditions.
            Candidate::System(name) => Some((unsafe { Library::new(&name) }.ok()?, PathBuf::from(name))),
            Candidate::File(path) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                preload(folder, companions);
                folders.iter().for_each(|beside| preload(&folder.join(beside), companions));
                // SAFETY: as above.
                Some((unsafe { Library::new(&path) }.ok()?, path))
            }
        }
    }
}

/// Loads the libraries of a folder whose names begin so. A library that is already loaded under a name is taken
/// by whoever asks for that name.
fn preload(folder: &Path, beginnings: &[&str]) {
    for path in beginnings.iter().flat_map(|beginning| folders_beginning(folder, beginning)) {
        // SAFETY: a library of CUDA, as above.
        if let Ok(library) = unsafe { Library::new(path) } {
            // It must stay: its functions are taken at any later time.
            std::mem::forget(library);
        }
    }
}

/// The library if this process has loaded it under that name.
#[cfg(unix)]
fn open_loaded(name: &str) -> Option<Library> {
    use libloading::os::unix::{Library as UnixLibrary, RTLD_LAZY};
    /// Do not load, only look (glibc and musl agree on the number).
    const RTLD_NOLOAD: c_int = 4;
    // SAFETY: nothing is loaded, so no initialiser runs.
    unsafe { UnixLibrary::open(Some(name), RTLD_LAZY | RTLD_NOLOAD) }.ok().map(Library::from)
}

#[cfg(not(unix))]
fn open_loaded(_name: &str) -> Option<Library> {
    None
}

/// All candidates, best first. Files exist.
pub(crate) fn candidates(wanted: &Wanted) -> Vec<Candidate> {
    let names = &wanted.names;
    let mut found = Vec::new();
    if let Some(named) = wanted.variable.and_then(env::var_os).map(PathBuf::from) {
        if named.is_dir() {
            found.extend(files_in(&[named], names));
        } else {
            found.push(Candidate::File(named));
        }
    }
    found.extend(names.iter().cloned().map(Candidate::Loaded));
    let wheels: Vec<PathBuf> =
        site_packages().iter().flat_map(|site| wheel_folders(site, wanted)).collect();
    found.extend(files_in(&wheels, names));
    let conda = env::var_os("CONDA_PREFIX").map(|prefix| Path::new(&prefix).join("lib"));
    found.extend(files_in(&Vec::from_iter(conda), names));
    found.extend(names.iter().cloned().map(Candidate::System));
    found.extend(files_in(&toolkit_folders(), names));
    found
}

/// For each name, in each folder.
fn files_in(folders: &[PathBuf], names: &[String]) -> Vec<Candidate> {
    let files = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    files.filter(|file| file.is_file()).map(Candidate::File).collect()
}

/// Where wheels put the library below a `site-packages`.
fn wheel_folders(site_packages: &Path, wanted: &Wanted) -> Vec<PathBuf> {
    wanted.wheel_folders.iter().map(|folder| site_packages.join("nvidia").join(folder)).collect()
}

/// The folders in which Python looks for packages: those of the active environment, of the `python3` on
/// the path, of the user and of the system. Python itself is not run.
fn site_packages() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = split_paths("PYTHONPATH");
    let mut prefixes: Vec<PathBuf> =
        ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(env::var_os).map(PathBuf::from).collect();
    let python = split_paths("PATH").into_iter().map(|folder| folder.join("python3"));
    for python in python.filter(|python| python.exists()) {
        let prefix = |file: &Path| Some(file.parent()?.parent()?.to_owned());
        prefixes.extend(prefix(&python));
        prefixes.extend(fs::canonicalize(&python).ok().as_deref().and_then(prefix));
    }
    prefixes.extend(env::var_os("HOME").map(|home| Path::new(&home).join(".local")));
    prefixes.extend(["/usr/local", "/usr"].map(PathBuf::from));
    for prefix in prefixes {
        for version in folders_beginning(&prefix.join("lib"), "python3") {
            folders.extend(["site-packages", "dist-packages"].map(|name| version.join(name)));
        }
    }
    folders
}

/// The libraries of installed toolkits.
fn toolkit_folders() -> Vec<PathBuf> {
    let named = ["CUDA_PATH", "CUDA_HOME"].iter().filter_map(env::var_os).map(PathBuf::from);
    let toolkits = named.chain(folders_beginning(Path::new("/usr/local"), "cuda"));
    toolkits.flat_map(|root| ["lib64", "lib"].map(|lib| root.join(lib))).collect()
}

fn split_paths(variable: &str) -> Vec<PathBuf> {
    env::var_os(variable).map(|paths| env::split_paths(&paths).collect()).unwrap_or_default()
}

/// The entries of `folder` whose name begins so, last first (newer versions have later names).
fn folders_beginning(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let begins = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(beginning);
    let mut paths: Vec<PathBuf> = entries.filter(begins).map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths.reverse();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_of_both_versions_are_found_the_wanted_version_first() {
        let site = tempfile::tempdir().unwrap();
        let wanted = crate::runtime::nvrtc::wanted(&[13, 12]);
        let folders = wheel_folders(site.path(), &wanted);
        for (folder, name) in folders.iter().zip(&wanted.names) {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), "").unwrap();
        }
        let files = |majors: &[i32]| files_in(&folders, &crate::runtime::nvrtc::wanted(majors).names);
        let thirteen = Candidate::File(site.path().join("nvidia/cu13/lib/libnvrtc.so.13"));
        let twelve = Candidate::File(site.path().join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12"));
        assert_eq!(files(&[13, 12]), [thirteen, twelve.clone()]);
        assert_eq!(files(&[12]), [twelve]);
    }

    #[test]
    fn newer_folders_come_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["python3.9", "python3.12", "perl"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let found = folders_beginning(root.path(), "python3");
        assert_eq!(found.len(), 2);
        assert_eq!(folders_beginning(&root.path().join("missing"), "python3"), Vec::<PathBuf>::new());
    }
}
