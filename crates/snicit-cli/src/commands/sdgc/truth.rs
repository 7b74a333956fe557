use std::path::PathBuf;

use snicit::Categories;
use snicit_data::sdgc;

use crate::exit::Failure;
use crate::network_args::NetworkArgs;
use crate::source;

/// The argument of `--truth`.
#[derive(Debug, Clone)]
pub(super) enum TruthArg {
    None,
    File(PathBuf),
}

pub(super) fn parse(text: &str) -> Result<TruthArg, String> {
    Ok(if text.eq_ignore_ascii_case("none") { TruthArg::None } else { TruthArg::File(text.into()) })
}

/// Where the true categories are.
pub(super) struct Truth {
    file: Option<PathBuf>,
    /// Why there are none, where the user did not ask for none.
    pub(super) note: Option<String>,
}

impl Truth {
    /// Decides what to compare with: the file given, else the data folder's. An official benchmark has
    /// a truth, so there a missing file is an error; elsewhere a note.
    pub(super) fn find(
        network: &NetworkArgs,
        layers: usize,
        given: Option<&TruthArg>,
    ) -> Result<Self, Failure> {
        let neurons = network.neurons;
        let found = |file| Ok(Truth { file: Some(file), note: None });
        let none = |note| Ok(Truth { file: None, note });
        match given {
            Some(TruthArg::None) => return none(None),
            Some(TruthArg::File(file)) if file.exists() => return found(file.clone()),
            Some(TruthArg::File(file)) => {
                return Err(Failure::new(format!("the truth is missing: {}", file.display())));
            }
            None if network.weights.is_some() => {
                return none(Some("no --truth was given, so the categories are not checked".to_owned()));
            }
            None => (),
        }
        let file = source::data_folder(&network.data)?.categories(neurons, layers);
        if file.exists() {
            return found(file);
        }
        let missing = file.display();
        let target = source::target_of(&network.data);
        let command = format!("`snicit data truth -n {neurons} -l {layers}{target}`");
        if sdgc::WIDTHS.contains(&neurons) && sdgc::DEPTHS.contains(&layers) {
            return Err(Failure::new(format!(
                "the truth is missing: {missing}; {command} computes it, --truth none goes without",
            )));
        }
        none(Some(format!("the categories are not checked: there is no {missing}; {command} makes it")))
    }

    pub(super) fn read(&self) -> Result<Option<Categories>, Failure> {
        Ok(self.file.as_deref().map(sdgc::read_categories).transpose()?)
    }
}
