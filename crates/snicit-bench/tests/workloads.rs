//! Where networks and inputs come from, and that it is said.

use std::fs;

use snicit_bench::{BenchError, Workload, Workloads};
use snicit_data::sdgc::{self, DataFolder};
use snicit_data::{digits, radixnet};

const WORKLOAD: Workload = Workload::Sdgc { neurons: 1024, layers: 3, inputs: 20 };

/// What is told before loading is what is loaded: a sweep takes points over by it.
#[test]
fn sources_are_told_before_and_after_loading() {
    let root = tempfile::tempdir().unwrap();
    let folder = DataFolder::new(root.path());
    let mut told = Vec::new();
    let mut look = || {
        let mut workloads = Workloads::new(folder.clone(), None);
        let before = workloads.sources(&WORKLOAD).unwrap();
        let loaded = workloads.load(&WORKLOAD).unwrap();
        assert_eq!(before, loaded.sources);
        assert_eq!((loaded.network.layers().len(), loaded.inputs.len()), (3, 20));
        told.push((before.network, before.inputs));
        workloads.take_notes()
    };
    assert!(look().is_empty());

    // MNIST, of which the first images are taken: 25 images of 28 × 28.
    let mut idx: Vec<u8> = [0x0803_u32, 25, 28, 28].iter().flat_map(|n| n.to_be_bytes()).collect();
    idx.extend((0..25 * 28 * 28).map(|i| if i % 7 < 2 { 200 } else { 0 }));
    fs::create_dir(root.path().join("mnist")).unwrap();
    fs::write(root.path().join("mnist/train-images-idx3-ubyte"), idx).unwrap();
    look();

    // Files of the challenge come first; a network with too few layers is none.
    let network = radixnet::generate(1024, 2, -0.3, 5, &|_| ()).unwrap();
    sdgc::write_network(&folder.network_folder(1024), &network, &|_| ()).unwrap();
    let inputs = digits::generate(30, 32, 5).into();
    sdgc::write_inputs(&root.path().join("sparse-images-1024.tsv"), &inputs).unwrap();
    let notes = look();
    let [note] = &notes[..] else { panic!("{notes:?}") };
    assert!(note.ends_with("neuron1024 has 2 of 3 layers; the network is generated instead"), "{note}");
    let network = radixnet::generate(1024, 4, -0.3, 5, &|_| ()).unwrap();
    sdgc::write_network(&folder.network_folder(1024), &network, &|_| ()).unwrap();
    look();

    let (networks, inputs): (Vec<String>, Vec<String>) = told.into_iter().unzip();
    assert!(networks[..3].iter().all(|network| network.starts_with("generated")), "{networks:?}");
    assert!(networks[3].starts_with("files of ") && networks[3].ends_with("neuron1024"), "{networks:?}");
    assert!(inputs[0].starts_with("drawn digits") && inputs[1].contains("MNIST"), "{inputs:?}");
    assert!(inputs[2..].iter().all(|inputs| inputs.ends_with("sparse-images-1024.tsv")), "{inputs:?}");
}

/// What a workload's files are known by.
fn identities(folder: &DataFolder, workload: &Workload) -> (Option<String>, Option<String>) {
    let sources =
        Workloads::new(folder.clone(), None).sources(workload).expect("sources that can be told");
    (sources.network_identity, sources.inputs_identity)
}

