//! The generator against layers of the challenge itself.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use snicit::{Network, SparseWeights};
use snicit_data::{radixnet, sdgc};

mod common;

const NEURONS: usize = 1024;
const CLASSES: usize = 64;
const BLOCK: usize = 6;

#[test]
fn the_first_block_is_the_official_one_byte_for_byte() {
    let Some(folder) = common::shared("the_first_block", "sdgc-1024-official-subset") else { return };
    let network = radixnet::generate(NEURONS, BLOCK, -0.3, 12345, &|_| ()).unwrap();
    let written = tempfile::tempdir().unwrap();
    sdgc::write_network(written.path(), &network, &|_| ()).unwrap();
    for layer in 1..=BLOCK {
        let ours = fs::read(written.path().join(format!("n1024-l{layer}.tsv"))).unwrap();
        let official = fs::File::open(folder.join(format!("n1024-l{layer}.tsv.gz"))).unwrap();
        let mut theirs = Vec::new();
        GzDecoder::new(official).read_to_end(&mut theirs).unwrap();
        assert!(ours == theirs, "layer {layer}");
    }
}

#[test]
fn official_blocks_have_one_permutation_each() {
    let Some(folder) = common::shared("official_blocks", "sdgc-1024-official-subset") else { return };
    let official = sdgc::read_network(&folder, NEURONS, 30, -0.3, &|_| ()).unwrap();
    let generated = radixnet::generate(NEURONS, 30, -0.3, 1, &|_| ()).unwrap();
    for network in [official, generated] {
        let mut permutations: Vec<Vec<usize>> = (0..5).map(|block| classes(&network, block)).collect();
        permutations.sort();
        permutations.dedup();
        assert_eq!(permutations.len(), 5, "every block has another permutation");
    }
}

/// The class (its number before the permutation, mod 64) of every input of a block; panics if the block
/// is not the base block after one permutation of the inputs.
fn classes(network: &Network, block: usize) -> Vec<usize> {
    let layers: Vec<&SparseWeights> =
        network.layers()[block * BLOCK..][..BLOCK].iter().map(|layer| layer.weights()).collect();
    // At place k an input of class c is connected to the outputs of the classes c and c − 2^k. The only
    // class common to all places is c.
    let classes: Vec<usize> = (0..NEURONS)
        .map(|input| {
            let connected = |layer: &SparseWeights, class: usize| {
                layer.row(class).0.binary_search(&(input as u32)).is_ok()
            };
            let candidates: Vec<usize> = (0..CLASSES)
                .filter(|&class| layers.iter().all(|layer| connected(layer, class)))
                .collect();
            assert_eq!(candidates.len(), 1, "input {input} of block {block}");
            candidates[0]
        })
        .collect();
    for (place, layer) in layers.iter().enumerate() {
        for output in 0..NEURONS {
            let first = output % CLASSES;
            let second = (first + (1 << place)) % CLASSES;
            let expected: Vec<u32> = (0..NEURONS)
                .filter(|&input| classes[input] == first || classes[input] == second)
                .map(|input| input as u32)
                .collect();
            assert_eq!(layer.row(output).0, expected, "block {block}, place {place}, output {output}");
        }
    }
    classes
}
