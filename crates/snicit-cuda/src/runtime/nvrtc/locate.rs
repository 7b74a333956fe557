//! Where NVRTC may be: the order is that of NVIDIA's own Python packages.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A place to load NVRTC from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// The library if this process has loaded it already, by its bare name.
    Loaded(String),
    /// The library by its bare name, wherever the system's loader finds it.
    System(String),
    /// A file.
    File(PathBuf),
}

/// All candidates of the given major versions, best first. Files exist.
pub(crate) fn candidates(majors: &[i32]) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(named) = env::var_os("SNICIT_NVRTC").map(PathBuf::from) {
        if named.is_dir() {
            found.extend(files_in(&[named], majors));
        } else {
            found.push(Candidate::File(named));
        }
    }
    let names = || majors.iter().map(|major| format!("libnvrtc.so.{major}"));
    found.extend(names().map(Candidate::Loaded));
    let wheels: Vec<PathBuf> = site_packages().iter().flat_map(|site| wheel_folders(site)).collect();
    found.extend(files_in(&wheels, majors));
    let conda = env::var_os("CONDA_PREFIX").map(|prefix| Path::new(&prefix).join("lib"));
    found.extend(files_in(&Vec::from_iter(conda), majors));
    found.extend(names().map(Candidate::System));
    found.extend(files_in(&toolkit_folders(), majors));
    found
}

/// For each version, in each folder.
fn files_in(folders: &[PathBuf], majors: &[i32]) -> Vec<Candidate> {
    let files = majors
        .iter()
        .flat_map(|major| folders.iter().map(move |folder| folder.join(format!("libnvrtc.so.{major}"))));
    files.filter(|file| file.is_file()).map(Candidate::File).collect()
}

/// Where the wheels of CUDA 13 and 12 put the library below a `site-packages`.
fn wheel_folders(site_packages: &Path) -> [PathBuf; 2] {
    let nvidia = site_packages.join("nvidia");
    [nvidia.join("cu13/lib"), nvidia.join("cuda_nvrtc/lib")]
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
        for (folder, major) in wheel_folders(site.path()).iter().zip([13, 12]) {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(format!("libnvrtc.so.{major}")), "").unwrap();
        }
        let folders = wheel_folders(site.path());
        let files = |majors: &[i32]| files_in(&folders, majors);
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
