//! Whether data sets that many points need are there and intact, looked at once before a sweep.

use snicit_data::medium_scale::{DataSet, Letter};
use snicit_data::mnist;

use super::origin::Origin;
use super::{TRAINING_IMAGES, Workloads};
use crate::task::Workload;

/// Files that many points share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum DataFiles {
    /// MNIST's test images and labels.
    TestSet,
    /// MNIST's training images.
    TrainingImages,
}

impl Workloads {
    /// What is wrong with the data of a workload, as far as that can be told without loading it: files of MNIST that
    /// are missing, with the remedy, or damaged.
    pub(crate) fn missing_data(&mut self, workload: &Workload) -> Option<String> {
        let files = match workload {
            Workload::MediumScale { network, .. } => {
                let letter: Letter = network.parse().ok()?;
                (letter.data_set() == DataSet::Mnist).then_some(DataFiles::TestSet)?
            }
            Workload::Sdgc { neurons, inputs, .. } => {
                match self.inputs_origin(*neurons, *inputs).ok()? {
                    Origin::Mnist { .. } => DataFiles::TrainingImages,
                    _ => return None,
                }
            }
        };
        if let Some(known) = self.problems.get(&files) {
            return known.clone();
        }
        let problem = match files {
            DataFiles::TestSet => self.problem_of_test_set(),
            DataFiles::TrainingImages => {
                let file = self.mnist_file(TRAINING_IMAGES)?;
                mnist::read_images(&file).err().map(|error| error.to_string())
            }
        };
        self.problems.insert(files, problem.clone());
        problem
    }

    fn problem_of_test_set(&self) -> Option<String> {
        let source = self.trained_folder();
        for (what, file) in [("images", source.mnist_images()), ("labels", source.mnist_labels())] {
            if !file.exists() {
                let folder = self.folder.root().display();
                return Some(format!(
                    "MNIST's test {what} are missing: {}; `snicit data fetch mnist --data {folder}` fetches them",
                    file.display()
                ));
            }
        }
        source.mnist_test_set().err().map(|error| error.to_string())
    }
}