/// Points that were measured on other files must not be taken over: the same name is not enough.
#[test]
fn files_are_told_from_others_of_the_same_name() {
    let root = tempfile::tempdir().unwrap();
    let folder = DataFolder::new(root.path());
    assert_eq!(identities(&folder, &WORKLOAD), (None, None));
    let write = |layers: usize, seed: u64| {
        let network = radixnet::generate(1024, layers, -0.3, seed, &|_| ()).unwrap();
        sdgc::write_network(&folder.network_folder(1024), &network, &|_| ()).unwrap();
    };
    write(4, 5);
    let images = root.path().join("sparse-images-1024.tsv");
    sdgc::write_inputs(&images, &digits::generate(30, 32, 5).into()).unwrap();
    let before = identities(&folder, &WORKLOAD);
    assert!(before.0.is_some() && before.1.is_some());
    assert_eq!(identities(&folder, &WORKLOAD), before);
    assert_eq!(
        Workloads::new(folder.clone(), None).load(&WORKLOAD).unwrap().sources.network_identity,
        before.0
    );

    // Nor those that were judged by another truth.
    let truth = || Workloads::new(folder.clone(), None).sources(&WORKLOAD).unwrap().categories_identity;
    let mut told = vec![truth()];
    for categories in ["1\n2\n", "1\n3\n"] {
        fs::write(folder.categories(1024, 3), categories).unwrap();
        told.push(truth());
    }
    assert!(
        told[0].is_none() && told[1].is_some() && told[2].is_some() && told[1] != told[2],
        "{told:?}"
    );

    // A layer that the workload does not have does not count, one that it has does.
    let layer = |layer| sdgc::layer_file(&folder.network_folder(1024), 1024, layer);
    fs::write(layer(4), fs::read(layer(3)).unwrap()).unwrap();
    assert_eq!(identities(&folder, &WORKLOAD).0, before.0);
    fs::write(layer(3), fs::read(layer(4)).unwrap()).unwrap();
    assert_ne!(identities(&folder, &WORKLOAD).0, before.0);
    sdgc::write_inputs(&images, &digits::generate(30, 32, 6).into()).unwrap();
    assert_ne!(identities(&folder, &WORKLOAD).1, before.1);

    // MNIST is known by its contents: a copy is the same.
    fs::remove_file(&images).unwrap();
    fs::create_dir(root.path().join("mnist")).unwrap();
    let mnist = root.path().join("mnist/train-images-idx3-ubyte");
    fs::write(&mnist, "one").unwrap();
    let one = identities(&folder, &WORKLOAD).1;
    fs::write(&mnist, "two").unwrap();
    assert_ne!(identities(&folder, &WORKLOAD).1, one);
    fs::write(&mnist, "one").unwrap();
    assert_eq!(identities(&folder, &WORKLOAD).1, one);
    fs::create_dir(root.path().join("again")).unwrap();
    fs::rename(root.path().join("mnist"), root.path().join("again/mnist")).unwrap();
    assert_eq!(identities(&DataFolder::new(root.path().join("again")), &WORKLOAD).1, one);
}

/// Networks are trained again under the same name: points measured on another one must not be taken over.
#[test]
fn trained_networks_are_told_apart_by_their_digest() {
    let root = tempfile::tempdir().unwrap();
    let mut workloads = Workloads::new(DataFolder::new(root.path()), None);
    let medium = |network: &str| Workload::MediumScale { network: network.to_owned(), inputs: 10 };
    // Without the test set nobody can tell whether it is the same.
    assert_eq!(workloads.sources(&medium("A")), None);
    fs::create_dir(root.path().join("mnist")).unwrap();
    for file in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::write(root.path().join("mnist").join(file), file).unwrap();
    }
    let mut networks: Vec<String> = ["A", "B", "C", "D"]
        .map(|network| workloads.sources(&medium(network)).unwrap().network)
        .to_vec();
    let digest = |text: &String| text.split_once(", XXH3 ").unwrap().1.to_owned();
    assert!(networks.iter().all(|network| digest(network).len() == 16), "{networks:?}");
    // The only one that needs no data.
    assert_eq!(workloads.load(&medium("D")).unwrap().sources.network, networks[3]);
    networks.sort_by_key(digest);
    networks.dedup_by_key(|network| digest(network));
    assert_eq!(networks.len(), 4);
    assert_eq!(workloads.sources(&medium("E")), None);
}

#[test]
fn too_few_inputs_are_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = DataFolder::new(root.path());
    let inputs = digits::generate(7, 32, 5).into();
    sdgc::write_inputs(&root.path().join("sparse-images-1024.tsv"), &inputs).unwrap();
    let error = Workloads::new(folder, None).load(&WORKLOAD).unwrap_err();
    assert!(matches!(error, BenchError::Nothing(_)));
    assert!(error.to_string().ends_with("sparse-images-1024.tsv has 7 inputs, expected 20"), "{error}");
}
