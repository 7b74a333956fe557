//! Networks read straight from a tar archive.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;

use common::{gzip, tar};
use snicit::Network;
use snicit_data::{DataError, radixnet, sdgc};

mod common;

const ONE: &[u8] = b"1\t1\t0.5\n2\t1\t0.5\n";
const TWO: &[u8] = b"2\t2\t0.25\n1\t3\t-1\n";

fn read(archive: &[u8], neurons: usize, layers: usize) -> Result<Network, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.tar.gz");
    fs::write(&file, archive).unwrap();
    let show =
        |error: DataError| error.to_string().replace(&format!("{}/", folder.path().display()), "");
    sdgc::read_network(&file, neurons, layers, -0.3, &|_| ()).map_err(show)
}

#[test]
fn archives_give_what_the_folder_gives() {
    let folder = tempfile::tempdir().unwrap();
    // Files longer than a block, in the order that `tar` and a shell's `*` give.
    let network = radixnet::generate(2048, 12, -0.3, 1, &|_| ()).unwrap();
    sdgc::write_network(folder.path(), &network, &|_| ()).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = (1..=12)
        .map(|layer| {
            let name = format!("n2048-l{layer}.tsv");
            let text = fs::read(folder.path().join(&name)).unwrap();
            (format!("neuron2048/{name}"), text)
        })
        .collect();
    files.sort();
    files.insert(3, ("neuron2048/README".to_owned(), b"not a layer".to_vec()));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let plain = tar(&files);
    for archive in [gzip(&plain), plain] {
        for layers in [1, 3, 12] {
            let read = read(&archive, 2048, layers).unwrap();
            assert_eq!(read.layers().len(), layers);
            for (read, made) in read.layers().iter().zip(network.layers()) {
                assert_eq!(read.weights(), made.weights());
            }
        }
    }
}

#[test]
fn damaged_archives_are_named() {
    let good = tar(&[("n/n3-l1.tsv", ONE), ("n/n3-l2.tsv", TWO)]);
    let long_line = vec![b'1'; 300_000];
    let zipped = gzip(&good);
    let table: Vec<(&str, Vec<u8>, usize, &str)> = vec![
        (
            "a layer too few",
            good.clone(),
            3,
            "net.tar.gz/n3-l3.tsv: layer 3 of 3 is missing; 2 of these layers exist, the highest layer \
             present is 2",
        ),
        (
            "a bad line",
            tar(&[("n/n3-l1.tsv", ONE), ("n/n3-l2.tsv", b"1\t1\t1\n1\t4\t1\n")]),
            2,
            "net.tar.gz/n3-l2.tsv, line 2: output neuron is 4, expected 1 to 3",
        ),
        (
            "an empty layer",
            tar(&[("n/n3-l1.tsv", b""), ("n/n3-l2.tsv", TWO)]),
            2,
            "net.tar.gz/n3-l1.tsv: the file is empty, expected lines of 3 fields (input neuron, output \
             neuron, weight)",
        ),
        (
            "a layer twice",
            tar(&[("a/n3-l1.tsv", ONE), ("b/n3-l1.tsv", ONE)]),
            2,
            "net.tar.gz: the tar archive is damaged: layer 1 is in it twice",
        ),
        (
            "an endless line",
            tar(&[("n/n3-l1.tsv", ONE), ("n/n3-l2.tsv", &long_line)]),
            2,
            "net.tar.gz/n3-l2.tsv, line 1: the line is longer than 262144 bytes, expected 3 fields (input \
             neuron, output neuron, weight)",
        ),
        (
            "truncated within a layer",
            good[..512 + 8].to_vec(),
            2,
            "net.tar.gz: the tar archive is damaged: layer 1 ends after 8 of 16 bytes, the archive is \
             truncated",
        ),
        (
            "gzip, truncated",
            zipped[..zipped.len() / 2].to_vec(),
            2,
            "net.tar.gz: the gzip data end too early, the file is truncated",
        ),
        (
            "gzip, other bytes behind it",
            [gzip(&good[..700]), b"twenty bytes behind.".to_vec()].concat(),
            2,
            "net.tar.gz: the gzip data are corrupt: invalid gzip header",
        ),
        (
            "empty",
            vec![],
            1,
            "net.tar.gz/n3-l1.tsv: layer 1 of 1 is missing; 0 of these layers exist, the highest layer \
             present is 0",
        ),
    ];
    for (damage, archive, layers, expected) in table {
        assert_eq!(read(&archive, 3, layers).unwrap_err(), expected, "{damage}");
    }
    let text = b"1\t1\t1\n".repeat(1000);
    let error = read(&text, 3, 1).unwrap_err();
    assert!(error.starts_with("net.tar.gz: the tar archive is damaged: "), "{error}");
    assert!(read(&good, 3, 2).is_ok());
}
