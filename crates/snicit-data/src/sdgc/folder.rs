use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use crate::DataError;

/// A folder that holds the challenge's files under their official names.
///
/// ```text
/// root/neuron1024/n1024-l1.tsv …          the layers, or an archive of them, neuron1024.tar[.gz]
/// root/sparse-images-1024.tsv[.gz]        the inputs
/// root/neuron1024-l120-categories.tsv     the truth
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// The layout below `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        DataFolder { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder with the layers of the network with `neurons` neurons a layer.
    pub fn network_folder(&self, neurons: usize) -> PathBuf {
        self.root.join(format!("neuron{neurons}"))
    }

    /// Where to read that network: its folder, or a tar archive of it if only that exists.
    pub fn network(&self, neurons: usize) -> PathBuf {
        let folder = self.network_folder(neurons);
        let archives = ["tar.gz", "tar"].map(|ending| folder.with_extension(ending));
        let archive = archives.into_iter().find(|archive| !folder.exists() && archive.is_file());
        archive.unwrap_or(folder)
    }

    /// The file of the inputs with `neurons` features: with `.gz` if only that exists.
    pub fn images(&self, neurons: usize) -> PathBuf {
        plain_or_gz(self.root.join(format!("sparse-images-{neurons}.tsv")))
    }

    /// The file of the true categories after `layers` layers.
    pub fn categories(&self, neurons: usize, layers: usize) -> PathBuf {
        self.root.join(format!("neuron{neurons}-l{layers}-categories.tsv"))
    }

    /// The files of true categories of this width that are there, from shallow to deep.
    ///
    /// # Errors
    /// If the folder is there and cannot be read.
    pub fn all_categories(&self, neurons: usize) -> Result<Vec<PathBuf>, DataError> {
        if !self.root.is_dir() {
            return Ok(Vec::new());
        }
        let unreadable = |reason| DataError::read(&self.root, reason);
        let prefix = format!("neuron{neurons}-l");
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let depth = name.and_then(|name| {
                let name = name.strip_prefix(&prefix)?.strip_suffix("-categories.tsv")?;
                name.parse::<usize>().ok()
            });
            found.extend(depth.map(|depth| (depth, path.clone())));
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

/// The file of layer `layer` (1-based) in a network's folder: with `.gz` if only that exists.
pub fn layer_file(folder: &Path, neurons: usize, layer: usize) -> PathBuf {
    plain_or_gz(folder.join(format!("n{neurons}-l{layer}.tsv")))
}

/// The layer number (1-based) in `…/n1024-l7.tsv`.
pub(crate) fn layer_number(path: &Path, neurons: usize) -> Option<usize> {
    let number = path.file_name()?.to_str()?.strip_prefix(&format!("n{neurons}-l"))?;
    number.strip_suffix(".tsv")?.parse().ok().filter(|&layer| layer >= 1)
}

/// The highest number of a layer in a network's folder or archive, 0 if there is none.
///
/// Layers before it may be missing; [`read_network`](super::read_network) says which. An archive is read
/// to its end.
///
/// # Errors
/// If the folder or archive cannot be read.
pub fn count_layer_files(folder: &Path, neurons: usize) -> Result<usize, DataError> {
    if folder.is_file() {
        return archive::highest_layer(folder, neurons);
    }
    let unreadable = |reason| DataError::read(folder, reason);
    let prefix = format!("n{neurons}-l");
    let mut highest = 0;
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let number = name.to_str().and_then(|name| {
            let name = name.strip_suffix(".gz").unwrap_or(name);
            name.strip_prefix(&prefix)?.strip_suffix(".tsv")?.parse::<usize>().ok()
        });
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest)
}

fn plain_or_gz(plain: PathBuf) -> PathBuf {
    let mut gz = plain.clone().into_os_string();
    gz.push(".gz");
    let gz = PathBuf::from(gz);
    if !plain.exists() && gz.exists() { gz } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gz_is_taken_when_it_is_all_there_is() {
        let root = tempfile::tempdir().unwrap();
        let data = DataFolder::new(root.path());
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(name(data.images(64)), "sparse-images-64.tsv");
        fs::write(root.path().join("sparse-images-64.tsv.gz"), "").unwrap();
        assert_eq!(name(data.images(64)), "sparse-images-64.tsv.gz");
        fs::write(root.path().join("sparse-images-64.tsv"), "").unwrap();
        assert_eq!(name(data.images(64)), "sparse-images-64.tsv");
        assert_eq!(name(data.network(64)), "neuron64");
        fs::write(root.path().join("neuron64.tar.gz"), "").unwrap();
        assert_eq!(name(data.network(64)), "neuron64.tar.gz");
        fs::create_dir(root.path().join("neuron64")).unwrap();
        assert_eq!(name(data.network(64)), "neuron64");
        assert_eq!(name(data.categories(64, 120)), "neuron64-l120-categories.tsv");
        assert!(data.all_categories(64).unwrap().is_empty());
        for (neurons, layers) in [(64, 480), (64, 1920), (64, 120), (640, 120)] {
            fs::write(data.categories(neurons, layers), "").unwrap();
        }
        let all: Vec<String> = data.all_categories(64).unwrap().into_iter().map(name).collect();
        let depths = [120, 480, 1920].map(|layers| format!("neuron64-l{layers}-categories.tsv"));
        assert_eq!(all, depths);
        assert!(DataFolder::new(root.path().join("none")).all_categories(64).unwrap().is_empty());
    }

    #[test]
    fn the_highest_layer_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(count_layer_files(folder.path(), 64).unwrap(), 0);
        for name in
            ["n64-l1.tsv", "n64-l12.tsv.gz", "n64-l2.tsv", "n640-l99.tsv", "n64-l77.txt", "n64-lx.tsv"]
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(count_layer_files(folder.path(), 64).unwrap(), 12);
        assert_eq!(name_of(layer_file(folder.path(), 64, 12)), "n64-l12.tsv.gz");
        assert_eq!(name_of(layer_file(folder.path(), 64, 13)), "n64-l13.tsv");
    }

    fn name_of(path: PathBuf) -> String {
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }
}
