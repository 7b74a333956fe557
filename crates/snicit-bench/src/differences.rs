//! In what the circumstances of two measurements differ.

use crate::environment::{Environment, Library};
use crate::record::Sources;

/// What is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `the device`.
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// What differs between two machines, devices or programs; load and size of the memory do not count.
pub(crate) fn of_environments(before: &Environment, after: &Environment) -> Vec<Difference> {
    between(facts(before), facts(after))
}

/// What differs between two data.
pub(crate) fn of_sources(before: &Sources, after: &Sources) -> Vec<Difference> {
    let facts = |sources: &Sources| {
        let Sources { network, network_identity, inputs, inputs_identity, categories_identity } =
            sources;
        let known = |identity: &Option<String>| identity.clone().unwrap_or_else(|| "none".to_owned());
        vec![
            ("the source of the network".to_owned(), network.clone()),
            ("what the network's files are known by".to_owned(), known(network_identity)),
            ("the source of the inputs".to_owned(), inputs.clone()),
            ("what the file of the inputs is known by".to_owned(), known(inputs_identity)),
            ("what the file of the true categories is known by".to_owned(), known(categories_identity)),
        ]
    };
    between(facts(before), facts(after))
}

/// All that must be the same; written so that a new fact cannot be forgotten.
fn facts(environment: &Environment) -> Vec<(String, String)> {
    let Environment {
        processor,
        cores,
        memory_bytes: _,
        system,
        device,
        libraries,
        version,
        program,
        compiler,
        build,
        load_average: _,
    } = environment;
    let of_libraries = libraries
        .iter()
        .map(|Library { name, version }| (format!("the version of {name}"), version.clone()));
    [
        ("the device", device),
        ("the processor", processor),
        ("the number of cores", &cores.to_string()),
        ("the system", system),
        ("the version", version),
        ("the program", program),
        ("the compiler", compiler),
        ("the build", build),
    ]
    .into_iter()
    .map(|(what, value)| (what.to_owned(), value.clone()))
    .chain(of_libraries)
    .collect()
}

fn between(before: Vec<(String, String)>, after: Vec<(String, String)>) -> Vec<Difference> {
    let value = |facts: &[(String, String)], what: &str| {
        let found = facts.iter().find(|(other, _)| other == what);
        found.map_or_else(|| "none".to_owned(), |(_, value)| value.clone())
    };
    let new = after.iter().filter(|(what, _)| !before.iter().any(|(other, _)| other == what));
    before
        .iter()
        .chain(new)
        .map(|(what, _)| Difference {
            what: what.clone(),
            before: value(&before, what),
            after: value(&after, what),
        })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_compared_by_name() {
        let library =
            |name: &str, version: &str| Library { name: name.to_owned(), version: version.to_owned() };
        let with = |libraries| Environment::current("GPU".to_owned(), libraries);
        let before = with(vec![library("NVRTC", "12.8"), library("cuBLAS", "120800")]);
        let after = with(vec![library("cuSPARSE", "12500"), library("NVRTC", "12.9")]);
        let found = of_environments(&before, &after);
        let told: Vec<(&str, &str, &str)> = found
            .iter()
            .map(|Difference { what, before, after }| (&**what, &**before, &**after))
            .collect();
        let expected = [
            ("the version of NVRTC", "12.8", "12.9"),
            ("the version of cuBLAS", "120800", "none"),
            ("the version of cuSPARSE", "none", "12500"),
        ];
        assert_eq!(told, expected);
        assert!(before.same_setup(&before) && !before.same_setup(&after));
    }
}
